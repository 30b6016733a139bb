"""Whether a listing would come out as the last one did: the folder by names, sizes and times, tables by their bytes.

What a listing was made from is remembered beside the ledger, with every path that it looked at outside its scan. It is remembered
only when time alone can change nothing: no clip waits, no caption file was refused.
Belongs here: that memory. Does not belong here: looking at files (`sources.own_clips.scan`), noticing news cheaply for a sensor
(`sources.own_clips.watch`).
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import pandas as pd
import xxhash

from video_assets.core.json_values import read_value
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.grown import PlainTable, begins_with, rules_of
from video_assets.sources.own_clips.judge_path import MAX_OTHERS, look_at
from video_assets.sources.own_clips.line_pairs import PROMPT_LISTS
from video_assets.sources.own_clips.scan import Scan
from video_assets.sources.own_clips.statuses import Finding
from video_assets.sources.own_clips.table_bytes import TableBytes
from video_assets.storage.durable import hash_file, write_text


@dataclass(frozen=True)
class Origin:
    """What a listing was made from: `state` of settings, folder and tables; `others`: findings at paths outside the scan.

    `table` is the captions table, when all its rows are plain. An empty state: the listing is made again in any case.
    """

    state: str
    others: Mapping[str, Finding]
    table: PlainTable | None = None


def is_as_remembered(
    memory: Path,
    *,
    ledger: Path,
    tombstones: str,
    settings: OwnClips,
    scan: Scan,
    tables: list[Path],
    contents: TableBytes,
) -> bool:
    """True when the ledger that is there was made from the same, and every path outside the scan still is what it was."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        others = {path: Finding(*finding) for path, finding in known["others"].items()}
        is_same = known["ledger"] == hash_file(ledger) and known["tombstones"] == tombstones
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    if not is_same or known["state"] != state_of(settings, scan, tables, contents):
        return False
    return all(look_at(path) == finding for path, finding in others.items())


def has_other_size(memory: Path) -> bool:
    """True when the captions table is known to have changed, by its size alone; asked before a folder is walked."""
    try:
        table = _table_of(memory)
        return Path(table.path).stat().st_size != table.n_bytes
    except (OSError, ValueError, KeyError, TypeError):
        return False


def contents_of(memory: Path) -> TableBytes:
    """Tables by their bytes, which say whether the captions table of the last listing has only grown."""
    try:
        return TableBytes(_table_of(memory).n_bytes)
    except (OSError, ValueError, KeyError, TypeError):
        return TableBytes()


def _table_of(memory: Path) -> PlainTable:
    return read_value(PlainTable, json.loads(memory.read_text(encoding="utf-8"))["table"])


def remember(memory: Path, origin: Origin, rows: pd.DataFrame, *, ledger_hash: str, tombstones: str) -> None:
    """Write down what the ledger was made from; nothing is left there when it must be made again anyway."""
    is_final = not rows["status"].eq("waiting").any() and not rows["reason"].eq("invalid_caption").any()
    if not (is_final and len(origin.others) <= MAX_OTHERS):
        origin = Origin("", {}, origin.table)
    if origin.state or origin.table:
        write_text(memory, json.dumps({**asdict(origin), "ledger": ledger_hash, "tombstones": tombstones}) + "\n")
    else:
        memory.unlink(missing_ok=True)


def remembered_table(
    memory: Path, *, ledger: Path, tombstones: str, settings: OwnClips, tables: list[Path], contents: TableBytes
) -> PlainTable | None:
    """The captions table of the listing that gave the ledger, when it was plain and still begins with the same bytes."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        table = read_value(PlainTable, known["table"])
        is_same = known["ledger"] == hash_file(ledger) and known["tombstones"] == tombstones
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    is_known = is_same and table.rules == rules_of(settings) and [table.path] == [os.fspath(path) for path in tables]
    return table if is_known and begins_with(tables[0], table, contents) else None


def state_of(settings: OwnClips, scan: Scan, tables: Iterable[Path], contents: TableBytes) -> str:
    """A hash of settings, folder and tables. Ask before the tables are read: one that changes meanwhile is then noticed."""
    digest = xxhash.xxh3_128()
    videos = scan.other_videos
    seen = [
        scan.other_suffixes,
        videos.counts,
        videos.first,
        scan.n_known_folders,
        scan.unpacked,
        scan.notes,
    ]  # not by asdict: it makes no Counter of one
    rest = [scan.faults, scan.sidecars, scan.tables, seen]
    hashes = [_hashes(table, contents) for table in tables]
    program = installed_version("video_assets")
    digest.update(json.dumps([program, settings.model_dump(mode="json"), rest, hashes], default=str).encode())
    scan.clips.update_digest(digest)
    return digest.hexdigest()


def _hashes(table: Path, contents: TableBytes) -> list[tuple[str, str]]:
    """Names and hashes of a table and, of a list of videos, of what may be its other half; links of its folder resolved."""
    others = [table.with_name(name) for name in PROMPT_LISTS] if table.suffix == ".txt" else []
    return [(os.path.realpath(path), _hash_of(path, contents)) for path in (table, *others) if path.is_file()]


def _hash_of(path: Path, contents: TableBytes) -> str:
    """Empty for a table that may not be read: whoever reads it says so."""
    try:
        return contents.of(path).every.content
    except PermissionError:
        return ""
