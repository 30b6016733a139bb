"""A listing after which only little is new: rows that were appended to the captions table, clips that came, went or changed.

When every row of the last table named a clip just as it is called, and the table still begins with these bytes, its rows stand
and are not parsed again. Only lines that are not the last ledger's are made. Anything else, and any doubt, is listed as a whole
(`sources.own_clips.listing`), which gives the same ledger.
Belongs here: what stands, what is made anew. Does not belong here: writing the ledger (`sources.ledgers`), the memory's file
(`sources.own_clips.unchanged`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.lines import Lines
from video_assets.sources.own_clips.scan import Scan
from video_assets.sources.own_clips.statuses import carry_forward, settle
from video_assets.sources.own_clips.table_bytes import TableBytes
from video_assets.storage.durable import identity

MAX_ROWS = 5_000
"""Lines that are made anew one by one; with more, the whole listing is not dearer."""
NEEDED = ["clip_key", "status", "reason", "file_size", "mtime_ns", "origin"]
_MAX_BYTES = 32 << 20  # new rows lie in memory


@dataclass(frozen=True)
class PlainTable:
    """A captions table in which every row names a clip just as it is called, none twice.

    `content` is the hash of its `n_bytes`, which end with a line feed; `rules` stand for settings and program.
    """

    path: str
    n_bytes: int
    n_lines: int
    n_rows: int
    content: str
    rules: str


@dataclass(frozen=True)
class News:
    """The lines of a ledger that are made anew, and the keys of all that are not as they were; the others stand."""

    rows: pd.DataFrame
    keys: list[str]
    n_rows: int
    notes: list[str]


class TableBefore:
    """A captions table before it is read: what it is, should all its rows turn out to be plain."""

    def __init__(self, settings: OwnClips, tables: list[Path], contents: TableBytes) -> None:
        """Hash the table, when there is only one."""
        self._path = tables[0] if len(tables) == 1 and _is_readable(tables[0]) else None
        self._rules = rules_of(settings)
        self._found = contents.of(self._path) if self._path else None

    def plain(self, n_rows: int | None) -> PlainTable | None:
        """What it was, read with so many plain rows; None when there were others, or it has changed meanwhile."""
        if self._path is None or self._found is None or not n_rows:
            return None
        seen, every = self._found.seen, self._found.every
        if not every.is_whole or identity(self._path.stat()) != seen:
            return None
        return PlainTable(os.fspath(self._path), seen[1], every.n_lines, n_rows, every.content, self._rules)


def rules_of(settings: OwnClips) -> str:
    """A hash of what decides, beside files, how a listing comes out."""
    told = f"{installed_version('video_assets')} {settings.model_dump_json()}"
    return xxhash.xxh3_64_hexdigest(told.encode())


def begins_with(table: Path, known: PlainTable, contents: TableBytes) -> bool:
    """True when the table has grown a little, or is as it was; `contents` has its mark at the end of the `known` one."""
    if not _is_readable(table) or not 0 <= table.stat().st_size - known.n_bytes <= _MAX_BYTES:
        return False
    head = contents.of(table).head
    return head is not None and head.is_whole and (head.content, head.n_lines) == (known.content, known.n_lines)


def news_of(
    settings: OwnClips,
    scan: Scan,
    known: PlainTable,
    previous: pd.DataFrame,
    *,
    now_ns: int,
    whole_rows: Callable[[pd.Series], pd.DataFrame],
    source: str = "own_clips",
) -> News | None:
    """What is not as in the last ledger; None when the listing must be made as a whole.

    Args:
        settings: where the clips are.
        scan: what lies there.
        known: the table of the last listing; it still begins with these bytes.
        previous: `NEEDED` columns of the last ledger.
        now_ns: the time, ns since 1970.
        whole_rows: gives rows of the last ledger by clip key.
        source: whose clips these are.

    Raises:
        SourceError, OSError: as `list_own_clips`.
    """
    notes: list[str] = []
    lines = Lines(settings, scan, None, now_ns=now_ns, notes=notes, source=source)
    is_plain = _plain(previous, f"{lines.label(Path(known.path))}:")
    stand = previous if is_plain.all() else previous[is_plain]
    names = stand["clip_key"].str.slice(len(f"{source}/{lines.folder_prefix}"))
    at = scan.clips.places_of(pa.array(names, pa.string()))
    if len(stand) != known.n_rows or (at < 0).any() or len(scan.clips) - len(stand) > MAX_ROWS:
        return None
    fresh = lines.after(known, at)
    findings = pd.DataFrame(scan.clips.facts[at], columns=["file_size", "mtime_ns"], index=stand.index)
    changed = _changed(stand, findings)
    others = previous[~is_plain & ~(previous["reason"].eq("gone") & ~previous["clip_key"].isin(fresh["clip_key"]))]
    is_repeated = fresh["clip_key"].duplicated().any() or stand["clip_key"].isin(fresh["clip_key"]).any()
    if lines.n_plain is None or is_repeated or len(fresh) + len(changed) + len(others) > MAX_ROWS:
        return None
    again = whole_rows(changed["clip_key"]).sort_values("clip_key", ignore_index=True)
    seen = {name: changed[name].to_numpy() for name in ("file_size", "mtime_ns")}
    again = again.assign(status="ok", reason="", detail="", **seen)
    current = LEDGER.frame(pd.concat([fresh, LEDGER.frame(again)], ignore_index=True))
    current = settle(current, previous=previous, now_ns=now_ns, settle_ns=lines.settle_ns)
    rows = carry_forward(others, current, whole_rows=whole_rows)
    keys = sorted({*rows["clip_key"], *others["clip_key"]})
    return News(rows, keys, known.n_rows + lines.n_plain, [*notes, *lines.notes()])


def _plain(previous: pd.DataFrame, label: str) -> np.ndarray:
    """Lines of clips that a row of the table named, and that were there."""
    is_there = previous["reason"].isin(["", "still_being_copied"]) & previous["file_size"].notna() & previous["mtime_ns"].notna()
    return (is_there & previous["origin"].str.startswith(label)).to_numpy(dtype=bool)


def _changed(stand: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """Keys of clips that are not what they were, or were not ok, with size and time of now; by clip key."""
    is_same = stand["status"].eq("ok").to_numpy(dtype=bool)
    for name in ("file_size", "mtime_ns"):
        is_same &= stand[name].to_numpy(dtype=np.int64) == findings[name].to_numpy()
    changed = findings[~is_same].assign(clip_key=stand["clip_key"][~is_same])
    return changed.sort_values("clip_key", ignore_index=True)


def _is_readable(path: Path) -> bool:
    """False for a table of which whoever reads it says what is wrong."""
    return path.is_file() and os.access(path, os.R_OK, effective_ids=True)
