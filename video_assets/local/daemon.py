"""Dagster's daemon as it suits one machine: `python -m video_assets.local.daemon`, its options.

Its code server is started anew for a reason. Dagster's own starts another every minute, lest new code be missed: a second or two
of CPU time each, most of what a UI at rest costs. It looks at backfills more often. And it fails runs whose process is gone,
which on one machine Dagster's own cannot tell.
Belongs here: when the daemon loads the definitions again, how often it looks at backfills, at which runs. Does not belong here:
which run is cut off (`dagster_home`), how runs are started (`code_server`), starting and stopping the daemon (`server`).
"""

import logging
import os
import time
from collections.abc import Iterable, Sequence

from dagster import DagsterInstance
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.remote_representation.grpc_server_registry import ServerRegistryEntry
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.workspace.context import BaseWorkspaceRequestContext, WorkspaceProcessContext
from dagster._core.workspace.workspace import CodeLocationEntry
from dagster._daemon import controller
from dagster._daemon.cli import run_command
from dagster._daemon.monitoring import run_monitoring
from dagster._grpc import server

from video_assets.interpreter import settle
from video_assets.local.dagster_home import is_cut_off
from video_assets.local.settings_file import stamp
from video_assets.settings.model import settings_file

# A code server that hangs, or has become large, is replaced by then; so is one of a program that was upgraded meanwhile.
_AT_THE_LATEST_S = 300.0
_AFTER_AN_ERROR_S = 60.0
# Dagster's own waits 30 seconds between two looks at the backfills, and each part of the graph in a backfill needs one or two.
# A look costs a query, and 25 ms of CPU time while a backfill is going on.
_BACKFILLS_EVERY_S = 5

_monitor_started_run = run_monitoring.monitor_started_run


class Controller(controller.DagsterDaemonController):
    """Dagster's controller with other reasons to load the definitions again; it asks every five seconds."""

    _settings = stamp(settings_file())

    def check_workspace_freshness(self, last_workspace_update_time: float) -> float:
        """Load again when settings changed, the code server ended or had an error a minute ago, or five minutes have passed.

        Returns:
            When the definitions were loaded last, in seconds since the epoch.
        """
        age_s, settings = time.time() - last_workspace_update_time, stamp(settings_file())
        is_due = age_s > (_AFTER_AN_ERROR_S if self._has_error() else _AT_THE_LATEST_S)
        if not is_due and settings == self._settings and not self._has_ended():
            return last_workspace_update_time
        self._settings = settings
        # Dagster's own answer is by age alone: as old as that is what is handed on.
        old_enough = time.time() - controller.RELOAD_WORKSPACE_INTERVAL - 1
        return super().check_workspace_freshness(min(last_workspace_update_time, old_enough))

    def _has_error(self) -> bool:
        return any(entry.load_error for entry in self._locations())

    def _has_ended(self) -> bool:
        return any(self._is_gone(entry.origin) for entry in self._locations() if not entry.load_error)

    def _locations(self) -> Iterable[CodeLocationEntry]:
        context = self._workspace_process_context
        if not isinstance(context, WorkspaceProcessContext):
            raise TypeError(f"{type(context).__name__}: another Dagster than this module was written for")
        return context.get_current_workspace().code_location_entries.values()

    def _is_gone(self, origin: object) -> bool:
        if self._grpc_server_registry is None or not isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
            return False
        entry = self._grpc_server_registry.get_grpc_server_entry(origin)
        return isinstance(entry, ServerRegistryEntry) and entry.process.server_process.poll() is not None


def _code_server(executable_path: str) -> Sequence[str]:
    """What is started in the place of `python -m dagster`."""
    return [executable_path, "-m", "video_assets.local.code_server"]


def monitor_started_run(
    instance: DagsterInstance, workspace: BaseWorkspaceRequestContext, run_record: RunRecord, logger: logging.Logger
) -> None:
    """Fail a run that was cut off, so that it keeps no place from others and is started again; of others ask Dagster."""
    run = run_record.dagster_run
    if is_cut_off(instance, run.run_id):
        logger.warning("run %s: its process is gone", run.run_id)
        instance.report_run_failed(run, message="The process of this run is gone: it was killed, or the disk is or was full.")
    else:
        _monitor_started_run(instance, workspace, run_record, logger)


def main() -> None:
    """Run until told to stop."""
    settle()
    # A backfill waits while the definitions cannot be loaded, as when somebody mistypes a setting; Dagster would fail it.
    os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
    # Failed looks after which it is given up; of Dagster's 5, six times as far apart.
    os.environ.setdefault("DAGSTER_MAX_BACKFILL_RETRIES", "30")
    run_monitoring.monitor_started_run = monitor_started_run
    controller.DagsterDaemonController = Controller  # what Dagster's command makes
    server.get_python_environment_entry_point = _code_server
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = _BACKFILLS_EVERY_S  # type: ignore[assignment]
    run_command(prog_name="dagster-daemon run")


if __name__ == "__main__":
    main()
