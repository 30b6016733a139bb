"""Shards and their decode check. Each shard of a run is reported on its own: finished ones stay green when others fail."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import CHECKED, CLIPS
from video_assets.defs.conditions import changed_shards, cheap
from video_assets.defs.describe import OWNERS, column_schema
from video_assets.defs.partition_reports import incomplete, report_partition
from video_assets.defs.partitions import backfill_policy, list_policy, shard_partitions
from video_assets.defs.project import Project
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.pipeline.decode_check import ShardOutcome


def shard_lists(settings: Settings) -> dg.AssetsDefinition:
    """The asset for this number of shards."""

    @dg.asset(
        name="shard_lists",
        group_name="decode",
        kinds={"parquet", "pandas"},
        owners=OWNERS,
        code_version="1",
        deps=["size_filtered"],
        partitions_def=shard_partitions(settings),
        backfill_policy=list_policy(settings),
        output_required=False,
        metadata=column_schema(CLIPS),
        automation_condition=cheap(),
        description="Which clips each shard checks, by a stable hash of the clip key: a new clip moves no other clip.",
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.MaterializeResult[Any]]:
        from video_assets.pipeline.enrich import write_shard_lists

        n_shards = project.settings.decode.n_shards
        for written in write_shard_lists(project.layout, list(context.partition_keys), n_shards=n_shards):
            metadata = {
                "dagster/partition_row_count": written.n_clips,
                "dropped_before": written.n_dropped,
                "bytes": written.n_bytes,
            }
            report_partition(context, written.shard, metadata=metadata, content_hash=written.content_hash)
        yield from ()

    return asset


def decode_check(settings: Settings) -> dg.AssetsDefinition:
    """The asset for this number of shards."""

    @dg.asset(
        name="decode_check",
        group_name="decode",
        kinds={"ffmpeg", "parquet"},
        owners=OWNERS,
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
        from video_assets.pipeline.decode_check import check_shards

        outcomes = check_shards(
            project.layout,
            list(context.partition_keys),
            settings=project.settings.decode,
            progress=project.progress(context.log.info),
            run_id=context.run.run_id,
        )
        failed = [outcome for outcome in outcomes if not _is_reported(context, outcome)]
        if failed:
            raise incomplete("shards", {outcome.shard: outcome.failure for outcome in failed})
        yield from ()

    return asset


def _is_reported(context: dg.AssetExecutionContext, outcome: "ShardOutcome") -> bool:
    """Tell Dagster that the shard is complete, or log why it is not."""
    if outcome.failure:
        context.log.error(f"shard {outcome.shard}: {outcome.failure}")
        return False
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
    }
    report_partition(context, outcome.shard, metadata=metadata, content_hash=outcome.content_hash)
    return True
