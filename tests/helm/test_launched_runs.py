"""The Job of a launched run, built by the real K8sRunLauncher with the chart's configuration, sent to a stand-in of the API."""

import json

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from helm_policies import check_pod
from kubernetes_api import CHART, kubernetes_api, one, render

from video_assets.definitions import build_defs
from video_assets.settings.model import Settings

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
IMAGE = "registry.example.org/video-assets:1.2.3"
MOUNTS = {"home": "/opt/dagster", "tmp": "/tmp", "settings": "/etc/video-assets", "data": "/data"}  # noqa: S108


def launched(values, folder, shard, *, job="decode", assets=None, tags=None):
    """Body of the Job for the decode check of one shard, or for another job, or for assets chosen in the UI."""
    objects = render("--values", str(values))
    config = yaml.safe_load(one(objects, "ConfigMap", "video-assets-instance")["data"]["dagster.yaml"])
    del config["storage"], config["compute_logs"], config["local_artifact_storage"]  # the laptop's, here
    with kubernetes_api(folder) as (kubeconfig, created):
        config["run_launcher"]["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
        (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
        openvid = {"is_enabled": True}
        defs = build_defs(Settings(data_root=folder / "data", own_clips={"folder": folder}, openvid=openvid))
        chosen = {dg.AssetKey(name) for name in assets} if assets else None
        name = "__ASSET_JOB" if chosen else job
        job = defs.resolve_implicit_global_asset_job_def() if chosen else defs.resolve_job_def(job)
        pointer = ModuleCodePointer("video_assets.definitions", "defs", None)
        repository = RepositoryPythonOrigin("/opt/video-assets/bin/python", pointer, IMAGE, ["dagster"], {})
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            run = instance.create_run_for_job(
                job,
                job_code_origin=JobPythonOrigin(name, repository),
                tags={"dagster/partition": shard, **(tags or {})},
                asset_selection=chosen,
            )
            instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    [(path, body)] = created
    assert path == "/apis/batch/v1/namespaces/video/jobs"
    return run, body


@pytest.mark.parametrize("values", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_a_run_becomes_a_valid_job_that_obeys_the_rules_of_all_pods(values, tmp_path):
    run, job = launched(values, tmp_path, "00007-of-00024")
    kubernetes_validate.validate(job, "1.36", strict=True)
    template = job["spec"]["template"]
    check_pod(template["spec"])
    assert job["metadata"]["name"] == f"dagster-run-{run.run_id}"
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400
    assert template["metadata"]["labels"]["app.kubernetes.io/component"] == "run_worker"
    assert template["metadata"]["labels"]["video-assets-release"] == "video-assets"
    assert template["spec"]["serviceAccountName"] == "video-assets-runs"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["terminationGracePeriodSeconds"] >= 30
    [container] = template["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts.items() >= MOUNTS.items()
    assert {volume["name"] for volume in template["spec"]["volumes"]} == mounts.keys()


def test_the_values_reach_the_pod(tmp_path):
    _, job = launched(CHART / "examples" / "everything.yaml", tmp_path, "00000-of-00024")
    spec = job["spec"]["template"]["spec"]
    [spread] = spec["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "run_worker"
    assert spec["nodeSelector"] == {"pool": "decode"}
    assert spec["priorityClassName"] == "batch"
    assert {"key": "spot", "operator": "Exists"} in spec["tolerations"]
    given_up_after = [toleration["tolerationSeconds"] for toleration in spec["tolerations"] if "tolerationSeconds" in toleration]
    assert given_up_after == [60, 60]
    assert spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    names = {variable["name"] for variable in spec["containers"][0]["env"]}
    assert names >= {
        "HF_TOKEN",
        "DAGSTER_PG_PASSWORD",
        "DAGSTER_HOME",
        "VIDEO_ASSETS_CONFIG",
        "VIDEO_ASSETS_DATA_ROOT",
        "HTTPS_PROXY",
    }


@pytest.mark.parametrize(
    ("started", "kind"),
    [
        ({"job": "decode"}, "decode"),
        ({"job": "probe"}, "decode"),
        ({"assets": ["decode_check"]}, "decode"),
        ({"assets": ["decode_check", "training_csv"]}, "decode"),
        ({"job": "fetch_openvid"}, "downloads"),
        ({"assets": ["openvid_clips"]}, "downloads"),
        ({"job": "prepare"}, "tables"),
        ({"job": "publish"}, "tables"),
        ({"assets": ["enriched_metadata", "size_filtered"]}, "tables"),
    ],
)
def test_a_pod_gets_what_its_kind_of_run_needs_whoever_starts_it(tmp_path, started, kind):
    values = CHART / "examples" / "production.yaml"
    _, job = launched(values, tmp_path, "00000-of-00240", **started)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == yaml.safe_load(values.read_text())["runs"]["resources"][kind]


def test_a_tag_of_the_run_wins(tmp_path):
    mine = {"requests": {"cpu": "3"}, "limits": {"cpu": "3"}}
    tags = {"dagster-k8s/config": json.dumps({"container_config": {"resources": mine}})}
    _, job = launched(CHART / "examples" / "trial.yaml", tmp_path, "00000-of-00006", tags=tags)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "3", "memory": "2Gi"}
