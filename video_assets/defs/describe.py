"""How tables look in the UI: column contracts and previews as Dagster metadata. Does not belong here: numbers (`core.funnel`)."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg

from video_assets.core.schema import TableSpec
from video_assets.defs.partition_reports import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from video_assets.pipeline.stage_result import StageResult
    from video_assets.publish.manifest import Published
    from video_assets.report.previews import Row
    from video_assets.report.report import Report
    from video_assets.sources.listed import Listing
    from video_assets.storage.layout import Layout

GROUP = "video_assets"
"""One group: the UI shows all assets at once. Several would open as grey boxes."""


def column_schema(spec: TableSpec) -> dict[str, dg.TableSchema]:
    """Definition metadata of an asset that is this table: names, types, units, what may be null."""
    columns = [
        dg.TableColumn(
            name=column.name,
            type=column.type,
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=column.is_nullable, unique=column.name in {"clip_key", "path"}),
        )
        for column in spec.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def look_metadata(url: str | None, clips: int, name: str = "look", **filters: str) -> dict[str, dg.UrlMetadataValue]:
    """A link to the page that shows these clips; nothing without clips, or when nobody has said where the page is.

    An address: the UI hides Markdown behind a button.
    """
    from video_assets.look.links import look_url

    address = look_url(url, **filters)
    return {name: dg.MetadataValue.url(address)} if address and clips else {}


def records_table(records: "Sequence[Row]") -> dg.TableMetadataValue | dg.TextMetadataValue:
    """A few rows as a table; a sentence when there are none (Dagster refuses an empty table without a schema)."""
    if not records:
        return dg.MetadataValue.text("no rows")
    return dg.MetadataValue.table(records=[dg.TableRecord(record) for record in records])


def listing_metadata(layout: "Layout", asset: str, listing: "Listing") -> Metadata:
    """A source's ledger: counts by status and reason, notes, first rows, first rows that are not ok."""
    from video_assets.report.about import ledger_facts

    facts = ledger_facts(layout, asset, listing)
    return {
        "dagster/row_count": listing.n_rows,
        **{f"{status}_clips": facts.by_status.get(status, 0) for status in ("ok", "waiting", "failed")},
        "reasons": dg.MetadataValue.json(facts.reasons),
        "notes": " ".join(listing.notes) or "none",
        "preview": records_table(facts.preview),
        "not_ok": records_table(facts.not_ok),
    }


def stage_metadata(layout: "Layout", asset: str, result: "StageResult") -> Metadata:
    """A stage: rows kept, clips it dropped itself with reasons, distributions with pictures."""
    from video_assets.report.about import stage_facts

    facts = stage_facts(layout, asset, result)
    return {
        "dagster/row_count": facts.rows,
        "dropped_clips": facts.dropped_clips,
        "dropped_by_reason": dg.MetadataValue.json(facts.dropped_by_reason),
        "total_bytes": facts.total_bytes,
        "total_hours": facts.total_hours,
        "preview": records_table(facts.preview),
        "dropped_preview": records_table(facts.dropped_preview),
        "histograms": dg.MetadataValue.md(facts.histograms),
    }


def published_metadata(layout: "Layout", published: "Published", *, look: str | None = None) -> Metadata:
    """The product: where it is, how many clips, why the others are not in it, and its first rows."""
    from video_assets.core.funnel import funnel_from_counts, funnel_markdown
    from video_assets.publish.rules.manifest import changes_json
    from video_assets.report.about import product_pictures

    pictures, changes = product_pictures(layout, published), published.changes
    counted = funnel_from_counts(published.n_kept, published.dropped)
    return {
        "preview": records_table(pictures.preview),
        "dagster/row_count": published.n_kept,
        "dagster/uri": dg.MetadataValue.path(str(published.csv)),
        "listed_clips": counted.listed,
        "dropped_clips": counted.dropped,
        "kept_share": round(published.n_kept / counted.listed, 6),
        **look_metadata(look, published.n_kept, "look_at_kept", status="kept"),
        **look_metadata(look, counted.dropped, "look_at_dropped", status="dropped"),
        "csv": dg.MetadataValue.path(str(published.csv)),
        "csv_bytes": published.csv_bytes,
        # As much as has room in the UI: the manifest and the data version have all of it.
        "csv_sha256": f"{published.csv_hash[:16]}…",
        # Text: the UI plots numbers over time, and a version's number only grows.
        "version": str(published.version),
        "added_since_last": changes.counts.added if changes else 0,
        "dropped_since_last": changes.counts.dropped if changes else 0,
        "changed_since_last": changes.counts.changed if changes else 0,
        "changes": dg.MetadataValue.json(changes_json(changes)),
        "manifest": dg.MetadataValue.path(str(published.manifest)),
        "dropped_by_reason": dg.MetadataValue.json(published.dropped),
        "sources": dg.MetadataValue.json(published.sources),
        "funnel_table": dg.MetadataValue.md(funnel_markdown(counted)),
        "funnel": dg.MetadataValue.md(pictures.funnel),
    }


def report_metadata(report: "Report", *, look: str | None = None) -> Metadata:
    """The report: funnel as numbers, table and picture; all pictures inline."""
    from video_assets.core.funnel import funnel_markdown
    from video_assets.core.verdicts import OFTEN_HARMLESS
    from video_assets.explain.reasons import MEANINGS
    from video_assets.report.previews import picture_markdown
    from video_assets.report.readers import reader_markdown
    from video_assets.report.rules.caption_record import captions_markdown

    counted = report.funnel
    pictures = "\n\n".join(
        f"## {name.replace('_', ' ').capitalize()}\n\n{picture_markdown(picture, name)}"
        for name, picture in report.pictures.items()
    )
    return {
        # One entry: seven would be seven windows to open and close.
        "pictures": dg.MetadataValue.md(pictures),
        "page": dg.MetadataValue.path(str(report.page)),
        **look_metadata(look, counted.listed, "look_at"),
        "listed_clips": counted.listed,
        "kept_clips": counted.kept,
        "dropped_clips": counted.dropped,
        "funnel_table": dg.MetadataValue.md(funnel_markdown(counted, meanings=MEANINGS)),
        "reader_compatibility": dg.MetadataValue.md(reader_markdown(report.readers)),
        "captions": dg.MetadataValue.md(captions_markdown(report.captions)),
        "captions_json": dg.MetadataValue.json(asdict(report.captions)),
        "dropped_for_often_harmless": dg.MetadataValue.md(
            "| reason | clips dropped | pictures, when measured |\n|---|---|---|\n"
            + "".join(f"| {reason} | {counted.by_reason.get(reason, 0)} | {seen} |\n" for reason, seen in OFTEN_HARMLESS.items())
        ),
    }
