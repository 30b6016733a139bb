"""The examples do not starve themselves: everything that may run at once has room on the cluster that each is written for."""

import pytest
import yaml
from kubernetes_api import CHART, render

# Nodes, CPUs and GiB of each; of these Kubernetes and the system keep some for themselves.
CLUSTERS = {
    "trial": (1, 4, 8),
    "production": (24, 16, 64),
    "240-shards": (6, 8, 32),
    "everything": (24, 8, 32),
    "existing-claim": (25, 8, 32),
    "external-postgres": (25, 8, 32),
}
SYSTEM_CPU, SYSTEM_GIB = 0.4, 2.0
UNITS = {"m": 1e-3, "Mi": 2**-10, "Gi": 1.0, "Ti": 2.0**10}


def quantity(text):
    """CPUs, or GiB."""
    suffix = str(text).lstrip("0123456789.")
    return float(str(text).removesuffix(suffix)) * UNITS.get(suffix, 1.0)


def requests_of(resources):
    return quantity(resources["requests"]["cpu"]), quantity(resources["requests"]["memory"])


def at_once(values):
    """Requests of all pods that may run at once: servers, as many decode pods as their pool lets, and other runs."""
    for item in render("--values", str(values)):
        if item["kind"] in {"Deployment", "StatefulSet"}:
            [container] = item["spec"]["template"]["spec"]["containers"]
            yield from [requests_of(container["resources"])] * item["spec"]["replicas"]
    given = yaml.safe_load(values.read_text()).get("runs", {})
    usual = yaml.safe_load((CHART / "values.yaml").read_text())["runs"]
    resources = {**usual["resources"], **given.get("resources", {})}
    n_decode = (given.get("pools") or usual["pools"])["decode"]
    n_others = given.get("maxConcurrent", usual["maxConcurrent"]) - n_decode
    assert n_others >= 1, "nothing else gets a turn while shards are checked"
    n_downloads = min(n_others // 2, given.get("defaultPoolLimit", usual["defaultPoolLimit"]))
    yield from [requests_of(resources["decode"])] * n_decode
    yield from [requests_of(resources["downloads"])] * n_downloads
    yield from [requests_of(resources["tables"])] * (n_others - n_downloads)


@pytest.mark.parametrize("values", sorted((CHART / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_all_that_may_run_at_once_has_room_on_the_cluster_it_is_written_for(values):
    n_nodes, cpus, gib = CLUSTERS[values.stem]
    free = [[cpus - SYSTEM_CPU, gib - SYSTEM_GIB] for _ in range(n_nodes)]
    for cpu, memory in sorted(at_once(values), reverse=True):
        room = max((node for node in free if node[0] >= cpu and node[1] >= memory), default=None)
        assert room, f"no node has room for a pod of {cpu} CPUs and {memory} GiB: {free}"
        room[0] -= cpu
        room[1] -= memory
