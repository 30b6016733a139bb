"""Who may talk to whom under the chart's NetworkPolicies: the rules of the Kubernetes documentation, worked out for two ends.

A pod that no policy selects may do everything; one that is selected may do what one of its policies allows. A connection
needs both ends: egress of the one that calls and ingress of the one that is called.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any


@dataclass(frozen=True)
class End:
    """A pod (labels) of the release's namespace, or an address outside of it."""

    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""


def may_connect(policies: list[dict[str, Any]], caller: End, called: End, port: int, protocol: str = "TCP") -> bool:
    """Whether the connection is let through at both ends."""
    leaves = _allows(_rules(policies, "Egress", caller), "to", called, (protocol, port))
    return leaves and _allows(_rules(policies, "Ingress", called), "from", caller, (protocol, port))


def _rules(policies: list[dict[str, Any]], kind: str, end: End) -> list[dict[str, Any]]:
    """Of one direction: what the policies that select this pod allow; everything where none does."""
    mine = [spec for spec in policies if kind in spec["policyTypes"] and _matches(spec["podSelector"], end.labels)]
    is_free = bool(end.address) or not mine  # no policy of this namespace binds what is not a pod
    return [{}] if is_free else [rule for spec in mine for rule in spec.get(kind.lower(), [])]


def _allows(rules: list[dict[str, Any]], peers: str, there: End, port: tuple[str, int]) -> bool:
    return any(_has_port(rule, *port) and _has_peer(rule.get(peers), there) for rule in rules)


def _has_port(rule: dict[str, Any], protocol: str, port: int) -> bool:
    ports = rule.get("ports")
    return not ports or any(item.get("protocol", "TCP") == protocol and item["port"] == port for item in ports)


def _has_peer(peers: list[dict[str, Any]] | None, there: End) -> bool:
    return not peers or any(_is_peer(peer, there) for peer in peers)


def _is_peer(peer: dict[str, Any], there: End) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        # Pods are told from addresses here: whether an ipBlock holds a pod depends on the network plugin.
        return bool(there.address) and _is_in(there.address, block["cidr"]) and not any(
            _is_in(there.address, hole) for hole in block.get("except", [])
        )  # fmt: skip
    if "namespaceSelector" in peer:
        return False  # no pod of another namespace is asked about
    return not there.address and _matches(peer["podSelector"], there.labels)


def _is_in(address: str, cidr: str) -> bool:
    return ip_address(address) in ip_network(cidr)


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    wanted = selector.get("matchLabels", {})
    expressions = selector.get("matchExpressions", [])
    assert all(item["operator"] == "In" for item in expressions)
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        labels.get(item["key"]) in item["values"] for item in expressions
    )
