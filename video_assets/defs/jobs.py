"""Named jobs: what the command line, the schedules and people start. Each is one run whose name says what it did."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from video_assets.settings.model import Source

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # not exported

PREPARE = "prepare"
PROBE = "probe"
SHARD = "shard"
DECODE = "decode"
PUBLISH = "publish"
LIST_OPENVID = "list_openvid"
FETCH_OPENVID = "fetch_openvid"
FIND_BROKEN_OPENVID = "find_broken_openvid"
LIST_MIRADATA = "list_miradata"
FETCH_MIRADATA = "fetch_miradata"

# Of runs that are on their way. Not NOT_STARTED: a run whose server died before it was submitted stays so.
AT_WORK = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING
]  # fmt: skip

# Sensors and schedules name them, so they are made once.
OPENVID_JOBS = (
    dg.define_asset_job(
        LIST_OPENVID,
        selection=["openvid_listing", "openvid_captions"],
        description="List the data set at its newest commit, with its captions.",
    ),
    dg.define_asset_job(
        FETCH_OPENVID,
        selection=["openvid_clips"],
        description="Fetch what is wanted of archives and not there yet.",
    ),
    dg.define_asset_job(
        FIND_BROKEN_OPENVID,
        selection=["openvid_broken"],
        description="Find clips that do not decode and were fetched only once.",
    ),
)
MIRADATA_JOBS = (
    dg.define_asset_job(
        LIST_MIRADATA,
        selection=["miradata_listing"],
        description="Read the table of clips.",
    ),
    dg.define_asset_job(
        FETCH_MIRADATA,
        selection=["miradata_clips"],
        description="Fetch web videos of batches, as far as they are not here yet, and cut them into clips.",
    ),
)


def build_jobs(sources: tuple[Source, ...], *, exports: Sequence[str] = ()) -> "list[UnresolvedAssetJobDefinition]":
    """The four steps from clips to the training CSV, and those that come before them where clips are fetched."""
    return [
        *(OPENVID_JOBS if any(source.asset == "openvid_clips" for source in sources) else []),
        *(MIRADATA_JOBS if any(source.asset == "miradata_clips" for source in sources) else []),
        dg.define_asset_job(
            PREPARE,
            selection=[*(source.asset for source in sources if not source.is_partitioned), "enriched_metadata", "size_filtered"],
            description="List the sources, measure new clips, drop large ones.",
        ),
        dg.define_asset_job(
            SHARD,
            selection=["shard_lists"],
            description="Write the shard lists.",
        ),
        dg.define_asset_job(
            DECODE,
            selection=["decode_check"],
            description="Decode every clip of the shards that has no verdict yet.",
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=["training_csv", "dataset_report", *exports],
            description="Publish the training CSV from complete shards, check it, draw the report, write the exports.",
        ),
    ]
