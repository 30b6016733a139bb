"""Shards, their decode check, and its nightly safety net.

Each shard of a run is reported on its own: finished ones stay green when others fail. A tick can be lost, a backfill cancelled,
a mount mended without a click, and the automation sensor never asks for what was there before it first looked: so the night
asks for what is still unchecked.
Does not belong here: which shards are not current (`pipeline.currency`).
"""

import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import CHECKED, CLIPS
from video_assets.core.sharding import shard_keys
from video_assets.defs.conditions import changed_shards, missing_only
from video_assets.defs.describe import GROUP, column_schema, look_metadata
from video_assets.defs.jobs import AT_WORK, DECODE
from video_assets.defs.list_reports import list_report
from video_assets.defs.partition_reports import PartitionReport, report_each
from video_assets.defs.partitions import backfill_policy, list_policy, range_tags, ranges, shard_partitions
from video_assets.defs.project import Project
from video_assets.pipeline.board import Board
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from video_assets.pipeline.shard import ShardOutcome


def shard_lists(settings: Settings) -> dg.AssetsDefinition:
    """The asset for this number of shards."""

    @dg.asset(
        name="shard_lists",
        group_name=GROUP,
        kinds={"parquet", "pandas"},
        code_version="1",
        deps=["size_filtered"],
        partitions_def=shard_partitions(settings),
        backfill_policy=list_policy(settings),
        output_required=False,
        metadata=column_schema(CLIPS),
        automation_condition=missing_only(),
        description="Which clips each shard checks, by a stable hash of the clip key: a new clip moves no other clip. The run of "
        "size_filtered writes all lists and reports those that changed; materialize them here when one was lost.",
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.MaterializeResult[Any]]:
        from video_assets.pipeline.shard_lists import write_shard_lists

        n_shards = project.settings.decode.n_shards
        shards = list(context.partition_keys)
        lists = write_shard_lists(project.layout, shards, n_shards=n_shards, memory_bytes=project.table_bytes)
        report_each(context, "shard lists", map(list_report, lists))
        yield from ()

    return asset


def decode_check(settings: Settings) -> dg.AssetsDefinition:
    """The asset for this number of shards."""

    @dg.asset(
        name="decode_check",
        group_name=GROUP,
        kinds={"ffmpeg", "parquet"},
        code_version="1",
        deps=["shard_lists"],
        partitions_def=shard_partitions(settings),
        backfill_policy=backfill_policy(settings),
        output_required=False,
        pool="decode",
        metadata=column_schema(CHECKED),
        automation_condition=changed_shards(),
        description="Every clip decoded completely, in worker processes: one verdict per clip. A broken clip is a result; "
        "storage that does not deliver fails the shard, which goes on where it stopped when it is materialized again.",
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.MaterializeResult[Any]]:
        from video_assets.defs.elsewhere import tried_elsewhere

        board = Board(context.log.info)
        outcomes = _check(project, list(context.partition_keys), board, log=context.log.info, run_id=context.run.run_id)
        known = tried_elsewhere(context, project.layout, outcomes)
        report_each(context, "shards", (_shard_report(outcome, board, look=project.settings.look.url) for outcome in known))
        yield from ()

    return asset


def _check(
    project: Project, shards: list[str], board: Board, *, log: Callable[[str], None], run_id: str
) -> "Iterator[ShardOutcome]":
    """By this machine, which tells the board, or by Slurm, whose tasks tell their own logs."""
    settings = project.settings
    if settings.decode.engine == "slurm":
        from video_assets.slurm.follow import check_shards_on_slurm

        progress = project.progress(log, interval_s=60.0)
        return check_shards_on_slurm(project.layout, shards, settings=settings, progress=progress, run_id=run_id)
    from video_assets.pipeline.decode_check import check_shards

    progress = project.progress(log)
    return check_shards(project.layout, shards, settings=settings.decode, progress=progress, run_id=run_id, board=board)


def _shard_report(outcome: "ShardOutcome", board: Board, *, look: str | None) -> PartitionReport:
    if outcome.failure:
        return PartitionReport(outcome.shard, failure=outcome.failure)
    n_dropped = outcome.n_clips - outcome.n_kept
    metadata = {
        "dagster/partition_row_count": outcome.n_kept,
        "clips": outcome.n_clips,
        "newly_decoded_clips": outcome.n_decoded,
        "dropped_clips": n_dropped,
        "dropped_share": n_dropped / outcome.n_clips if outcome.n_clips else 0.0,
        "dropped_by_reason": dg.MetadataValue.json(outcome.dropped),
        "decode_cpu_seconds": round(outcome.decode_seconds, 3),
        "bytes": outcome.n_bytes,
        **outcome.facts,
        **_rates(board, outcome.shard),
        **look_metadata(look, n_dropped, stage="decode_check", status="dropped"),
    }
    return PartitionReport(outcome.shard, outcome.content_hash, metadata)


def _rates(board: Board, shard: str) -> dict[str, dg.MetadataValue[Any]]:
    """How fast the shard was, and how far its run is; nothing of a shard that was complete before, or checked elsewhere."""
    count = board.shards.get(shard)
    if count is None:
        return {}
    return {
        "wall_seconds": dg.MetadataValue.float(round(count.seconds, 3)),
        "clips_per_s": dg.MetadataValue.float(count.clips_per_s),
        "megabytes_per_s": dg.MetadataValue.float(count.bytes_per_s / 1e6),
        "checked_by": dg.MetadataValue.text(f"{socket.gethostname()}, process {os.getpid()}"),
        "run_so_far": dg.MetadataValue.text(board.line),
    }


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

        if at_work := work_on_shards(context.instance):
            return dg.SkipReason(f"{at_work} is at work on shards: what that leaves is asked for in the next night")
        shards = shards_to_check(Layout(settings.data_root), settings)
        return _requests(shards, settings, night=context.scheduled_execution_time.isoformat())

    return schedule


def _requests(shards: list[str], settings: Settings, *, night: str) -> list[dg.RunRequest] | dg.SkipReason:
    """One run for all shards of one machine, or a run per shard.

    Dagster's runs take ranges, not sets. Complete shards in between cost a look at their notes, a second run costs seconds; so
    the range goes from the first to the last, and is parted only where a shard has no list yet.
    """
    if not shards:
        return dg.SkipReason("nothing to check: every shard that has a list is complete")
    if settings.automation.backfill == "run_per_shard":
        return [dg.RunRequest(run_key=f"{shard}:{night}", partition_key=shard) for shard in shards]
    every, layout = shard_keys(settings.decode.n_shards), Layout(settings.data_root)
    between = every[every.index(shards[0]) : every.index(shards[-1]) + 1]
    blocks = ranges(every, {shard for shard in between if layout.shard_list(shard).exists()})
    return [dg.RunRequest(run_key=f"{first}:{night}", tags=range_tags(first, last)) for first, last in blocks]


def work_on_shards(instance: dg.DagsterInstance) -> str:
    """The backfill or run that is on its way through shards; empty when none is."""
    from video_assets.defs.history import active_backfills

    for backfill in active_backfills(instance):
        if _ASSETS & set(backfill.asset_selection or ()):
            return f"backfill {backfill.backfill_id}"
    for run in instance.get_runs(dg.RunsFilter(statuses=AT_WORK)):
        if run.job_name == DECODE or _ASSETS & set(run.asset_selection or ()):
            return f"run {run.run_id[:8]}"
    return ""
