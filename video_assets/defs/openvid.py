"""OpenVid: listing, captions, archives. Each archive of a run is reported on its own, as shards are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import OWNERS, column_schema
from video_assets.defs.partition_reports import incomplete, report_partition
from video_assets.defs.partitions import archive_partitions, backfill_policy
from video_assets.defs.project import Project
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.sources.openvid.fetch import ArchiveOutcome


def openvid_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The source's assets, none when it is not enabled."""
    if not settings.openvid.enabled:
        return []
    return [openvid_listing, openvid_captions, openvid_clips(settings), openvid_broken]


@dg.asset(
    group_name="raw",
    kinds={"json", "huggingface"},
    owners=OWNERS,
    code_version="1",
    description="What the data set offers at its newest commit: every file with size and sha256, and which of them make up which "
    "archive. Adds a partition per archive to openvid_clips.",
)
def openvid_listing(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Pin the commit, list it, add partitions."""
    from video_assets.sources.openvid.listing import refresh_listing

    openvid = project.settings.openvid
    listing = refresh_listing(project.layout, openvid)
    partitions = archive_partitions(project.settings)
    context.instance.add_dynamic_partitions(str(partitions.name), list(listing.archives))
    return dg.MaterializeResult(
        metadata={
            "repo": listing.repo,
            "revision": listing.revision,
            "archives": len(listing.archives),
            "archive_bytes": sum(listing.size(archive) for archive in listing.archives),
            "unusable_archives": dg.MetadataValue.json(dict(listing.unusable)),
            "files": len(listing.files),
            "notes": " ".join(listing.warnings) or "none",
        },
        data_version=dg.DataVersion(listing.revision),
    )


@dg.asset(
    group_name="raw",
    kinds={"csv", "parquet", "huggingface"},
    owners=OWNERS,
    code_version="1",
    deps=[openvid_listing],
    automation_condition=cheap(),
    description="The data set's captions and scores by file name, from its table at the listed commit, with the sha256 checked.",
)
def openvid_captions(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Fetch and convert the table; nothing when it is the same as last time."""
    from video_assets.sources.openvid.captions import refresh_captions
    from video_assets.sources.openvid.listing import read_listing

    openvid = project.settings.openvid
    report = refresh_captions(project.layout, openvid, read_listing(project.layout, openvid))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.counts.used,
            "rows_left_out": dg.MetadataValue.json(report.counts.left_out),
            "bytes_fetched": report.n_bytes_fetched,
            "notes": " ".join(report.notes) or "none",
        },
        data_version=dg.DataVersion(report.content_hash),
    )


def openvid_clips(settings: Settings) -> dg.AssetsDefinition:
    """The asset for this family of archives."""

    @dg.asset(
        name="openvid_clips",
        group_name="raw",
        kinds={"huggingface", "parquet"},
        owners=OWNERS,
        code_version="1",
        deps=[openvid_listing, openvid_captions],
        partitions_def=archive_partitions(settings),
        backfill_policy=backfill_policy(settings),
        output_required=False,
        pool="openvid",
        metadata=column_schema(LEDGER),
        description="Clips of one archive, each checked by its CRC-32, and a ledger with one status per member. In mode stream "
        "the archive itself is never stored. What is there is not fetched again; clips that do not decode are fetched once more.",
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.MaterializeResult[Any]]:
        from video_assets.sources.openvid.archive import Told
        from video_assets.sources.openvid.fetch import fetch_archives

        told = Told(project.progress(context.log.info), context.log.info, context.log.warning)
        outcomes = fetch_archives(project.layout, project.settings, list(context.partition_keys), told=told)
        failed = [outcome for outcome in outcomes if not _is_reported(context, outcome)]
        if failed:
            raise incomplete("archives", {outcome.archive: outcome.failure for outcome in failed})
        yield from ()

    return asset


@dg.asset(
    group_name="raw",
    kinds={"json"},
    owners=OWNERS,
    code_version="1",
    deps=["decode_check"],
    automation_condition=cheap(),
    description="Clips of this source that do not decode and were fetched only once. openvid_sensor asks for their archives "
    "again; they are then labelled broken_at_source or was_broken_in_transit.",
)
def openvid_broken(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Look through the verdicts."""
    from video_assets.sources.openvid.broken import write_broken

    broken = write_broken(project.layout, project.settings)
    counts = {archive: len(clips) for archive, clips in broken.items()}
    return dg.MaterializeResult(metadata={"broken_clips": sum(counts.values()), "by_archive": dg.MetadataValue.json(counts)})


def _is_reported(context: dg.AssetExecutionContext, outcome: "ArchiveOutcome") -> bool:
    """Tell Dagster that the archive is complete, or log why it is not."""
    if outcome.result is None:
        context.log.error(f"{outcome.archive}: {outcome.failure}")
        return False
    result, summary = outcome.result, outcome.result.summary
    metadata = {
        "dagster/partition_row_count": summary.listed,
        "ok_clips": summary.ok,
        "skipped_clips": summary.skipped,
        "waiting_clips": summary.waiting,
        "failed_clips": summary.failed,
        "reasons": dg.MetadataValue.json(summary.by_reason),
        "bytes": summary.n_bytes,
        "newly_fetched_clips": result.transfer.fetched,
        "fetched_again": dg.MetadataValue.json(result.transfer.repaired),
        "bytes_fetched": result.n_bytes_fetched,
        "megabytes_per_s": round(result.n_bytes_fetched / 1e6 / max(outcome.seconds, 0.001), 3),
        "revision": outcome.revision,
        "archive_sha256": result.sha256,
    }
    report_partition(context, outcome.archive, metadata=metadata, content_hash=result.content_hash)
    return True
