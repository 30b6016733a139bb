"""Clips on disk, measured without decoding and joined with their captions; and the filter that drops large ones."""

from typing import Any

import dagster as dg

from video_assets.core.schema import CLIPS
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import OWNERS, column_schema, stage_metadata
from video_assets.defs.partitions import source_dep
from video_assets.defs.project import Project
from video_assets.settings.model import Source


def enriched_metadata(sources: tuple[Source, ...]) -> dg.AssetsDefinition:
    """The asset for the enabled sources."""

    @dg.asset(
        name="enriched_metadata",
        group_name="metadata",
        kinds={"parquet", "pandas", "ffmpeg"},
        owners=OWNERS,
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
        )
        return dg.MaterializeResult(
            metadata={**stage_metadata(result), "newly_probed_clips": result.n_new},
            data_version=dg.DataVersion(result.content_hash),
        )

    return asset


@dg.asset(
    group_name="filter",
    kinds={"parquet", "pandas"},
    owners=OWNERS,
    code_version="1",
    deps=["enriched_metadata"],
    metadata=column_schema(CLIPS),
    automation_condition=cheap(),
    description="Clips that are not larger than `filter.max_file_size_mib` (50 MiB by default).",
)
def size_filtered(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Drop large clips before they cost decoding time."""
    from video_assets.pipeline.size_filter import filter_by_size

    max_bytes = project.settings.filter.max_file_size_bytes
    result = filter_by_size(project.layout, max_bytes=max_bytes)
    return dg.MaterializeResult(
        metadata={**stage_metadata(result), "max_file_size_bytes": max_bytes},
        data_version=dg.DataVersion(result.content_hash),
    )
