"""Tables that are sorted by clip key, one range of keys at a time: how a stage works on millions of clips in bounded memory.

A row is in one range, so whatever depends on a single clip can be done range by range. Ranges are cut by the statistics of row
groups; tables that are not sorted, or have none, are read more than once and give the same rows.
Belongs here: cutting and reading ranges. Does not belong here: what the rows mean, writing (`storage.tables`).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.core.schema import KEY, TableSpec
from video_assets.storage.durable import identity
from video_assets.storage.keys import KeyRange, keys_of_group
from video_assets.storage.row_group_bytes import hashes_of
from video_assets.storage.row_groups import opened, refuse_replaced
from video_assets.storage.stages import StageError

ROWS_PER_RANGE = 65_536
"""About 100 MB of clips with long captions. More rows at a time save nothing."""
_COPIES = 8
"""How often the rows of a range lie in memory while they are read, joined and written; an estimate, on the careful side."""


@dataclass(frozen=True)
class Unit:
    """Keys between two borders of row groups, and a token that changes with any row there and with the program's version."""

    keys: KeyRange
    token: str


@dataclass(frozen=True)
class _Group:
    """A row group: its keys lie between `lowest` and `highest`; None: nobody knows."""

    path: Path
    index: int
    n_rows: int
    n_bytes: int
    lowest: str
    highest: str | None

    def meets(self, part: KeyRange) -> bool:
        return (part.end is None or self.lowest < part.end) and (self.highest is None or self.highest >= part.first)

    def is_within(self, part: KeyRange) -> bool:
        is_below = part.end is None or (self.highest is not None and self.highest < part.end)
        return self.lowest >= part.first and is_below


class TablesByKey:
    """Tables of one contract, read together by ranges of the clip key; within a range, table after table.

    Raises:
        FileNotFoundError: one is not there.
        StageError: one is not readable, or lacks a column that may not be null; the message names it.
    """

    def __init__(self, paths: Sequence[Path], spec: TableSpec) -> None:
        self._spec = spec
        self._identities = {path: identity(path.stat()) for path in paths}
        self._groups = [group for path in paths for group in _groups(path, spec)]

    def identity_of(self, path: Path) -> tuple[int, int, int]:
        """Which file `path` was at the first look."""
        return self._identities[path]

    def units(self) -> list[Unit]:
        """All keys there can be, cut where a row group of any table begins.

        Raises:
            StageError: a table was replaced since the first look.
        """
        program, hashes = installed_version("video_assets"), {path: hashes_of(path) for path in self._identities}
        for path, known in self._identities.items():
            refuse_replaced(path, known)
        borders = ["", *sorted({group.lowest for group in self._groups} - {""})]
        waiting = sorted(self._groups, key=lambda group: group.lowest, reverse=True)
        order = {id(group): place for place, group in enumerate(self._groups)}
        here: list[_Group] = []
        found = []
        for first, end in zip(borders, [*borders[1:], None], strict=True):
            keys = KeyRange(first, end)
            while waiting and waiting[-1].meets(keys):
                here.append(waiting.pop())
            here = [group for group in here if group.meets(keys)]
            here.sort(key=lambda group: order[id(group)])
            found.append(Unit(keys, _token(program, keys, [hashes[group.path][group.index] for group in here])))
        return found

    def ranges(
        self,
        n_rows: int | None = None,
        *,
        memory_bytes: int | None = None,
        within: Sequence[KeyRange] = (KeyRange("", None),),
    ) -> list[KeyRange]:
        """All ranges, in order; together they hold every key of those `within` which they are (every key there can be).

        Args:
            n_rows: a range ends with the row group that has its so many-th row; default: `ROWS_PER_RANGE`.
            memory_bytes: or where working on it would take this much memory, but not within a row group.
            within: ranges that rise and do not overlap.
        """
        n_rows, n_bytes = n_rows or ROWS_PER_RANGE, (memory_bytes or sys.maxsize) // _COPIES
        groups = sorted(self._groups, key=lambda group: group.lowest)
        return [part for whole in within for part in _cut([g for g in groups if g.meets(whole)], whole, n_rows, n_bytes)]

    def rows(self, part: KeyRange, columns: list[str] | None = None) -> pd.DataFrame:
        """The rows of one range, of the contract's types.

        Raises:
            StageError: a table turned out to be damaged, or was replaced since the first look.
        """
        names = columns or self._spec.names
        tables = [_schema(self._spec, names).empty_table()]
        by_path: dict[Path, list[_Group]] = {}
        for group in self._groups:
            if group.meets(part):
                by_path.setdefault(group.path, []).append(group)
        for path, groups in by_path.items():
            tables += self._read(path, groups, part, names)
        return pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)

    def _read(self, path: Path, groups: list[_Group], part: KeyRange, names: list[str]) -> list[pa.Table]:
        with opened(path) as file:
            refuse_replaced(path, self._identities[path])
            wanted = [name for name in dict.fromkeys([KEY.name, *names]) if name in file.schema_arrow.names]
            found = [(group, file.read_row_group(group.index, columns=wanted)) for group in groups]
        whole = [table if group.is_within(part) else table.filter(part.mask(table.column(KEY.name))) for group, table in found]
        return [_as_of_now(table, _schema(self._spec, names)) for table in whole]


def _cut(groups: list[_Group], whole: KeyRange, n_rows: int, n_bytes: int) -> list[KeyRange]:
    cuts, rows_here, bytes_here = [whole.first], 0, 0
    for group in groups:
        is_full = rows_here >= n_rows or (rows_here > 0 and bytes_here + group.n_bytes > n_bytes)
        if is_full and group.lowest > cuts[-1]:
            cuts.append(group.lowest)
            rows_here = bytes_here = 0
        rows_here, bytes_here = rows_here + group.n_rows, bytes_here + group.n_bytes
    return [KeyRange(first, end) for first, end in zip(cuts, [*cuts[1:], whole.end], strict=True)]


def _token(program: str, keys: KeyRange, hashes: list[str]) -> str:
    told = [program, keys.first, "" if keys.end is None else f"<{keys.end}", *hashes]
    return xxhash.xxh3_64_hexdigest("\0".join(told).encode())


def _groups(path: Path, spec: TableSpec) -> list[_Group]:
    with opened(path) as file:
        names = file.schema_arrow.names
        missing = [column.name for column in spec.columns if column.name not in names and not column.is_nullable]
        if missing:
            raise StageError(f"{path}: columns {missing} are missing; it was written by another version: materialize it again")
        return [_group(path, file.metadata, index) for index in range(file.num_row_groups)]


def _group(path: Path, metadata: pq.FileMetaData, index: int) -> _Group:
    group = metadata.row_group(index)
    lowest, highest = keys_of_group(group)
    return _Group(path, index, group.num_rows, group.total_byte_size, lowest, highest)


def _as_of_now(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`; those that came after the table was written are null."""
    columns = [
        table.column(field.name).cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _schema(spec: TableSpec, names: list[str]) -> pa.Schema:
    fields = [spec.arrow.field(name).with_nullable(True) for name in names]
    return pa.schema(fields)
