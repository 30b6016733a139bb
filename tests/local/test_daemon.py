"""What the daemon of `video-assets ui` does otherwise than Dagster's own."""

import logging
import threading

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.backfill import execute_backfill_iteration_loop
from dagster_daemon import run_daemon


class Waits(threading.Event):
    """Ends the loop where it would wait, and says how long."""

    def wait(self, timeout: float | None = None) -> bool:
        raise TimeoutError(timeout)


def test_backfills_are_looked_at_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> None:
        with dg.instance_for_test() as instance, WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
            list(execute_backfill_iteration_loop(context, logging.getLogger("backfills"), Waits()))

    with pytest.raises(TimeoutError) as waited:
        run_daemon(monkeypatch, look)
    (seconds,) = waited.value.args
    assert 4 < seconds <= 5
