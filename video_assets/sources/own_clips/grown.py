"""A listing after which only little is new: rows that were appended to the captions table, clips that came, went or changed.

When every row of the last table named a clip just as it is called, and the table still begins with these bytes, its rows stand
and are not parsed again. Only lines that are not the last ledger's are made. Anything else, and any doubt, is listed as a whole
(`sources.own_clips.listing`), which gives the same ledger.
Belongs here: what stands, what is made anew. Does not belong here: writing the ledger (`sources.ledgers`), the memory's file
(`sources.own_clips.unchanged`).
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import pandas as pd
import xxhash

from video_assets.core.matching import column_of
from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.found_clips import Indexes
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
    previous: Iterable[pd.DataFrame],
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
        previous: `NEEDED` columns of the last ledger, some thousand lines at a time.
        now_ns: the time, ns since 1970.
        whole_rows: gives rows of the last ledger by clip key.
        source: whose clips these are.

    Raises:
        SourceError, OSError: as `list_own_clips`.
    """
    notes: list[str] = []
    lines = Lines(settings, scan, None, now_ns=now_ns, notes=notes, source=source)
    label, prefix = f"{lines.label(Path(known.path))}:", f"{source}/{lines.folder_prefix}"
    stand = _Standing.of(previous, label=label, prefix=prefix)
    at = scan.clips.places_of(column_of(stand.names))
    if len(at) != known.n_rows or (at < 0).any() or len(scan.clips) - len(at) > MAX_ROWS:
        return None
    fresh = lines.after(known, at)
    changed = stand.changed(scan.clips.facts[at])
    others = stand.others
    others = others[others["reason"].ne("gone") | others["clip_key"].isin(fresh["clip_key"])]
    if lines.n_plain is None or len(fresh) + len(changed) + len(others) > MAX_ROWS:
        return None
    before = whole_rows(pd.concat([fresh["clip_key"], prefix + changed["name"]]))
    if fresh["clip_key"].duplicated().any() or _plain(before[before["clip_key"].isin(fresh["clip_key"])], label).any():
        return None
    again = before[before["clip_key"].isin(prefix + changed["name"])].sort_values("clip_key", ignore_index=True)
    seen = {name: changed[name].to_numpy() for name in ("file_size", "mtime_ns")}
    again = again.assign(status="ok", reason="", detail="", **seen)
    current = LEDGER.frame(pd.concat([fresh, LEDGER.frame(again)], ignore_index=True))
    current = settle(current, previous=before, now_ns=now_ns, settle_ns=lines.settle_ns)
    rows = carry_forward(others, current, whole_rows=whole_rows)
    keys = sorted({*rows["clip_key"], *others["clip_key"]})
    return News(rows, keys, known.n_rows + lines.n_plain, [*notes, *lines.notes()])


@dataclass(frozen=True)
class _Standing:
    """Of the last ledger: the clips that a row of the table named and that were there, as columns, and all `others`.

    `names` are as in the scan, `facts` bytes and modification time, two columns.
    """

    names: pd.Series
    facts: Indexes
    is_ok: np.ndarray
    others: pd.DataFrame

    @classmethod
    def of(cls, previous: Iterable[pd.DataFrame], *, label: str, prefix: str) -> "_Standing":
        """From `NEEDED` columns of a ledger: `label` begins the table's lines, `prefix` the keys of clips of the scan."""
        others = [LEDGER.frame()[NEEDED]]
        names, facts, is_ok = [others[0]["clip_key"]], [np.empty((0, 2), np.int64)], [np.empty(0, bool)]
        for part in previous:
            is_plain = _plain(part, label)
            plain = part if is_plain.all() else part[is_plain]
            names.append(plain["clip_key"].str.slice(len(prefix)))
            facts.append(plain[["file_size", "mtime_ns"]].to_numpy(dtype=np.int64))
            is_ok.append(plain["status"].eq("ok").to_numpy(dtype=bool))
            others.append(part[~is_plain])
        return cls(
            names=pd.concat(names, ignore_index=True),
            facts=np.concatenate(facts),
            is_ok=np.concatenate(is_ok),
            others=pd.concat(others, ignore_index=True),
        )

    def changed(self, facts: Indexes) -> pd.DataFrame:
        """Names of clips that are not what they were, or were not ok, with size and time of now (`facts`); by name."""
        places = np.flatnonzero(~self.is_ok | (self.facts != facts).any(axis=1))
        found = pd.DataFrame(facts[places], columns=["file_size", "mtime_ns"])
        return found.assign(name=self.names.iloc[places].array).sort_values("name", ignore_index=True)


def _plain(previous: pd.DataFrame, label: str) -> np.ndarray:
    """Lines of clips that a row of the table named, and that were there."""
    is_there = previous["reason"].isin(["", "still_being_copied"]) & previous["file_size"].notna() & previous["mtime_ns"].notna()
    return (is_there & previous["origin"].str.startswith(label)).to_numpy(dtype=bool)


def _is_readable(path: Path) -> bool:
    """False for a table of which whoever reads it says what is wrong."""
    return path.is_file() and os.access(path, os.R_OK, effective_ids=True)
