"""What the UI shows of a table: numbers, first rows, a picture. Kept beside the data until the table changes, then made anew.

Belongs here: those facts, JSON-able. Does not belong here: Dagster's metadata types (`defs.describe`), drawing (`report.plots`).
"""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from video_assets.core.funnel import funnel_from_counts
from video_assets.core.schema import CLIPS, LEDGER, TRAINING
from video_assets.pipeline.stage_result import StageResult
from video_assets.publish.manifest import Published
from video_assets.report.previews import preview
from video_assets.sources.ledgers import Listing
from video_assets.storage.durable import hash_file, write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage
from video_assets.storage.tables import read_head, read_table

_NUMBERS = ["num_frames", "height", "width", "aspect_ratio", "fps", "resolution", "file_size"]
_MEASURED = ["file_size", "duration_s", "height", "width", "fps"]
_SHOWN = ["clip_key", "text", "num_frames", "height", "width", "fps", "duration_s", "file_size", "probe_status"]


def kept_until_changed(layout: Layout, asset: str, content_hash: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns (JSON-able); read back while the table of `asset` has this hash."""
    path = layout.about(asset)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["of"] == content_hash:
            return known["facts"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # nothing there, or torn by the disk: it is only a copy
    facts = make()
    write_text(path, json.dumps({"of": content_hash, "facts": facts}) + "\n")
    return facts


def ledger_facts(layout: Layout, asset: str, listing: Listing) -> dict[str, Any]:
    """A ledger: clips `by_status`, `reasons` of those that are not ok, `preview` and `not_ok` (records).

    Raises:
        FileNotFoundError, ValueError: the table is not there, or unreadable.
    """
    return kept_until_changed(layout, asset, listing.content_hash, lambda: _ledger_facts(listing))


def _ledger_facts(listing: Listing) -> dict[str, Any]:
    shown = ["clip_key", "status", "reason", "detail"]
    rows = read_table(listing.path, LEDGER, columns=shown).rows
    not_ok = rows[rows["status"] != "ok"]
    return {
        "by_status": _counts(rows["status"]),
        "reasons": _counts(not_ok["reason"]),
        "preview": preview(read_head(listing.path, LEDGER, 10), ["clip_key", "status", "text", "origin"]),
        "not_ok": preview(not_ok, shown),
    }


def stage_facts(layout: Layout, asset: str, result: StageResult) -> dict[str, Any]:
    """A stage in numbers, rows and a picture.

    `rows`, `total_bytes` and `total_hours` of what it kept; `dropped_clips` and `dropped_by_reason` of what it dropped itself (of
    enriched_metadata: with what the sources could not give); `preview`, `dropped_preview` (records); `histograms` (markdown).

    Raises:
        StageError: the table is torn or unreadable.
    """
    return kept_until_changed(layout, asset, result.content_hash, lambda: _stage_facts(asset, result))


def product_pictures(layout: Layout, published: Published) -> dict[str, Any]:
    """`funnel` (markdown with a picture) and `preview` (records) of what was published."""
    return kept_until_changed(layout, "training_csv", hash_file(published.manifest), lambda: _product_pictures(published))


def _product_pictures(published: Published) -> dict[str, Any]:
    from video_assets.report.plots import funnel_png
    from video_assets.report.previews import picture_markdown

    counted = funnel_from_counts(published.n_kept, published.dropped)
    return {
        "funnel": picture_markdown(funnel_png(counted), "funnel"),
        "preview": preview(_in_short(read_head(published.table, TRAINING, 5)), ["clip", *_NUMBERS, "text"], max_chars=60),
    }


def _stage_facts(asset: str, result: StageResult) -> dict[str, Any]:
    from video_assets.report.plots import histograms_png
    from video_assets.report.previews import picture_markdown

    stage = read_stage(result.path, CLIPS, columns=_MEASURED)
    dropped = stage.dropped if asset == "enriched_metadata" else stage.dropped[stage.dropped["stage"] == asset]
    return {
        "rows": len(stage.kept),
        "dropped_clips": len(dropped),
        "dropped_by_reason": _counts(dropped["reason"]),
        "total_bytes": int(stage.kept["file_size"].sum()),
        "total_hours": float(stage.kept["duration_s"].sum()) / 3600,
        "preview": preview(read_head(result.path, CLIPS, 10), _SHOWN),
        "dropped_preview": preview(dropped, ["clip_key", "reason", "detail"]),
        "histograms": picture_markdown(histograms_png(stage.kept), "size, duration, resolution, frame rate"),
    }


def _in_short(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the product with the clip's file name for its path: the numbers beside it stay in sight."""
    return rows.assign(clip=rows["path"].str.rpartition("/")[2])


def _counts(reasons: pd.Series) -> dict[str, int]:
    return {str(reason): int(count) for reason, count in reasons.value_counts().sort_index().items()}
