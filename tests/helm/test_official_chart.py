"""The values for Dagster's own chart: what the real launcher makes of them. The chart itself is in no package registry."""

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s.container_context import K8sContainerContext
from kubernetes_api import CHART, kubernetes_api

from video_assets.definitions import build_defs
from video_assets.settings import Settings

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
