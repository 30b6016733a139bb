"""What Dagster knows of a data root, for `video-assets status`: runs at work, failed shards, the next schedules.

Belongs here: looking at the instance of this machine. Does not belong here: tables and shards (`explain.status`).
"""

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.core.json_values import JsonObject
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class Activity:
    """Runs at work (their job or assets, state and begin), shards whose last attempt failed, and when schedules tick next.

    `unread` says why Dagster's history could not be looked at; nothing is known then.
    """

    runs: list[dict[str, str]]
    failed_shards: list[str]
    next_schedules: dict[str, str]
    unread: str = ""

    def as_record(self) -> JsonObject:
        """JSON-able."""
        return asdict(self)


def look_at_dagster(layout: Layout, settings: Settings) -> Activity:
    """What Dagster's instance of this data root says; nothing when there never was one. Starts and changes nothing."""
    from video_assets.local.dagster_home import explained_history, home_of

    home = home_of(layout, settings.dagster_home)
    if not (home / "dagster.yaml").exists():
        return Activity([], [], {})
    if not os.access(home, os.W_OK):  # SQLite makes files beside those that it reads
        return Activity([], [], {}, unread=f"{home} cannot be written to, which looking at Dagster's history needs")
    import dagster as dg

    from video_assets.definitions import build_defs
    from video_assets.defs.jobs import AT_WORK

    try:
        with explained_history(home), dg.DagsterInstance.from_config(str(home)) as instance:
            runs = [_run(record) for record in instance.get_run_records(dg.RunsFilter(statuses=AT_WORK))]
            return Activity(runs, _failed_shards(instance), _next_ticks(instance, build_defs(settings)))
    except NoSpaceError as error:  # SQLite writes where it only reads
        return Activity([], [], {}, unread=str(error))


def _run(record: "dg.RunRecord") -> dict[str, str]:
    run = record.dagster_run
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    begun = datetime.fromtimestamp(record.start_time, UTC).isoformat(timespec="seconds") if record.start_time else ""
    name = assets if run.job_name.startswith("__") else run.job_name
    return {"run": run.run_id, "what": name, "state": run.status.value, "since": begun}


def _failed_shards(instance: "dg.DagsterInstance") -> list[str]:
    """Shards that were tried after their last success, by a run that has failed."""
    import dagster as dg

    storage = instance.event_log_storage
    tried = storage.get_latest_asset_partition_materialization_attempts_without_materializations(dg.AssetKey("decode_check"))
    states = {run_id: instance.get_run_by_id(run_id) for run_id, _ in tried.values()}
    failed = {run_id for run_id, run in states.items() if run is not None and run.status == dg.DagsterRunStatus.FAILURE}
    return sorted(shard for shard, (run_id, _) in tried.items() if run_id in failed)


def _next_ticks(instance: "dg.DagsterInstance", defs: "dg.Definitions") -> dict[str, str]:
    """When each schedule that is on ticks next, by its name."""
    import dagster as dg

    changed = {state.instigator_name: state.is_running for state in instance.all_instigator_state()}
    ticks = {}
    now = datetime.now(UTC).timestamp()
    for schedule in defs.get_repository_def().schedule_defs:
        is_on = changed.get(schedule.name, schedule.default_status == dg.DefaultScheduleStatus.RUNNING)
        if is_on:
            tick = next(iter(_ticks(schedule, now)))
            ticks[schedule.name] = tick.isoformat(timespec="minutes")
    return dict(sorted(ticks.items(), key=lambda item: item[1]))


def _ticks(schedule: "dg.ScheduleDefinition", now: float) -> Any:
    from dagster._utils.schedules import schedule_execution_time_iterator  # not exported

    return schedule_execution_time_iterator(now, schedule.cron_schedule, schedule.execution_timezone, ascending=True)
