"""MiraData: its table of clips, its batches of web videos, cut into clips, and the schedule that works through them at night.

Does not belong here: which batches are due (`sources.miradata`).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from video_assets.core.schema import LEDGER
from video_assets.defs.describe import GROUP, column_schema
from video_assets.defs.jobs import FETCH_MIRADATA
from video_assets.defs.partition_reports import Metadata, PartitionReport, report_each, report_or_log
from video_assets.defs.partitions import MIRADATA_BATCHES
from video_assets.defs.project import Project
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.sources.miradata.ledgers import BatchOutcome
    from video_assets.storage.layout import Layout


_TERMS = (
    " For informational use only: no commercial use, no redistribution; the terms of the sites that show the videos apply to you "
    "(docs/miradata.md)."
)


def miradata_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The source's assets, none when it is not enabled."""
    return [miradata_listing, miradata_survey, _miradata_clips()] if settings.miradata.is_enabled else []


@dg.asset(
    group_name=GROUP,
    kinds={"csv", "parquet"},
    code_version="1",
    description="MiraData's table of clips, every row checked; its batches become partitions of miradata_clips." + _TERMS,
)
def miradata_listing(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Read the table, make its batches known to Dagster, and write ledgers anew whose rows have changed."""
    from video_assets.sources.miradata.ledgers import refresh_ledgers
    from video_assets.sources.miradata.listing import refresh_listing

    listing = refresh_listing(project.layout, project.settings.miradata)
    context.instance.add_dynamic_partitions(MIRADATA_BATCHES.name or "", list(listing.batches))
    rewritten = [_log_rewritten(context, outcome) for outcome in refresh_ledgers(project.layout, project.settings)]
    metadata = {
        "dagster/row_count": listing.n_rows,
        "table": f"{listing.table} ({listing.version})",
        "batches": len(listing.batches),
        "source_videos": listing.n_videos,
        "captioned_clips": listing.n_captioned,
        "rows_of_no_use": dg.MetadataValue.json(listing.reasons),
        "batches_with_other_rows": len(rewritten),
        "problems": "\n".join([*listing.notes, *listing.problems]) or "none",
        "terms": listing.terms,
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(listing.revision))


def _log_rewritten(context: dg.AssetExecutionContext, outcome: "BatchOutcome") -> str:
    """Tell Dagster that the ledger of a batch has other rows, so that what is made from it follows."""
    metadata = {"dagster/partition_row_count": outcome.n_clips, "ok_clips": outcome.n_ok, "waiting_clips": outcome.n_waiting}
    report = PartitionReport(outcome.batch, outcome.content_hash, metadata)
    report_or_log(context, report, asset=dg.AssetKey("miradata_clips"))
    return outcome.batch


@dg.asset(
    group_name=GROUP,
    kinds={"yt-dlp"},
    code_version="1",
    deps=[miradata_listing],
    pool="miradata",
    description="A random sample of web videos of each site, asked whether they can be had, none downloaded: shares with 95 % "
    "intervals (Wilson), bytes and days. Only when you materialize it; it goes on where it stopped." + _TERMS,
)
def miradata_survey(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Ask those of the sample that were not asked before."""
    from video_assets.report.miradata import survey_png
    from video_assets.report.previews import picture_markdown
    from video_assets.sources.miradata.rules.survey import as_markdown, total
    from video_assets.sources.miradata.survey import survey

    progress, n_per_site = project.progress(context.log.info), project.settings.miradata.survey_sample
    sites = survey(project.layout, project.settings, n_per_site=n_per_site, progress=progress)
    all_sites = total(sites)
    metadata = {
        "asked_web_videos": all_sites.n_asked,
        "obtainable_share": all_sites.share,
        "obtainable_share_low": all_sites.low,
        "obtainable_share_high": all_sites.high,
        "gigabytes": (all_sites.n_bytes or 0.0) / 1e9,
        "days": all_sites.days,
        "by_site": dg.MetadataValue.md(f"{as_markdown(sites)}\n\n{picture_markdown(survey_png(sites), 'obtainable by site')}"),
    }
    return dg.MaterializeResult(metadata=metadata)


def _miradata_clips() -> dg.AssetsDefinition:
    @dg.asset(
        name="miradata_clips",
        group_name=GROUP,
        kinds={"ffmpeg", "parquet"},
        code_version="1",
        deps=[dg.AssetDep("miradata_listing", partition_mapping=dg.AllPartitionMapping())],
        partitions_def=MIRADATA_BATCHES,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        output_required=False,
        pool="miradata",
        metadata=column_schema(LEDGER),
        description="Web videos of one batch, each fetched once, cut into its clips and deleted; one ledger row per clip, with "
        "the reason when there is none. A batch that a site stopped goes on when it is materialized again." + _TERMS,
    )
    def asset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> Iterator[dg.MaterializeResult[Any]]:
        from video_assets.sources.miradata.batch import fetch_batches

        batches, progress = list(context.partition_keys), project.progress(context.log.info)
        outcomes = fetch_batches(project.layout, batches, settings=project.settings, progress=progress)
        report_each(context, "batches", (_report(outcome, project.layout, project.settings) for outcome in outcomes))
        yield from ()

    return asset


def _report(outcome: "BatchOutcome", layout: "Layout", settings: Settings) -> PartitionReport:
    if outcome.failure:
        return PartitionReport(outcome.batch, failure=outcome.failure)
    metadata = {
        "dagster/partition_row_count": outcome.n_clips,
        "ok_clips": outcome.n_ok,
        "waiting_clips": outcome.n_waiting,
        "lost_clips": outcome.n_clips - outcome.n_ok - outcome.n_waiting,
        "newly_cut_clips": outcome.n_cut_now,
        "source_videos_asked_for": outcome.n_videos_asked,
        "bytes_fetched": outcome.n_bytes_fetched,
        "bytes": outcome.n_bytes,
        "not_ok_by_reason": dg.MetadataValue.json(outcome.by_reason),
        **_obtainable(layout),
        **_progress(layout, settings),
    }
    return PartitionReport(outcome.batch, outcome.content_hash, metadata)


def _obtainable(layout: "Layout") -> Metadata:
    """What of all batches so far is obtainable: a table and a picture."""
    from video_assets.core.funnel import funnel_from_counts, funnel_markdown
    from video_assets.explain.reasons import MEANINGS
    from video_assets.report.plots import drop_reasons_png, funnel_png
    from video_assets.report.previews import picture_markdown
    from video_assets.sources.miradata.ledgers import obtainable

    n_ok, reasons = obtainable(layout)
    counted = funnel_from_counts(n_ok, {"miradata_clips": reasons})
    picture = picture_markdown(funnel_png(counted), "what is obtainable")
    why = picture_markdown(drop_reasons_png(counted), "why the rest is not") if reasons else ""
    return {
        "obtainable_share": n_ok / counted.listed if counted.listed else 0.0,
        "obtainable": dg.MetadataValue.md(f"{funnel_markdown(counted, meanings=MEANINGS)}\n\n{picture}\n\n{why}"),
    }


def _progress(layout: "Layout", settings: Settings) -> Metadata:
    """How far all batches are: numbers that Dagster plots, sites in a pause, a picture."""
    from video_assets.report.miradata import progress_png
    from video_assets.report.previews import picture_markdown
    from video_assets.sources.miradata.progress import read_progress
    from video_assets.sources.miradata.rules.progress import paused_markdown

    progress = read_progress(layout, settings.miradata)
    decided = max(1, progress.n_cut + progress.n_lost)
    return {
        "clips_cut_so_far": progress.n_cut,
        "clips_left": progress.n_left,
        "clips_a_day": progress.per_day,
        "lost_share": progress.n_lost / decided,
        **({} if progress.days_left is None else {"days_left": progress.days_left}),
        "estimated_end": progress.ends_on,
        "sites_in_a_pause": len(progress.paused),
        "paused_until": dg.MetadataValue.md(paused_markdown(progress)),
        "progress": dg.MetadataValue.md(picture_markdown(progress_png(progress), "clips a day, share lost")),
    }


def miradata_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The nightly schedule; off until a person starts it, because it downloads from other people's sites."""
    if not settings.miradata.is_enabled:
        return []

    def batches(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from video_assets.core.errors import MendableError
        from video_assets.sources.miradata.ledgers import due_batches
        from video_assets.storage.layout import Layout

        try:
            due = due_batches(Layout(settings.data_root), settings.miradata)
        except MendableError as error:
            yield dg.SkipReason(str(error))
            return
        if not due:
            yield dg.SkipReason("no batch has anything left to ask for")
        night = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        yield from (dg.RunRequest(run_key=f"{batch}:{night}", partition_key=batch) for batch in due)

    return [
        dg.ScheduleDefinition(
            name="nightly_miradata",
            job_name=FETCH_MIRADATA,
            cron_schedule=settings.miradata.nightly_cron,
            execution_timezone=settings.automation.timezone,
            default_status=dg.DefaultScheduleStatus.STOPPED,
            execution_fn=batches,
            description=f"Works through the batches, {settings.miradata.batches_per_night} a night. Off until you start it.",
        )
    ]
