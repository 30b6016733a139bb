"""Runs whose process is gone with the machine are failed when the server starts again; those that go on are left alone."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring import run_monitoring
from dagster_daemon import run_daemon

from video_assets.local.dagster_home import fail_dead_runs, place_tag

PROGRAM = """
import sys, time
import dagster as dg

@dg.op
def wait():
    print("at work", flush=True)
    time.sleep(600)

@dg.job(executor_def=dg.in_process_executor)
def patient():
    wait()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    patient.execute_in_process(instance=instance, tags=dict([sys.argv[2:]]))
"""


def start_run(home: Path, place: str = "unknown") -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "DAGSTER_HOME": str(home)}
    command = [sys.executable, "-c", PROGRAM, str(home), *place_tag(), place]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def statuses(home: Path) -> list[str]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return [run.status.value for run in instance.get_runs()]


def test_a_run_that_goes_on_is_left_alone_and_one_whose_process_is_gone_fails(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    process = start_run(tmp_path)
    try:
        deadline = time.monotonic() + 60
        while statuses(tmp_path) != ["STARTED"]:
            assert time.monotonic() < deadline
        assert fail_dead_runs(tmp_path) == []
        assert statuses(tmp_path) == ["STARTED"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(fail_dead_runs(tmp_path)) == 1
        assert statuses(tmp_path) == ["FAILURE"]
        assert fail_dead_runs(tmp_path) == []
    finally:
        process.kill()
        process.communicate()


def look_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon does every 30 seconds."""

    def look() -> None:
        with (
            dg.DagsterInstance.from_config(str(home)) as instance,
            WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
        ):
            assert not any(run_monitoring.execute_run_monitoring_iteration(context, logging.getLogger("monitoring")))

    run_daemon(monkeypatch, look)


@pytest.mark.parametrize(("is_of_here", "status"), [(True, "FAILURE"), (False, "STARTED")])
def test_the_daemon_fails_a_run_whose_process_it_could_see_and_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_of_here: bool, status: str
) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\nrun_monitoring: {enabled: true}\n")
    (here,) = place_tag().values()
    _, _, namespace = here.split(" ")
    process = start_run(tmp_path, here if is_of_here else f"another-machine another-start {namespace}")
    try:
        look_once(tmp_path, monkeypatch)
        assert statuses(tmp_path) == ["STARTED"], "it goes on"
    finally:
        process.kill()
        process.communicate()
    look_once(tmp_path, monkeypatch)
    assert statuses(tmp_path) == [status]
