"""The daemon's program with another end: what it has set up is there, and nothing of it stays."""

from collections.abc import Callable

import pytest
from dagster._daemon import controller
from dagster._daemon.monitoring import run_monitoring
from dagster._grpc import server_watcher

from video_assets.local import daemon

_CHANGED = (
    (controller, "DEFAULT_DAEMON_INTERVAL_SECONDS"),
    (run_monitoring, "monitor_started_run"),
    (server_watcher, "WATCH_INTERVAL"),
)


def run_daemon(monkeypatch: pytest.MonkeyPatch, look: Callable[[], None]) -> None:
    """`look` in the place of the command that starts Dagster's daemon."""
    with monkeypatch.context() as here:
        for module, name in _CHANGED:
            here.setattr(module, name, getattr(module, name))  # put back at the end
        for name in ("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "DAGSTER_MAX_BACKFILL_RETRIES"):
            here.setenv(name, "1")
        here.setattr(daemon, "run_command", lambda **_options: look())
        here.setattr(daemon, "settle", lambda: None)
        daemon.main()
