"""Who starts runs without a click: sensors, and schedules as the safety net."""

import time
from datetime import timedelta
from itertools import takewhile

import dagster as dg

from video_assets.defs.jobs import AT_WORK, PREPARE, PUBLISH
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

_FOLDER_SENSOR = "own_clips_folder"
_FIRST_WAIT_S = 30  # after the first failure; an hour after the eighth


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


def automation_sensor(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """Evaluates every asset's automation condition. Dagster's own default sensor starts STOPPED, so it is defined here."""
    is_running = settings.automation.is_enabled
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=settings.automation.sensor_interval_s,
        # A backfill makes few runs of many shards, but Dagster looks at backfills every 30 seconds only.
        emit_backfills=settings.automation.is_grouped,
        description="Materializes what became out of date: metadata, filter and shard lists at once, only changed shards, "
        "the training CSV when all shards are complete.",
    )


def fresh_enough(csv: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """The asset with a freshness policy: nothing tells a person that nothing happened, unless it is watched."""
    max_age_h = settings.automation.max_csv_age_h
    if not max_age_h or not settings.automation.is_enabled:
        return csv
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=max_age_h), warn_window=timedelta(hours=max_age_h * 0.75))
    return csv.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=policy))


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The nightly safety net, since ticks of sensors can be lost; and an hourly listing that people may switch on instead."""
    automation = settings.automation
    is_running = automation.is_enabled and bool(settings.sources)
    status = dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name="nightly_prepare",
            job_name=PREPARE,
            cron_schedule=automation.nightly_cron,
            execution_timezone=automation.timezone,
            default_status=status,
            description="Lists the sources again; what is new then flows down by itself.",
        ),
        dg.ScheduleDefinition(
            name="hourly_prepare",
            job_name=PREPARE,
            cron_schedule=automation.hourly_cron,
            execution_timezone=automation.timezone,
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description="For those who prefer the clock to the sensor: switch it on here.",
        ),
        dg.ScheduleDefinition(
            name="nightly_publish",
            job_name=PUBLISH,
            cron_schedule=automation.nightly_publish_cron,
            execution_timezone=automation.timezone,
            default_status=status,
            description="Publishes the training CSV again: the same bytes when nothing changed, an error when a shard is stale.",
        ),
    ]
