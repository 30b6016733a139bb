"""Who may look and who may click: loopback by default, a read-only server that starts nothing, and no secret in any file."""

import os
import socket
from pathlib import Path

import psutil
import pytest
from command_line import command
from dagster_server import LAUNCH_JOB, job_params, server

from video_assets.samples.demo.make import Sample

SECRETS = {
    "HF_TOKEN": "hf_sentinelTokenThatMustNotLeak",
    "VIDEO_ASSETS_ALERT_WEBHOOK": "http://127.0.0.1:9/sentinel-webhook-that-must-not-leak",
}
SENSORS = """
query { sensorsOrError(repositorySelector: {repositoryLocationName: "video_assets", repositoryName: "__repository__"}) {
  ... on Sensors { results { name sensorState { status } } } } }
"""


@pytest.mark.slow(25)
def test_a_read_only_ui_on_loopback_starts_nothing_and_no_secret_is_in_any_file(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    root, clips = tmp_path / "root", tmp_path / "clips"
    clips.mkdir()
    (clips / "a.mp4").write_bytes((sample.clips / "aquarium.mp4").read_bytes())
    (clips / "a.txt").write_text("fish")
    for path in clips.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    command("run", "--clips", clips, "--data-root", root, "--shards", 1, check=True)
    with server(root, "--read-only") as ui:
        assert listening(ui.process.pid) == {"127.0.0.1"}
        assert {sensor["name"] for sensor in ui.query(SENSORS)["sensorsOrError"]["results"]} >= {"alerts", "automation"}
        launched = ui.query(LAUNCH_JOB, params=job_params("publish"))["launchPipelineExecution"]
        assert launched["__typename"] == "UnauthorizedError"
        for change in (
            'setConcurrencyLimit(concurrencyKey: "decode", limit: 1)',
            'deleteConcurrencyLimit(concurrencyKey: "decode")',
        ):
            status, said = ui.status_of(f"mutation {{ {change} }}")
            assert (status, "shows everything and changes nothing" in said) == (403, True)
        assert {child.name() for child in psutil.Process(ui.process.pid).children()} == {"code server", "web server"}, "no daemon"
    leaks = [path for path in root.rglob("*") if path.is_file() and contains_secret(path)]
    assert leaks == []


def contains_secret(path: Path) -> bool:
    content = path.read_bytes()
    return any(word in content for word in (b"sentinelToken", b"sentinel-webhook"))


def listening(pid: int) -> set[str]:
    """Addresses on which a process and its children take TCP connections from elsewhere in this network."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = [link for process in processes for link in process.net_connections("inet") if link.status == psutil.CONN_LISTEN]
    assert found
    return {link.laddr.ip for link in found if link.family in {socket.AF_INET, socket.AF_INET6}}
