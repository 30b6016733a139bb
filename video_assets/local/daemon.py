"""Dagster's daemon as it suits one machine: `python -m video_assets.local.daemon`, its options.

It looks at backfills more often. And it fails runs whose process is gone, which on one machine Dagster's own cannot tell.
Belongs here: how often the daemon looks at backfills, at which runs. Does not belong here: which run is cut off
(`dagster_home`), when the definitions are loaded again (`code_server`), starting and stopping the daemon (`server`).
"""

import logging
import os

from dagster import DagsterInstance
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.workspace.context import BaseWorkspaceRequestContext
from dagster._daemon import controller
from dagster._daemon.cli import run_command
from dagster._daemon.monitoring import run_monitoring
from dagster._grpc import server_watcher

from video_assets.interpreter import settle
from video_assets.local.dagster_home import is_cut_off

# Dagster's own waits 30 seconds between two looks at the backfills, and each part of the graph in a backfill needs one or two.
# A look costs a query, and 25 ms of CPU time while a backfill is going on.
_BACKFILLS_EVERY_S = 5
# Dagster's own asks every second whether the definitions were loaded again. The web server does, for whom a person waits.
_CODE_SERVER_EVERY_S = 3

_monitor_started_run = run_monitoring.monitor_started_run


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
    server_watcher.WATCH_INTERVAL = _CODE_SERVER_EVERY_S  # type: ignore[assignment]
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = _BACKFILLS_EVERY_S  # type: ignore[assignment]
    run_command(prog_name="dagster-daemon run")


if __name__ == "__main__":
    main()
