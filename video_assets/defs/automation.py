"""Who starts runs of the whole graph without a click: the sensor of all conditions, and schedules as the safety net.

Does not belong here: who starts one capability's runs (its module), when an asset is out of date (`conditions`).
"""

from collections.abc import Sequence

import dagster as dg

from video_assets.defs.jobs import PREPARE, PUBLISH
from video_assets.settings.model import Settings


def automation_sensor(settings: Settings, assets: Sequence[dg.AssetKey]) -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions of `assets`, and none of a project that these are merged into.

    Dagster's own default sensor starts STOPPED, so it is defined here.
    """
    is_running = settings.automation.is_enabled
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.assets(*assets),
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=settings.automation.sensor_interval_s,
        # A backfill makes few runs of many shards, but the daemon looks at it every few seconds only (Dagster's own: 30).
        emit_backfills=settings.automation.is_grouped,
        description="Materializes what became out of date: metadata, filter and shard lists at once, only changed shards, "
        "the training CSV when all shards are complete.",
    )


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
