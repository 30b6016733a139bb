"""Filters that need no decoding."""

from typing import Any

import dagster as dg

from video_assets.core.schema import CLIPS
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import OWNERS, column_schema, stage_metadata
from video_assets.defs.project import Project


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
    from video_assets.pipeline.enrich import filter_by_size

    max_bytes = project.settings.filter.max_file_size_bytes
    result = filter_by_size(project.layout, max_bytes=max_bytes)
    return dg.MaterializeResult(
        metadata={**stage_metadata(result), "max_file_size_bytes": max_bytes},
        data_version=dg.DataVersion(result.content_hash),
    )
