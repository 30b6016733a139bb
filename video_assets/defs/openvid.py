"""OpenVid: listing, captions, archives, and who asks for archives without a click.

Each archive of a run is reported on its own, as shards are. Sensor and schedule only look at small files and ask the hub one
question. Does not belong here: which archives are due (`sources.openvid`).
"""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.defs.conditions import cheap
from video_assets.defs.describe import GROUP, column_schema
from video_assets.defs.jobs import AT_WORK, FETCH_OPENVID, LIST_OPENVID, OPENVID_JOBS
from video_assets.defs.partition_reports import PartitionReport, report_each
from video_assets.defs.partitions import archive_partitions, backfill_policy
from video_assets.defs.project import Project
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.sources.openvid.fetch import ArchiveOutcome


def openvid_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The source's assets, none when it is not enabled."""
    if not settings.openvid.is_enabled:
        return []
    return [openvid_listing, openvid_captions, openvid_clips(settings), openvid_broken]


@dg.asset(
    group_name=GROUP,
    kinds={"json", "huggingface"},
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
    group_name=GROUP,
    kinds={"csv", "parquet", "huggingface"},
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
    listing, stale_after_s = read_listing(project.layout, openvid), project.settings.decode.lease_stale_s
    report = refresh_captions(project.layout, openvid, listing, stale_after_s=stale_after_s)
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
        group_name=GROUP,
        kinds={"huggingface", "parquet"},
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
        report_each(context, "archives", map(_report, outcomes))
        yield from ()

    return asset


@dg.asset(
    group_name=GROUP,
    kinds={"json"},
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


def _report(outcome: "ArchiveOutcome") -> PartitionReport:
    if outcome.result is None:
        return PartitionReport(outcome.archive, failure=outcome.failure)
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
    return PartitionReport(outcome.archive, result.content_hash, metadata)


_SECONDS_PER_TRY = 3600


def openvid_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor, when the source is enabled."""
    if not settings.openvid.is_enabled:
        return []
    is_running = settings.automation.is_enabled

    @dg.sensor(
        name="openvid_sensor",
        jobs=OPENVID_JOBS[:2],
        minimum_interval_seconds=settings.openvid.poll_s,
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        description="Asks the hub for the newest commit. Lists the data set when that has moved, then asks for archives that are "
        "new, have changed, or hold clips that do not decode, a few at a time.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(context, settings)

    return [sensor]


def openvid_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """For people who like a schedule better than a sensor, and for what a sensor does not do twice."""
    if not settings.openvid.is_enabled:
        return []
    automation = settings.automation
    status = dg.DefaultScheduleStatus.RUNNING if automation.is_enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="nightly_openvid",
        job_name=FETCH_OPENVID,
        cron_schedule=automation.nightly_cron,
        execution_timezone=automation.timezone,
        default_status=status,
        description="Asks for every archive that is not complete by the listing that is there, failed ones included.",
    )
    def fetch(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        return _night(context, settings)

    listing = dg.ScheduleDefinition(
        name="nightly_openvid_listing",
        job_name=LIST_OPENVID,
        cron_schedule=automation.nightly_cron,
        execution_timezone=automation.timezone,
        default_status=status,
        description="Lists the data set again, and fetches its captions if they have changed.",
    )
    return [listing, fetch]


def _night(context: dg.ScheduleEvaluationContext, settings: Settings) -> list[dg.RunRequest] | dg.SkipReason:
    """A run for each archive that is due and has none under way."""
    from video_assets.core.errors import MendableError
    from video_assets.sources.openvid.fetch import due
    from video_assets.storage.layout import Layout

    try:
        wanted = due(Layout(settings.data_root), settings)
    except MendableError as error:
        return dg.SkipReason(str(error))
    busy = _busy(context.instance)
    context.instance.add_dynamic_partitions(str(archive_partitions(settings).name), list(wanted))
    night = context.scheduled_execution_time.isoformat()
    requests = [dg.RunRequest(run_key=f"{archive}:{night}", partition_key=archive) for archive in wanted if archive not in busy]
    return requests or dg.SkipReason(f"every wanted archive is there, or on its way ({len(busy)} runs)")


def _tick(context: dg.SensorEvaluationContext, settings: Settings) -> dg.SensorResult | dg.SkipReason:
    """Ask for a listing when the commit has moved, else for archives; one or the other."""
    from video_assets.core.errors import MendableError
    from video_assets.sources.openvid.fetch import needs_listing, pending
    from video_assets.sources.openvid.listing import head_commit
    from video_assets.storage.layout import Layout

    layout = Layout(settings.data_root)
    try:
        head = head_commit(settings.openvid)
        if needs_listing(layout, settings, head):
            return _ask_for_listing(head, context.cursor)
        tokens = pending(layout, settings)
    except MendableError as error:
        return dg.SkipReason(str(error))
    asked = json.loads(context.cursor or "{}").get("asked", {})
    busy = _busy(context.instance)
    free = max(0, settings.openvid.max_archives_per_poll - len(busy))
    news = {archive: token for archive, token in tokens.items() if asked.get(archive) != token and archive not in busy}
    now = dict(list(news.items())[:free])
    cursor = json.dumps({"commit": head, "asked": {**{k: v for k, v in asked.items() if k in tokens}, **now}}, sort_keys=True)
    if not now:
        return dg.SensorResult(skip_reason=_why_nothing(head, tokens, busy, news), cursor=cursor)
    requests = [
        dg.RunRequest(run_key=f"{archive}:{token}", job_name=FETCH_OPENVID, partition_key=archive)
        for archive, token in now.items()
    ]
    # There already, unless Dagster's storage is a new one. Requests of a tick are checked before its own additions count.
    context.instance.add_dynamic_partitions(str(archive_partitions(settings).name), list(now))
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def _ask_for_listing(head: str, cursor: str | None) -> dg.SensorResult:
    """Once per commit and hour: a listing that fails is tried again, not every few minutes."""
    request = dg.RunRequest(run_key=f"list:{head}:{int(time.time()) // _SECONDS_PER_TRY}", job_name=LIST_OPENVID)
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def _busy(instance: dg.DagsterInstance) -> set[str]:
    """Archives whose runs wait or run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=FETCH_OPENVID, statuses=AT_WORK))
    return {run.tags.get("dagster/partition", run.run_id) for run in runs}


def _why_nothing(head: str, tokens: dict[str, str], busy: set[str], news: dict[str, str]) -> str:
    if news:
        return f"{len(news)} archives are due, {len(busy)} runs are under way: the next ones are asked for when those end"
    if tokens:
        return (
            f"{len(tokens)} archives are not complete and were asked for already ({', '.join(list(tokens)[:3])}); look at their "
            "runs; nightly_openvid asks again"
        )
    return f"commit {head[:12]} as before, every wanted archive is there"
