"""What the UI shows of a table: numbers, first rows, a picture. Kept beside the data until the table changes, then made anew.

Belongs here: those facts. Does not belong here: Dagster's metadata types (`defs.describe`), drawing (`report.plots`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

import pandas as pd
import xxhash

from video_assets.core.funnel import funnel_from_counts
from video_assets.core.json_values import JsonObject, read_value
from video_assets.core.schema import CLIPS, LEDGER, TRAINING
from video_assets.pipeline.stage_result import StageResult
from video_assets.publish.manifest import Published
from video_assets.report.previews import Row, preview
from video_assets.sources.ledgers import Listing
from video_assets.storage.durable import hash_file, write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage
from video_assets.storage.tables import read_head, read_table

_NUMBERS = ["num_frames", "height", "width", "fps", "file_size"]  # the others follow from them, and the UI has little room
_MEASURED = ["file_size", "duration_s", "height", "width", "fps"]
_SHOWN = ["clip_key", "text", "num_frames", "height", "width", "fps", "duration_s", "file_size", "probe_status"]


@dataclass(frozen=True)
class LedgerFacts:
    """A ledger: clips by status, reasons of those that are not ok, first rows, first rows that are not ok."""

    by_status: Mapping[str, int]
    reasons: Mapping[str, int]
    preview: list[Row]
    not_ok: list[Row]


@dataclass(frozen=True)
class StageFacts:
    """A stage: how much it kept, what it dropped itself (enriched_metadata: with what the sources could not give).

    `histograms` is markdown with a picture.
    """

    rows: int
    dropped_clips: int
    dropped_by_reason: Mapping[str, int]
    total_bytes: int
    total_hours: float
    preview: list[Row]
    dropped_preview: list[Row]
    histograms: str


@dataclass(frozen=True)
class ProductPictures:
    """The published table: its funnel (markdown with a picture) and its first rows."""

    funnel: str
    preview: list[Row]


_drawn: dict[str, bytes] = {}
"""The last histograms, by a hash of the numbers that they show."""

_Facts = TypeVar("_Facts", LedgerFacts, StageFacts, ProductPictures)


def _kept_until_changed(
    kind: type[_Facts], make: Callable[[], _Facts], *, layout: Layout, asset: str, content_hash: str
) -> _Facts:
    """What `make` returns; read back while the table of `asset` has this hash."""
    path = layout.about(asset)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["of"] == content_hash and known["facts_hash"] == _hash_of(known["facts"]):
            return read_value(kind, known["facts"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # nothing there, torn by the disk, or of another version: it is only a copy
    facts = make()
    told = json.loads(json.dumps(asdict(facts)))
    write_text(path, json.dumps({"of": content_hash, "facts": told, "facts_hash": _hash_of(told)}) + "\n")
    return facts


def _hash_of(told: JsonObject) -> str:
    return xxhash.xxh3_64_hexdigest(json.dumps(told).encode())


def ledger_facts(layout: Layout, asset: str, listing: Listing) -> LedgerFacts:
    """A source's ledger.

    Raises:
        FileNotFoundError, ValueError: the table is not there, or unreadable.
    """
    return _kept_until_changed(
        LedgerFacts, lambda: _ledger_facts(listing), layout=layout, asset=asset, content_hash=listing.content_hash
    )


def _ledger_facts(listing: Listing) -> LedgerFacts:
    shown = ["clip_key", "status", "reason", "detail"]
    rows = read_table(listing.path, LEDGER, columns=shown).rows
    not_ok = rows[rows["status"] != "ok"]
    return LedgerFacts(
        by_status=_counts(rows["status"]),
        reasons=_counts(not_ok["reason"]),
        preview=preview(read_head(listing.path, LEDGER, 10), ["clip_key", "status", "text", "origin"]),
        not_ok=preview(not_ok, shown),
    )


def stage_facts(layout: Layout, asset: str, result: StageResult) -> StageFacts:
    """A stage in numbers, rows and a picture.

    Raises:
        StageError: the table is torn or unreadable.
    """
    return _kept_until_changed(
        StageFacts, lambda: _stage_facts(asset, result), layout=layout, asset=asset, content_hash=result.content_hash
    )


def product_pictures(layout: Layout, published: Published) -> ProductPictures:
    """What was published, in a picture and a few rows."""
    return _kept_until_changed(
        ProductPictures,
        lambda: _product_pictures(published),
        layout=layout,
        asset="training_csv",
        content_hash=hash_file(published.manifest),
    )


def _product_pictures(published: Published) -> ProductPictures:
    from video_assets.report.plots import funnel_png
    from video_assets.report.previews import picture_markdown

    counted = funnel_from_counts(published.n_kept, published.dropped)
    return ProductPictures(
        funnel=picture_markdown(funnel_png(counted), "funnel"),
        preview=preview(_in_short(read_head(published.table, TRAINING, 5)), ["clip", *_NUMBERS, "text"], max_chars=24),
    )


def _stage_facts(asset: str, result: StageResult) -> StageFacts:
    from video_assets.report.previews import picture_markdown

    stage = read_stage(result.path, CLIPS, columns=_MEASURED)
    dropped = stage.dropped if asset == "enriched_metadata" else stage.dropped[stage.dropped["stage"] == asset]
    return StageFacts(
        rows=len(stage.kept),
        dropped_clips=len(dropped),
        dropped_by_reason=_counts(dropped["reason"]),
        total_bytes=int(stage.kept["file_size"].sum()),
        total_hours=float(stage.kept["duration_s"].sum()) / 3600,
        preview=preview(read_head(result.path, CLIPS, 10), _SHOWN),
        dropped_preview=preview(dropped, ["clip_key", "reason", "detail"]),
        histograms=picture_markdown(_histograms(stage.kept), "size, duration, resolution, frame rate"),
    )


def _histograms(clips: pd.DataFrame) -> bytes:
    """Drawn once for stages between which no clip is lost, as where a filter drops nothing."""
    from video_assets.report.histograms import histograms_png

    shown = xxhash.xxh3_128(pd.util.hash_pandas_object(clips[_MEASURED], index=False).to_numpy().tobytes()).hexdigest()
    if (picture := _drawn.get(shown)) is None:
        picture = histograms_png(clips)
        _drawn.clear()
        _drawn[shown] = picture
    return picture


def _in_short(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the product with the clip's file name for its path: the numbers beside it stay in sight."""
    return rows.assign(clip=rows["path"].str.rpartition("/")[2])


def _counts(reasons: pd.Series) -> dict[str, int]:
    return {str(reason): int(count) for reason, count in reasons.value_counts().sort_index().items()}
