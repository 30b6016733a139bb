"""The values for Dagster's own chart: what the real launcher makes of them, and the chart itself where there is a copy of it.

It is in no package registry: `helm pull dagster/dagster --untar` brings it, `DAGSTER_CHART=./dagster` names it.
"""

import os
from pathlib import Path

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.config import dagster_instance_config
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s.container_context import K8sContainerContext
from kubernetes_api import CHART, helm, kubernetes_api, one

from video_assets.definitions import build_defs
from video_assets.settings.model import Settings

# Names in the schema of the chart's user deployments.
FIELDS = {
    "name", "image", "port", "dagsterApiGrpcArgs", "includeConfigInLaunchedRuns", "env", "volumes", "volumeMounts",
    "podSecurityContext",
}  # fmt: skip


@pytest.fixture
def values():
    return yaml.safe_load((CHART / "official-chart-values.yaml").read_text())


def test_the_environment_is_what_the_program_takes(values, monkeypatch):
    [deployment] = values["dagster-user-deployments"]["deployments"]
    assert deployment.keys() == FIELDS
    for variable in deployment["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = Settings()
    assert (str(settings.data_root), settings.decode.n_shards, settings.automation.backfill) == ("/data", 24, "run_per_shard")
    assert str(settings.own_clips.folder) == "/data/clips"


def test_a_run_gets_the_volumes_the_settings_and_the_size(values, tmp_path):
    [deployment] = values["dagster-user-deployments"]["deployments"]
    # What the chart makes of a deployment for its runs (DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT) and of the launcher's values.
    context = {"k8s": {"env": deployment["env"], "volumes": deployment["volumes"], "volume_mounts": deployment["volumeMounts"]}}
    chosen = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    assert K8sContainerContext.create_from_config(context)
    pointer = ModuleCodePointer("video_assets.definitions", "defs", None)
    repository = RepositoryPythonOrigin("python", pointer, "REGISTRY/video-assets:0.1.0", ["dagster"], context)
    with kubernetes_api(tmp_path) as (kubeconfig, created):
        launcher = {
            "service_account_name": "dagster",
            "instance_config_map": "dagster-instance",
            "dagster_home": "/opt/dagster/dagster_home",
            "postgres_password_secret": "dagster-postgresql-secret",
            "load_incluster_config": False,
            "kubeconfig_file": str(kubeconfig),
            "run_k8s_config": {"container_config": chosen["containerConfig"], "pod_spec_config": chosen["podSpecConfig"]},
        }
        config = {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher}}
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
        job = build_defs(Settings(data_root=tmp_path / "data", own_clips={"folder": tmp_path})).resolve_job_def("decode")
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            run = instance.create_run_for_job(job, job_code_origin=JobPythonOrigin("decode", repository))
            instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    [(_, body)] = created
    kubernetes_validate.validate(body, "1.36", strict=True)
    spec = body["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108
    assert {variable["name"] for variable in container["env"]} >= {"VIDEO_ASSETS_DATA_ROOT", "DAGSTER_PG_PASSWORD"}
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}
    assert spec["terminationGracePeriodSeconds"] == 30
    assert len(spec["topologySpreadConstraints"]) == 1


def test_as_many_runs_as_the_pool_holds_may_go_on(values):
    # Dagster takes 10 where nothing is said, whatever the pools say: tests/upstream.
    assert values["concurrency"]["runs"]["maxConcurrentRuns"] == -1
    assert values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"] == {"maxConcurrentRuns": None}


@pytest.mark.skipif("DAGSTER_CHART" not in os.environ, reason="no copy of Dagster's chart: name its folder in DAGSTER_CHART")
def test_dagsters_chart_and_dagster_take_the_values(tmp_path):
    ours = str(CHART / "official-chart-values.yaml")
    done = helm("template", "dagster", os.environ["DAGSTER_CHART"], "--skip-schema-validation", "--values", ours)
    assert done.returncode == 0, done.stderr
    objects = [item for item in yaml.safe_load_all(done.stdout) if item]
    for item in objects:
        kubernetes_validate.validate(item, "1.36", strict=True)
    text = one(objects, "ConfigMap", "dagster-instance")["data"]["dagster.yaml"]
    Path(tmp_path, "dagster.yaml").write_text(text)
    loaded, _ = dagster_instance_config(str(tmp_path))
    assert loaded["concurrency"]["runs"] == {"max_concurrent_runs": -1}
    assert loaded["concurrency"]["pools"] == {"granularity": "run", "default_limit": 4}
    assert "scheme: postgresql+psycopg2" in text
    [pod] = [
        item["spec"]["template"]["spec"]
        for item in objects
        if item["kind"] == "Deployment" and "video-assets" in item["metadata"]["name"]
    ]
    [container] = pod["containers"]
    assert container["image"] == "REGISTRY/video-assets:0.1.0"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/data", "/tmp"}  # noqa: S108
    assert pod["securityContext"]["runAsNonRoot"] is True
