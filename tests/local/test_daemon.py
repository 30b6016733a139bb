"""What the daemon of `video-assets ui` does otherwise than Dagster's own."""

import logging
import threading

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon import controller
from dagster._daemon.backfill import execute_backfill_iteration_loop
from dagster._daemon.monitoring import run_monitoring
from dagster._grpc import server

from video_assets.local import daemon


class Waits(threading.Event):
    """Ends the loop where it would wait, and says how long."""

    def wait(self, timeout: float | None = None) -> bool:
        raise TimeoutError(timeout)


def test_backfills_are_looked_at_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's loop itself, in the place of the command that starts it."""

    def looks_once(**_options: str) -> None:
        with dg.instance_for_test() as instance, WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
            list(execute_backfill_iteration_loop(context, logging.getLogger("backfills"), Waits()))

    for name in ("DagsterDaemonController", "DEFAULT_DAEMON_INTERVAL_SECONDS"):
        monkeypatch.setattr(controller, name, getattr(controller, name))  # put back at the end
    monkeypatch.setattr(run_monitoring, "monitor_started_run", run_monitoring.monitor_started_run)
    monkeypatch.setattr(server, "get_python_environment_entry_point", server.get_python_environment_entry_point)
    for name in ("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "DAGSTER_MAX_BACKFILL_RETRIES"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(daemon, "run_command", looks_once)
    monkeypatch.setattr(daemon, "settle", lambda: None)
    with pytest.raises(TimeoutError) as waited:
        daemon.main()
    (seconds,) = waited.value.args
    assert 4 < seconds <= 5
