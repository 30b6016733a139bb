"""A take-down: find what a request names, bury it, remove its files, take it out of every table and every kept version, report.

Every step can be killed and done again: tombstones come first, so nothing comes back meanwhile, and the same request removes
what is left.
Belongs here: that order. Does not belong here: matching (`tombstones.matching`), deleting clips (`takedown.files`), rewriting
tables (`takedown.scrub`, `takedown.redact`), publishing without the clips (`local.run`), the report's words (`takedown.outcome`).
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from video_assets.core.errors import SourceError
from video_assets.exports.withdraw import Withdrawn, withdraw
from video_assets.pipeline.shard_lists import keep_origin
from video_assets.publish.manifest import read_manifest
from video_assets.publish.versions import read_versions, show
from video_assets.settings.model import Settings
from video_assets.storage.durable import n_drafts, remove_old_drafts, write_text
from video_assets.storage.encodings import decode
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.patching import ReplacedError
from video_assets.storage.stages import StageError, stage_hash
from video_assets.takedown.files import remove_files
from video_assets.takedown.find import find
from video_assets.takedown.outcome import FoundClip, TakedownReport, report_markdown
from video_assets.takedown.redact import redact_version
from video_assets.takedown.same_bytes import with_hash, with_same_bytes
from video_assets.takedown.scrub import IsGone, listings_of, parts_of, scrub_listing, scrub_parts, scrub_table, tables_of
from video_assets.tombstones.matching import Tombstones, are_among
from video_assets.tombstones.requests import Request, read_request
from video_assets.tombstones.table import add_tombstones, read_rows

_PATIENCE_S = 600.0
_KILLED_AFTER_S = 3600.0  # a draft that nobody has written to for so long is a killed run's


@dataclass(frozen=True)
class Takedown:
    """What a request names today, in the order of the key; `n_clips` by line."""

    id: str
    request: Request
    clips: tuple[FoundClip, ...]
    n_clips: Mapping[str, int]

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Lines without a clip, which count for the future."""
        return tuple(line for line, n_clips in self.n_clips.items() if not n_clips)


def plan_takedown(layout: Layout, file: Path) -> Takedown:
    """Find the clips that the lines of `file` name, and all others with the same bytes. Changes nothing.

    Raises:
        SourceError: the file is no text, or a table that does not say which column names the clips.
        OSError: the file cannot be read.
    """
    content = file.read_bytes()
    request = read_request(_text_of(file, content), name=str(file), is_table=file.suffix.lower() in {".csv", ".tsv"})
    lines = set(request.lines)
    named: list[tuple[str, str, str]] = [(entry.kind, entry.value, entry.text) for entry in request.entries]
    # What the same lines led to earlier: rows that are buried no longer say what they were.
    earlier = read_rows(layout)
    named += list(earlier[earlier["cause"].isin(lines)][["kind", "value", "cause"]].itertuples(index=False, name=None))
    clips = find(layout, Tombstones(named))
    clips = with_same_bytes(layout, clips, {value: cause for kind, value, cause in named if kind == "content_hash"})
    twins = [("content_hash", clip.content_hash, clip.cause) for clip in clips.values() if clip.content_hash]
    clips |= find(layout, Tombstones(twins), known=clips, by=("content_hash",)) if twins else {}
    n_clips = _clips_by_line(layout, named, Counter(clip.cause for clip in clips.values()))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Takedown(
        id=f"{stamp}-{hashlib.sha256(content).hexdigest()[:8]}",
        request=request,
        clips=tuple(clips[key] for key in sorted(clips)),
        n_clips={line: n_clips[line] for line in request.lines},
    )


def _text_of(file: Path, content: bytes) -> str:
    decoded = decode(content, name=str(file))
    if decoded.guess:
        raise SourceError(f"{file}: not UTF-8, and names in a guessed encoding could be others; save it as UTF-8")
    return decoded.text


def _clips_by_line(layout: Layout, named: list[tuple[str, str, str]], n_clips: Counter[str]) -> Counter[str]:
    """Clips that each line names; `n_clips` has each clip under one line, though several lines may name it."""
    while rest := [stone for stone in named if stone[2] not in n_clips]:
        found = Counter(clip.cause for clip in find(layout, Tombstones(rest)).values())
        if not found:
            break
        n_clips = n_clips + found
    return n_clips


def roots_of(layout: Layout, settings: Settings) -> list[Path]:
    """The folders where clips may lie."""
    own = settings.own_clips
    roots = [layout.root, own.folder, own.root, own.captions and own.captions.parent]
    return [root for root in roots if root is not None]


def take_down(layout: Layout, settings: Settings, planned: Takedown) -> TakedownReport:
    """Bury and remove everything but published rows, which `redact_versions` removes after the next publication was tried.

    Raises:
        StageError, OSError: the tombstones cannot be read or written; nothing was removed.
    """
    # A clip that was never decoded has no hash yet, and must not come back under another name.
    planned = replace(planned, clips=tuple(map(with_hash, planned.clips)))
    add_tombstones(layout, pd.DataFrame(_stones(planned), columns=["kind", "value", "cause"]).assign(request=planned.id))
    own = settings.own_clips
    removals = remove_files(
        planned.clips,
        roots=roots_of(layout, settings),
        suffixes=own.suffixes,
        tables=[] if own.captions is None else [own.captions],
    )
    tables, problems = _scrub(layout, planned)
    remove_old_drafts(layout, older_than_s=_KILLED_AFTER_S)
    # Contact sheets, previews, thumbnails and the page's tables show clips; the next runs, and the page, make new ones.
    for shown in (layout.report, layout.about("x").parent, layout.thumbnails, layout.look_tables):
        if shown.exists():
            shutil.rmtree(shown)
    return TakedownReport(
        id=planned.id,
        lines=dict(planned.n_clips),
        unmatched={line: planned.request.keys_of(line) for line in planned.unmatched},
        refused=planned.request.refused,
        repeated=planned.request.repeated,
        comments=planned.request.comments,
        removals=tuple(removals),
        tables=tables,
        problems=tuple(problems),
        n_drafts=n_drafts(layout),
    )


def redact_versions(layout: Layout, settings: Settings, planned: Takedown, report: TakedownReport) -> TakedownReport:
    """Take the clips out of every kept version and of `training/`, and remove exports of rows that are in none of them now.

    Returns:
        The report with the numbers of rows, and the exports.
    """
    rows = {}
    with hold(layout.versions_lease, stale_after_s=settings.decode.lease_stale_s, patience_s=_PATIENCE_S):
        versions = read_versions(layout)
        for version in versions:
            rows[str(version.number)] = redact_version(version.folder, version.manifest, planned.clips, request=planned.id)
        if versions:
            show(layout, replace(versions[-1], manifest=read_manifest(versions[-1].manifest_path)))
        for path in () if versions else layout.training.glob("*.manifest.json"):
            rows["training"] = redact_version(layout.training, read_manifest(path), planned.clips, request=planned.id)
    exports = Withdrawn()
    if planned.clips:
        exports = withdraw(layout, read_versions(layout), stale_after_s=settings.decode.lease_stale_s)
    return replace(
        report,
        versions={name: n_rows for name, n_rows in rows.items() if n_rows},
        exports=exports.removed,
        foreign_exports=exports.foreign,
        problems=(*report.problems, *exports.problems),
    )


def write_report(layout: Layout, report: TakedownReport) -> Path:
    """Write the report as markdown and JSON into `takedown/`; returns the markdown page."""
    page = layout.takedowns / f"{report.id}.md"
    write_text(page.with_suffix(".json"), json.dumps(report.as_record(), indent=2, ensure_ascii=False) + "\n")
    write_text(page, report_markdown(report))
    return page


def _stones(planned: Takedown) -> Iterator[tuple[str, str, str]]:
    """The request's own lines, and every clip they led to by key and by bytes."""
    for entry in planned.request.entries:
        yield entry.kind, entry.value, entry.text
    for clip in planned.clips:
        yield "clip_key", clip.clip_key, clip.cause
        if clip.content_hash:
            yield "content_hash", clip.content_hash, clip.cause


def _scrub(layout: Layout, planned: Takedown) -> tuple[dict[str, int], list[str]]:
    """Rows taken out by table (relative path), and tables that could not be rewritten."""
    keys = {clip.clip_key for clip in planned.clips}
    stones = Tombstones(_stones(planned))

    def is_gone(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        if "clip_key" in rows:
            return are_among(rows["clip_key"], keys).to_numpy(dtype=bool)
        # A source's own table of captions.
        named: Any = rows.rename(columns={"video": "member", "video_url": "url", "video_id": "source_id"})
        return (stones.causes(named) != "").to_numpy(dtype=bool)

    counts, problems = {}, []
    work: dict[Path, Callable[[Path], int]] = {
        **dict.fromkeys(tables_of(layout), lambda path: _scrub_table(layout, path, is_gone)),
        **dict.fromkeys(listings_of(layout), lambda path: scrub_listing(path, is_gone)),
        **dict.fromkeys(parts_of(layout), lambda path: scrub_parts(path, keys)),
    }
    for path, scrub in work.items():
        try:
            n_rows = scrub(path)
        except (OSError, ValueError, StageError, ReplacedError) as error:
            problems.append(f"{path}: {error}")
            continue
        if n_rows:
            counts[str(path.relative_to(layout.root))] = n_rows
    return counts, problems


def _scrub_table(layout: Layout, path: Path, is_gone: IsGone) -> int:
    shard = path.stem if path == layout.shard_list(path.stem) else ""
    was = stage_hash(path) if shard else ""
    n_rows = scrub_table(path, is_gone)
    if shard and n_rows:
        keep_origin(layout, shard, was=was)
    return n_rows
