"""What must be made anew in a table that is there already, since what it was made from has changed only here and there.

What a stage reads is cut into units, the keys between two borders of row groups, each with a token of its bytes. A stage notes
the tokens that it was made from; a unit whose token is new is made again, the rest stays.
Belongs here: that comparison. Does not belong here: ranges and tokens (`storage.key_ranges`), writing (`storage.patching`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from video_assets.core.schema import DROPPED, KEY, TableSpec
from video_assets.storage.damage import DamagedTableError, whole_table
from video_assets.storage.durable import hash_file, identity
from video_assets.storage.key_ranges import Unit
from video_assets.storage.keys import KeyRange, lowest_keys
from video_assets.storage.patching import Patch
from video_assets.storage.row_group_bytes import is_ours_and_sound
from video_assets.storage.stages import StageError, StageNote, dropped_path, read_dropped, stage_note

_ALL = KeyRange("", None)


@dataclass(frozen=True)
class Changes:
    """The ranges of keys that a stage makes anew, and the tokens of all that it is made from now.

    `patch` has the other ranges; None: there is no table to go on from.
    """

    ranges: tuple[KeyRange, ...]
    units: tuple[str, ...]
    patch: Patch | None

    def standing(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table in memory that are not made anew."""
        return rows[~_is_in(rows, self.ranges)] if self.patch else rows.iloc[:0]

    def made_anew(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table in memory that are."""
        return rows[_is_in(rows, self.ranges)]

    def dropped_before(self) -> pd.DataFrame:
        """What the table dropped, as far as it is not made anew."""
        return self.standing(read_dropped(self.patch.path)) if self.patch else DROPPED.frame()


def changes_of(
    path: Path,
    spec: TableSpec,
    *,
    note: StageNote,
    units: Sequence[Unit],
    again: Iterable[str] = (),
    made_from: Sequence[str] | None = None,
) -> Changes:
    """What is to be made anew in the stage at `path`.

    Args:
        path: the stage.
        spec: its contract.
        note: what it is made from and by; `inputs` may differ from those of the table that is there.
        units: of what it is made from, row by row.
        again: clip keys that are made anew in any case.
        made_from: tokens of the units that the table there was made from; default: what its note says.
    """
    tokens = tuple(unit.token for unit in units)
    # First: a table that is replaced from here on is refused when it is patched.
    patch = patch_of(path, spec, ())
    known = _known(path, note, made_from) if patch else frozenset()
    if patch is None or not known:
        return Changes((_ALL,), tokens, None)
    keys = sorted(again)
    ranges = joined(unit.keys for unit in units if unit.token not in known or _any_in(keys, unit.keys))
    return Changes(ranges, tokens, replace(patch, ranges=ranges))


def changed_in_any(every: Iterable[Changes]) -> tuple[KeyRange, ...]:
    """The ranges that are made anew in any of several tables."""
    merged: list[KeyRange] = []
    for part in sorted({part for changes in every for part in changes.ranges}, key=lambda part: part.first):
        last = merged[-1] if merged else None
        if last is None or (last.end is not None and last.end < part.first):
            merged.append(part)
        elif last.end is not None:
            merged[-1] = KeyRange(last.first, None if part.end is None else max(last.end, part.end))
    return tuple(merged)


def ranges_with(units: Sequence[Unit], keys: Iterable[str]) -> tuple[KeyRange, ...]:
    """The keys of all units that have one of `keys`."""
    ordered = sorted(keys)
    return joined(unit.keys for unit in units if _any_in(ordered, unit.keys))


def patch_of(path: Path, spec: TableSpec, ranges: tuple[KeyRange, ...]) -> Patch | None:
    """A patch of the table at `path`; None when there is none, or none whose row groups could be kept."""
    try:
        seen = identity(path.stat())
        with whole_table(path):
            is_usable = bool(lowest_keys(pq.read_metadata(path))) and is_ours_and_sound(path, spec.arrow)
    except (FileNotFoundError, DamagedTableError):  # torn by the disk: it is made anew
        return None
    return Patch(path, ranges, seen) if is_usable else None


def _known(path: Path, note: StageNote, made_from: Sequence[str] | None) -> frozenset[str]:
    """Tokens of what the stage was made from; empty when it is torn, or was made in another way."""
    try:
        there = stage_note(path)
        is_whole = there.says(replace(note, inputs={})) and hash_file(dropped_path(path)) == there.dropped_hash
    except (StageError, FileNotFoundError):
        return frozenset()
    return frozenset(there.units if made_from is None else made_from) if is_whole else frozenset()


def _any_in(keys: list[str], part: KeyRange) -> bool:
    place = bisect_left(keys, part.first)
    return place < len(keys) and part.has(keys[place])


def joined(ranges: Iterable[KeyRange]) -> tuple[KeyRange, ...]:
    """Neighbours as one."""
    joined: list[KeyRange] = []
    for part in ranges:
        if joined and joined[-1].end == part.first:
            part = KeyRange(joined.pop().first, part.end)  # noqa: PLW2901
        joined.append(part)
    return tuple(joined)


def _is_in(rows: pd.DataFrame, ranges: tuple[KeyRange, ...]) -> npt.NDArray[np.bool_]:
    """Which rows have a key in one of the ranges."""
    if ranges == (_ALL,):
        return np.ones(len(rows), dtype=bool)
    firsts = [part.first for part in ranges]
    places = (bisect_right(firsts, key) - 1 for key in rows[KEY.name])
    keys = zip(places, rows[KEY.name], strict=True)
    return np.fromiter((place >= 0 and ranges[place].has(key) for place, key in keys), dtype=bool, count=len(rows))
