"""A table in which only some ranges of clip keys are made anew: the other rows stay, most of them as bytes.

The result has the bytes that the same rows give when all of them are written.
Belongs here: putting old and new rows together. Does not belong here: which ranges (`storage.changes`), bytes
(`storage.row_group_bytes`), cuts (`storage.grouping`).
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.errors import ReplacedError
from video_assets.core.schema import KEY
from video_assets.storage.durable import identity
from video_assets.storage.grouping import by_key
from video_assets.storage.keys import KeyRange, lowest_keys
from video_assets.storage.row_group_bytes import RowGroups, RowGroupWriter


@dataclass(frozen=True)
class Patch:
    """The table at `path`, sorted by clip key and cut by it, whose rows in `ranges` (rising, apart) are replaced.

    `seen`: the `identity` of the table that was looked at.
    """

    path: Path
    ranges: tuple[KeyRange, ...]
    seen: tuple[int, int, int]


def write_patched(writer: RowGroupWriter, patch: Patch, rows: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write the table with `rows`, which are in the ranges and sorted by clip key, in place of the old ones.

    Raises:
        ReplacedError: another run has written the old table meanwhile.
        ValueError: a row is outside the ranges.
    """
    fresh = _Rows(rows, schema)
    with patch.path.open("rb") as raw:
        if identity(os.fstat(raw.fileno())) != patch.seen:
            raise ReplacedError(f"{patch.path} was replaced while it was read: wait for the other run, then materialize again")
        file, old = pq.ParquetFile(raw, pre_buffer=False), RowGroups(raw)
        groups = _groups(lowest_keys(file.metadata), patch.ranges)
        for is_touched, run in groupby(groups, key=lambda group: group.is_touched):
            if is_touched:
                parts = (_merged(_read(file, group, patch, schema), fresh.take(group.owns.end)) for group in run)
                for table in by_key(parts):
                    writer.write(table)
                continue
            for group in run:
                if fresh.take(group.owns.end).num_rows:
                    raise ValueError(f"{patch.path}: rows outside the ranges that are made anew, before {group.owns.end!r}")
                writer.copy(old, group.index)


@dataclass(frozen=True)
class _Group:
    """A row group of the old table, the keys that go into it, and whether any of them may come, go or change."""

    index: int
    owns: KeyRange
    is_touched: bool


def _groups(lowest: list[str], ranges: tuple[KeyRange, ...]) -> list[_Group]:
    owned = [KeyRange(first, end) for first, end in zip(["", *lowest[1:]], [*lowest[1:], None], strict=True)]
    found = []
    for index, keys in enumerate(owned):
        # When the first key behind it may go, the rows there may go into this one.
        is_touched = any(part.meets(keys) or (keys.end is not None and part.has(keys.end)) for part in ranges)
        found.append(_Group(index, keys, is_touched))
    return found


def _read(file: pq.ParquetFile, group: _Group, patch: Patch, schema: pa.Schema) -> pa.Table:
    """The rows of a group that stay."""
    rows = file.read_row_group(group.index).select(schema.names).cast(schema)
    for part in patch.ranges:
        if part.meets(group.owns):
            rows = rows.filter(pc.call_function("invert", [part.mask(rows.column(KEY.name))]))
    return rows


def _merged(old: pa.Table, fresh: pa.Table) -> pa.Table:
    """Rows of both by clip key; those of one key are all of one table and keep their order."""
    if not (old.num_rows and fresh.num_rows):
        return old if old.num_rows else fresh
    rows = pa.concat_tables([old, fresh])
    return rows.take(pc.call_function("sort_indices", [rows], pc.SortOptions(sort_keys=[(KEY.name, "ascending")])))


class _Rows:
    """New rows, taken as far as one wants to have them."""

    def __init__(self, parts: Iterable[pa.Table], schema: pa.Schema) -> None:
        self._parts: Iterator[pa.Table] = iter(parts)
        self._rest = self._empty = schema.empty_table()

    def take(self, end: str | None) -> pa.Table:
        """All rows before the key `end` that were not taken."""
        taken = [self._empty]
        while True:
            is_before = KeyRange("", end).mask(self._rest.column(KEY.name))
            n_rows = pc.call_function("sum", [is_before]).as_py() or 0
            taken.append(self._rest.slice(0, n_rows))
            self._rest = self._rest.slice(n_rows)
            if self._rest.num_rows:
                return pa.concat_tables(taken)
            following = next(self._parts, None)
            if following is None:
                return pa.concat_tables(taken)
            self._rest = following.cast(self._empty.schema)
