"""The report of a published table: pictures on disk, the funnel that they show, and one page with all of it.

Belongs here: which pictures there are. Does not belong here: how they are drawn (`report.plots`, `report.histograms`,
`report.contact_sheet`), how the page looks (`report.page`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from video_assets.core.funnel import Funnel, funnel_from_counts
from video_assets.core.json_values import JsonObject, read_value
from video_assets.core.outliers import shard_outliers
from video_assets.core.schema import CHECKED, DROPPED
from video_assets.core.sharding import shard_keys
from video_assets.pipeline.node_notes import workplaces
from video_assets.progress import Progress, no_progress
from video_assets.publish.audit import shard_counts
from video_assets.publish.manifest import read_manifest, read_published
from video_assets.report.page import AddressOf, report_page
from video_assets.report.previews import kind_of
from video_assets.report.readers import COLUMNS as READER_COLUMNS
from video_assets.report.readers import ReaderRow, reader_table, together
from video_assets.report.rules.caption_record import CaptionRecord
from video_assets.settings.model import Settings
from video_assets.storage.durable import durable_write, hash_file, write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError, read_stage
from video_assets.storage.tables import read_table

if TYPE_CHECKING:
    from video_assets.report.captions import CaptionFacts

_N_STEPS = 8
"""Of drawing: what is read, and `_drawers`."""
_NUMBERS = ["file_size", "duration_s", "height", "width", "fps"]
_MEASURED = list(dict.fromkeys(["clip_key", *_NUMBERS, *READER_COLUMNS]))


@dataclass(frozen=True)
class Report:
    """The page with all of it, the funnel, pictures by name (PNG; WebP of photographs), what readers mind, captions."""

    page: Path
    funnel: Funnel
    pictures: dict[str, bytes]
    readers: tuple[ReaderRow, ...]
    captions: CaptionRecord


@dataclass(frozen=True)
class _Index:
    """report.json: what was drawn, of what, and what needs no picture."""

    subject: JsonObject
    files: tuple[str, ...]
    readers: tuple[ReaderRow, ...]
    captions: CaptionRecord


def write_report(
    layout: Layout,
    settings: Settings,
    *,
    meanings: Mapping[str, str],
    address_of: AddressOf = lambda **_: None,
    progress: Progress = no_progress,
) -> Report:
    """Draw the report of the published table into `training/report/`; what was drawn already for this table is read back.

    `meanings` and `address_of` say what a reason means and where its clips are shown. `progress` is told of what is drawn.

    Raises:
        StageError, FileNotFoundError: nothing is published.
        TokenizerError: the settings want tokens counted, and they cannot be.
    """
    published = read_published(layout, settings)
    counted = funnel_from_counts(published.n_kept, published.dropped)
    subject = _subject(layout, settings)
    if drawn := _drawn(layout, subject, counted):
        return drawn
    readers, captions, pictures = _draw(layout, settings, counted, progress)
    files = {f"{name}.{kind_of(picture)}": picture for name, picture in pictures.items()}
    for name, picture in files.items():
        with durable_write(layout.report / name) as file:
            file.write(picture)
    page = report_page(
        counted,
        pictures,
        read_manifest(published.manifest),
        meanings=meanings,
        address_of=address_of,
        place=_place(published.manifest),
        captions=captions.record,
    )
    write_text(layout.report_page, page)
    index = _Index(subject, tuple(files), readers, captions.record)
    write_text(layout.report / "captions.json", json.dumps(asdict(index.captions), indent=1, ensure_ascii=False) + "\n")
    write_text(_index_path(layout), json.dumps(asdict(index)))
    _remove_others(layout, set(files))
    return _report(layout, counted, pictures, index)


def read_pictures(layout: Layout, settings: Settings) -> dict[str, bytes]:
    """The report's pictures by name: those that lie there for the published table, else drawn now and not kept.

    Raises:
        StageError, FileNotFoundError: nothing is published.
    """
    published = read_published(layout, settings)
    counted = funnel_from_counts(published.n_kept, published.dropped)
    drawn = _drawn(layout, _subject(layout, settings), counted)
    if drawn:
        return drawn.pictures
    return _draw(layout, settings, counted, no_progress)[2]


def _subject(layout: Layout, settings: Settings) -> JsonObject:
    """What a report was drawn of: when all of this is the same, so is the report."""
    return {
        "manifest": hash_file(layout.manifest(settings.product_name)),
        "checks": settings.checks.model_dump(),
        "look": settings.look.url,
        "report": settings.report.model_dump(mode="json"),
    }


def _place(manifest: Path) -> str:
    """When and where it was published: whom the page is mailed to sees no data root."""
    published_at = datetime.fromtimestamp(manifest.stat().st_mtime, UTC)
    return f"published {published_at:%Y-%m-%d %H:%M} UTC in {manifest.parent.absolute()}"


def _captions(layout: Layout, settings: Settings, counted: Funnel) -> "CaptionFacts":
    from video_assets.report.captions import caption_facts

    return caption_facts(layout.training_table(settings.product_name), counted, settings.report, memory=layout.caption_marks)


def _draw(
    layout: Layout, settings: Settings, counted: Funnel, progress: Progress
) -> "tuple[tuple[ReaderRow, ...], CaptionFacts, dict[str, bytes]]":
    """What readers mind, facts of the captions, pictures by name."""
    with progress("draw the report", _N_STEPS, "steps") as advance:
        (kept, readers), captions = _kept(layout, settings), _captions(layout, settings, counted)
        advance(1)
        pictures: dict[str, bytes] = {}
        for draw in _drawers(layout, settings, counted, kept, captions):
            pictures |= draw()
            advance(1)
    return readers, captions, pictures


def _drawers(
    layout: Layout, settings: Settings, counted: Funnel, kept: pd.DataFrame, captions: "CaptionFacts"
) -> list[Callable[[], dict[str, bytes]]]:
    # Not at the top: what draws costs a second to import, and most reports are drawn already.
    from video_assets.report import plots
    from video_assets.report.contact_sheet import contact_sheets
    from video_assets.report.histograms import histograms_png
    from video_assets.report.nodes import by_node, nodes_png

    counts = shard_counts(layout, shard_keys(settings.decode.n_shards))
    outliers = shard_outliers(counts, max_excess=settings.checks.max_shard_excess)
    nodes = by_node(counts, workplaces(layout, counts["shard"].tolist()))
    return [
        lambda: {"funnel": plots.funnel_png(counted)},
        lambda: {"histograms": histograms_png(kept, captions)},
        lambda: {"drop_reasons": plots.drop_reasons_png(counted)},
        lambda: {"shards": plots.shards_png(counts, outliers=outliers)},
        lambda: {"nodes": nodes_png(nodes)} if len(nodes) else {},
        lambda: _of_miradata(layout, settings),
        lambda: contact_sheets(layout, settings),
    ]


def _of_miradata(layout: Layout, settings: Settings) -> dict[str, bytes]:
    """How far MiraData is, where it is a source with a listing."""
    if not settings.miradata.is_enabled:
        return {}
    from video_assets.report.miradata import progress_png
    from video_assets.sources.miradata.progress import read_progress

    try:
        return {"miradata_progress": progress_png(read_progress(layout, settings.miradata))}
    except StageError:
        return {}


def _kept(layout: Layout, settings: Settings) -> tuple[pd.DataFrame, tuple[ReaderRow, ...]]:
    """Of the clips in the training table: measurements that are drawn, and what readers mind; looked at shard by shard."""
    dropped = read_table(layout.dropped, DROPPED, columns=["clip_key"]).rows["clip_key"]
    numbers, readers = [CHECKED.frame()[_NUMBERS]], list[tuple[ReaderRow, ...]]()
    for shard in shard_keys(settings.decode.n_shards):
        clips = read_stage(layout.checked(shard), CHECKED, columns=_MEASURED).kept
        is_gone = clips["clip_key"].isin(dropped)
        kept = clips[~is_gone] if is_gone.any() else clips
        numbers.append(kept[_NUMBERS])
        readers.append(reader_table(kept))
    return pd.concat(numbers, ignore_index=True), together(readers)


def _remove_others(layout: Layout, files: set[str]) -> None:
    """Pictures of before under names that are not in use any more: they would show clips that are gone."""
    for pattern in ("*.png", "*.webp"):
        for path in layout.report.glob(pattern):
            if path.name not in files:
                path.unlink(missing_ok=True)


def _index_path(layout: Layout) -> Path:
    return layout.report / "report.json"


def _drawn(layout: Layout, subject: JsonObject, counted: Funnel) -> Report | None:
    """The report on disk when it shows `subject`, else none."""
    try:
        index = read_value(_Index, json.loads(_index_path(layout).read_text(encoding="utf-8")))
        if index.subject != subject or not layout.report_page.exists():
            return None
        pictures = {name.rpartition(".")[0]: (layout.report / name).read_bytes() for name in index.files}
    except (FileNotFoundError, ValueError):  # damaged, or drawn by a version before, which called them otherwise
        return None
    return _report(layout, counted, pictures, index)


def _report(layout: Layout, counted: Funnel, pictures: dict[str, bytes], index: _Index) -> Report:
    return Report(page=layout.report_page, funnel=counted, pictures=pictures, readers=index.readers, captions=index.captions)
