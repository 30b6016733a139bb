"""A data set on the hub of single files or tar shards: one asset fetches what is missing and lists it."""

from typing import Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.defs.describe import GROUP, column_schema, listing_metadata
from video_assets.defs.project import Project


@dg.asset(
    group_name=GROUP,
    kinds={"parquet", "huggingface"},
    code_version="1",
    metadata=column_schema(LEDGER),
    description="Clips of a data set on the hub in the shape of VideoFolder or WebDataset, at its newest commit: files are "
    "fetched and verified, shards unpacked, and every clip listed with its caption and a status.",
)
def hub_clips(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Fetch what is not here, list what is."""
    from video_assets.sources.hub_dataset.listing import refresh_hub

    listing = refresh_hub(project.layout, project.settings, info=context.log.info)
    return dg.MaterializeResult(
        metadata={
            **listing_metadata(project.layout, "hub_clips", listing),
            "repo": project.settings.hub.repo or "",
            "revision": listing.revision,
            "bytes_fetched": listing.n_bytes_fetched,
            "files_not_fetched": dg.MetadataValue.json(dict(list(listing.not_fetched.items())[:100])),
        },
        data_version=dg.DataVersion(listing.content_hash),
    )
