"""Clips on disk, measured without decoding and joined with their captions; and the filter that drops large ones."""

from typing import Any

import dagster as dg

from video_assets.core.schema import CLIPS
from video_assets.core.sharding import shard_keys
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import GROUP, column_schema, stage_metadata
from video_assets.defs.list_reports import SHARD_LISTS, changed_lists, list_report
from video_assets.defs.partition_reports import report_or_log
from video_assets.defs.partitions import source_dep
from video_assets.defs.project import Project
from video_assets.settings.model import Source


def enriched_metadata(sources: tuple[Source, ...]) -> dg.AssetsDefinition:
    """The asset for the enabled sources."""

    @dg.asset(
        name="enriched_metadata",
        group_name=GROUP,
        kinds={"parquet", "pandas", "ffmpeg"},
        code_version="1",
        deps=[source_dep(source) for source in sources],
        metadata=column_schema(CLIPS),
        automation_condition=cheap(not_waiting_for=[source.asset for source in sources if source.is_partitioned]),
        description="Clips on disk that have a caption, measured from container and packets without decoding. "
        "Only new and changed files are opened.",
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
        from video_assets.pipeline.enrich import enrich

        result = enrich(
            project.layout,
            project.sources,
            settings=project.settings.decode,
            progress=project.progress(context.log.info),
            memory_bytes=project.table_bytes,
            run_id=context.run.run_id,
        )
        return dg.MaterializeResult(
            metadata={**stage_metadata(project.layout, "enriched_metadata", result), "newly_probed_clips": result.n_new},
            data_version=dg.DataVersion(result.content_hash),
        )

    return asset


@dg.asset(
    group_name=GROUP,
    kinds={"parquet", "pandas"},
    code_version="1",
    deps=["enriched_metadata"],
    metadata=column_schema(CLIPS),
    automation_condition=cheap(),
    description="Clips that are not larger than `filter.max_file_size_mib` (50 MiB by default).",
)
def size_filtered(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Drop large clips before they cost decoding time, and write the shard lists: a run of their own would take a minute."""
    from video_assets.pipeline.shard_lists import write_shard_lists
    from video_assets.pipeline.size_filter import filter_by_size

    max_bytes, n_shards = project.settings.filter.max_file_size_bytes, project.settings.decode.n_shards
    result = filter_by_size(project.layout, max_bytes=max_bytes, memory_bytes=project.table_bytes)
    lists = write_shard_lists(project.layout, shard_keys(n_shards), n_shards=n_shards, memory_bytes=project.table_bytes)
    for written in changed_lists(context.instance, lists):
        report_or_log(context, list_report(written), asset=SHARD_LISTS)
    return dg.MaterializeResult(
        metadata={**stage_metadata(project.layout, "size_filtered", result), "max_file_size_bytes": f"{max_bytes:,}"},
        data_version=dg.DataVersion(result.content_hash),
    )
