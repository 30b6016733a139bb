"""The user's own clips: their listing, and the sensor that looks at their folders."""

import time
from itertools import takewhile
from typing import Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.core.units import count
from video_assets.defs.describe import GROUP, column_schema, listing_metadata
from video_assets.defs.jobs import AT_WORK, PREPARE
from video_assets.defs.project import Project
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

_FOLDER_SENSOR = "own_clips_folder"
_FIRST_WAIT_S = 30  # after the first failure; an hour after the eighth


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    code_version="1",
    metadata=column_schema(LEDGER),
    description="The user's own clips: every file and every caption row, with a status and, when it cannot be used, the reason.",
)
def own_clips(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """List the clips folder and the captions table."""
    from video_assets.sources.ledgers import refresh_own_clips

    listing = refresh_own_clips(project.layout, project.settings, info=context.log.info)
    context.log.info(" ".join([f"listed {count(listing.n_rows, 'clips')}", *listing.notes]))
    return dg.MaterializeResult(
        metadata=listing_metadata(project.layout, "own_clips", listing), data_version=dg.DataVersion(listing.content_hash)
    )


def own_clips_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Where the source is enabled: looks at its folders, and starts one run when something came, went or was replaced."""
    if not settings.own_clips.is_enabled:
        return []
    layout, is_running = Layout(settings.data_root), settings.automation.is_enabled

    @dg.sensor(
        name=_FOLDER_SENSOR,
        job_name=PREPARE,
        minimum_interval_seconds=settings.automation.sensor_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        description="New clips: one run lists, measures and filters them once copying has come to rest.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from video_assets.sources.own_clips.watch import look_for_news

        if context.instance.get_runs_count(dg.RunsFilter(job_name=PREPARE, statuses=AT_WORK)):
            return dg.SensorResult(skip_reason=f"a run of {PREPARE} is at work; looking again when it has ended")
        news = look_for_news(layout, settings.own_clips, last=context.cursor or "")
        if not news.run_key:
            return _again(context) or dg.SensorResult(skip_reason=news.reason, cursor=news.seen)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=news.run_key)], cursor=news.seen)

    return [sensor]


def _again(context: dg.SensorEvaluationContext) -> dg.SensorResult | None:
    """When the runs that this sensor started last failed: another after a wait that doubles each time; None when none did."""
    mine = dg.RunsFilter(job_name=PREPARE, tags={"dagster/sensor_name": _FOLDER_SENSOR})
    records = context.instance.get_run_records(mine, limit=8)
    n_failed = len(list(takewhile(lambda record: record.dagster_run.status == dg.DagsterRunStatus.FAILURE, records)))
    if not n_failed:
        return None
    last = records[0]
    left_s = _FIRST_WAIT_S * 2 ** (n_failed - 1) - (time.time() - (last.end_time or time.time()))
    if left_s > 0:
        reason = f"run {last.dagster_run.run_id[:8]} failed, {n_failed} in a row; another is started in {left_s:,.0f} s"
        return dg.SensorResult(skip_reason=reason, cursor=context.cursor)
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"again-{last.dagster_run.run_id}")], cursor=context.cursor)
