"""Raw sources: what each of them offers, one ledger row per clip."""

from typing import Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.defs.describe import OWNERS, column_schema, listing_metadata
from video_assets.defs.project import Project


@dg.asset(
    group_name="raw",
    kinds={"parquet"},
    owners=OWNERS,
    code_version="1",
    metadata=column_schema(LEDGER),
    description="The user's own clips: every file and every caption row, with a status and, when it cannot be used, the reason.",
)
def own_clips(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """List the clips folder and the captions table."""
    from video_assets.sources.ledgers import refresh_own_clips

    listing = refresh_own_clips(project.layout, project.settings)
    context.log.info(" ".join([f"listed {len(listing.rows):,} clips", *listing.note["notes"]]))
    return dg.MaterializeResult(metadata=listing_metadata(listing), data_version=dg.DataVersion(listing.content_hash))
