"""The docker compose example: its parts fit together, and its Dagster is the project's with another storage."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "compose"


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def test_services_share_one_volume_and_find_each_other() -> None:
    compose = read(EXAMPLE / "compose.yaml")
    services = compose["services"]
    assert set(services) == {"postgresql", "code", "daemon", "webserver"}
    for name in ("code", "daemon", "webserver"):
        service = services[name]
        assert "data:/data" in service["volumes"]
        assert service["environment"]["VIDEO_ASSETS_DATA_ROOT"] == "/data"
        mounted = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith("./")]
        assert all((EXAMPLE / path).exists() for path in mounted)
    location = read(EXAMPLE / "workspace.yaml")["load_from"][0]["grpc_server"]
    assert location["host"] in services
    assert str(location["port"]) in services[location["host"]]["command"]
    assert location["location_name"] == read(ROOT / "workspace.yaml")["load_from"][0]["python_module"]["location_name"]
    assert all(port.startswith("127.0.0.1:") for port in services["webserver"]["ports"]), "Dagster has no login"
    storage = read(EXAMPLE / "dagster.yaml")["storage"]["postgres"]["postgres_db"]
    assert storage["hostname"] in services
    assert storage["db_name"] == services["postgresql"]["environment"]["POSTGRES_DB"]


def test_dagster_takes_the_configuration_and_it_is_the_projects_but_for_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "secret")
    shutil.copy(EXAMPLE / "dagster.yaml", tmp_path)
    loaded, _ = dagster_instance_config(str(tmp_path))
    assert loaded["concurrency"]["pools"]["default_limit"] == 1
    ours, theirs = read(ROOT / "dagster.yaml"), read(EXAMPLE / "dagster.yaml")
    assert {name: value for name, value in theirs.items() if name in ours} == ours
    assert set(theirs) - set(ours) == {"storage", "compute_logs", "local_artifact_storage"}


def test_docker_compose_reads_it() -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    subprocess.run(["docker", "compose", "-f", EXAMPLE / "compose.yaml", "config", "--quiet"], check=True)
