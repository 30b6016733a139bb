"""The rules that every pod of this project obeys, in the chart and in launched runs."""

import re


def check_pod(spec):
    """The rules of PodSecurity "restricted", and our own: read-only root, limits, a named version, no secret in the open."""
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] in {True, False}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all(not volume.keys() & {"hostPath"} for volume in spec["volumes"])
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for part in ("requests", "limits"):
            assert container["resources"][part].keys() >= {"cpu", "memory"}
        assert re.search(r":(?!latest)[\w.-]+$|@sha256:[0-9a-f]{64}$", container["image"])
        for variable in container.get("env", []):
            is_secret = re.search("TOKEN|PASSWORD(?!_FILE)|SECRET|KEY|COOKIE|URL", variable["name"])
            assert not is_secret or "secretKeyRef" in variable["valueFrom"], variable["name"]
