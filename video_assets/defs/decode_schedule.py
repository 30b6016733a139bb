"""The nightly safety net of the decode check: what is still unchecked is asked for again.

A tick can be lost, a backfill cancelled, a mount mended without a click; and the automation sensor never asks for what was there
before it first looked (a `video-assets run` that was stopped).
Belongs here: what the night asks for. Does not belong here: which shards are not current (`pipeline.currency`).
"""

import dagster as dg

from video_assets.core.sharding import shard_keys
from video_assets.defs.jobs import AT_WORK, DECODE
from video_assets.defs.partitions import range_tags, ranges
from video_assets.settings.model import Settings

_ASSETS = {dg.AssetKey("shard_lists"), dg.AssetKey("decode_check")}


def decode_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night, unless decoding goes on anyway."""
    automation = settings.automation
    is_running = automation.is_enabled and bool(settings.sources)

    @dg.schedule(
        name="nightly_decode",
        job_name=DECODE,
        cron_schedule=automation.nightly_decode_cron,
        execution_timezone=automation.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED,
        description="Checks shards that are not complete, failed and cancelled ones included; each goes on where it stopped.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        from video_assets.pipeline.currency import shards_to_check
        from video_assets.storage.layout import Layout

        if at_work := _at_work(context.instance):
            return dg.SkipReason(f"{at_work} is at work on shards: what that leaves is asked for in the next night")
        shards = shards_to_check(Layout(settings.data_root), settings)
        return _requests(shards, settings, night=context.scheduled_execution_time.isoformat())

    return schedule


def _requests(shards: list[str], settings: Settings, *, night: str) -> list[dg.RunRequest] | dg.SkipReason:
    """As a backfill would launch them: all shards of one machine in one run if they are neighbours, else a run per shard."""
    if not shards:
        return dg.SkipReason("nothing to check: every shard that has a list is complete")
    if settings.automation.backfill == "run_per_shard":
        return [dg.RunRequest(run_key=f"{shard}:{night}", partition_key=shard) for shard in shards]
    blocks = ranges(shard_keys(settings.decode.n_shards), set(shards))
    return [dg.RunRequest(run_key=f"{first}:{night}", tags=range_tags(first, last)) for first, last in blocks]


def _at_work(instance: dg.DagsterInstance) -> str:
    """The backfill or run that is on its way through shards; empty when none is."""
    from video_assets.defs.history import active_backfills

    for backfill in active_backfills(instance):
        if _ASSETS & set(backfill.asset_selection or ()):
            return f"backfill {backfill.backfill_id}"
    for run in instance.get_runs(dg.RunsFilter(statuses=AT_WORK)):
        if run.job_name == DECODE or _ASSETS & set(run.asset_selection or ()):
            return f"run {run.run_id[:8]}"
    return ""
