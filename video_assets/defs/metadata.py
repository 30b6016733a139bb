"""Measurements of clips on disk, joined with their captions."""

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
