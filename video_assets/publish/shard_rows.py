"""Rows of all shards as one stream, in an order that is given, while only a little of each shard lies in memory.

The product has the order of the clip key, and neighbours in it lie in different shards. So all shards are read at once, a row
group of each; where there are so many shards that this would take too much memory, through a file on the data root's disk.
Belongs here: reading in order. Does not belong here: which order (`publish.rules.row_order`), which rows (`publish.which_rows`),
writing (`publish.product_files`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.publish.rules.row_order import interleave, rows_at_a_time
from video_assets.storage.durable import identity
from video_assets.storage.row_groups import opened, refuse_replaced
from video_assets.storage.tables import ROWS_PER_GROUP

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def read_merged(
    paths: Sequence[Path],
    order: npt.NDArray[np.int16],
    *,
    columns: list[str],
    scratch: Path,
    ranges: Sequence[tuple[int, int]],
    memory_bytes: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of all `paths` (each sorted by clip key) in `order` (see `merge_order`), a table for each range.

    Args:
        paths: the shards.
        order: the shard of the next row.
        columns: of the shards.
        scratch: a file that must not be there, and is gone at the end. Not used where a row group of every shard fits.
        ranges: which rows, as first and end, rising and apart.
        memory_bytes: what waiting rows of all shards may take together; default: as much as it takes.

    Raises:
        StageError: a file is damaged, or was replaced meanwhile.
    """
    shards = [_Shard(path, columns) for path in paths]
    largest = max((shard.largest_group for shard in shards), default=0)
    n_rows = rows_at_a_time(sum(shard.row_bytes for shard in shards), largest, memory_bytes)
    try:
        waiting = [shard.groups() for shard in shards] if n_rows >= largest else _put_aside(shards, n_rows, scratch)
        streams = [_Stream(shard.empty, parts) for shard, parts in zip(shards, waiting, strict=True)]
        done = 0
        for start, end in ranges:
            for stream, n in zip(streams, _counts(order[done:start], len(streams)), strict=True):
                stream.skip(int(n))
            part = order[start:end]
            yield interleave([stream.take(int(n)) for stream, n in zip(streams, _counts(part, len(streams)), strict=True)], part)
            done = end
    finally:
        scratch.unlink(missing_ok=True)


def _counts(part: npt.NDArray[np.int16], n_shards: int) -> npt.NDArray[np.int64]:
    return np.bincount(part, minlength=n_shards)


class _Part(NamedTuple):
    """Rows that are read only when they are wanted."""

    n_rows: int
    read: Callable[[], pa.Table]


class _Shard:
    """One file. It is not kept open: there may be more shards than file descriptors.

    `row_bytes`: what a row takes; `largest_group`: rows of the largest row group.
    """

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._path, self._columns = path, columns
        self._identity = identity(path.stat())
        with opened(path) as file:
            metadata = file.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        self._sizes = [group.num_rows for group in groups]
        self.largest_group = max(self._sizes, default=0)
        self.row_bytes = sum(_bytes_of(group, columns) for group in groups) / max(metadata.num_rows, 1)
        self.empty = metadata.schema.to_arrow_schema().empty_table().select(columns).replace_schema_metadata(None)

    def groups(self) -> Iterator[_Part]:
        """All row groups, in order. Reading one raises StageError when the file was replaced since the first look."""
        return (_Part(n_rows, partial(self._group, index)) for index, n_rows in enumerate(self._sizes))

    def _group(self, index: int) -> pa.Table:
        with opened(self._path) as file:
            refuse_replaced(self._path, self._identity)
            table = file.read_row_group(index, columns=self._columns, use_threads=False)
        return table.select(self._columns).replace_schema_metadata(None)


def _bytes_of(group: pq.RowGroupMetaData, columns: list[str]) -> int:
    parts = (group.column(index) for index in range(group.num_columns))
    return sum(part.total_uncompressed_size for part in parts if part.path_in_schema in columns)


def _put_aside(shards: Sequence[_Shard], n_rows: int, scratch: Path) -> list[Iterator[_Part]]:
    """Write all rows into one file, `n_rows` of a shard at a time; returns how to read each shard from there."""
    numbers: list[list[tuple[int, int]]] = []
    n_batches = 0
    with scratch.open("xb") as sink, pa.ipc.new_file(sink, shards[0].empty.schema, options=_OPTIONS) as writer:
        for shard in shards:
            numbers.append([])
            for group in shard.groups():
                for batch in group.read().to_batches(max_chunksize=n_rows):
                    writer.write_batch(batch)
                    numbers[-1].append((n_batches, batch.num_rows))
                    n_batches += 1
    # Read, not mapped: of a mapped file all that was read counts as this program's memory.
    file = pa.ipc.open_file(pa.OSFile(str(scratch)))
    return [_batches(file, of_shard) for of_shard in numbers]


def _batches(file: pa.ipc.RecordBatchFileReader, numbers: list[tuple[int, int]]) -> Iterator[_Part]:
    return (_Part(n_rows, partial(_batch, file, number)) for number, n_rows in numbers)


def _batch(file: pa.ipc.RecordBatchFileReader, number: int) -> pa.Table:
    return pa.Table.from_batches([file.get_batch(number)])


class _Stream:
    """The rows of one shard, of which no more wait than come at a time."""

    def __init__(self, empty: pa.Table, parts: Iterator[_Part]) -> None:
        self._empty = self._rest = empty
        self._parts = parts
        self._n_behind = 0

    def skip(self, n_rows: int) -> None:
        """Pass over the next `n_rows` rows; none of them is read before the next `take`."""
        n_here = min(n_rows, self._rest.num_rows)
        self._rest = self._rest.slice(n_here) if n_here < self._rest.num_rows else self._empty
        self._n_behind += n_rows - n_here

    def take(self, n_rows: int) -> pa.Table:
        """The next `n_rows` rows."""
        if not n_rows:
            return self._empty
        while self._rest.num_rows < n_rows:
            self._rest = pa.concat_tables([self._rest, self._next()])
        taken, self._rest = self._rest.slice(0, n_rows), self._rest.slice(n_rows)
        return taken

    def _next(self) -> pa.Table:
        """The next part that is not passed over whole, from the first row on that is not passed over."""
        part = next(self._parts)
        while part.n_rows <= self._n_behind:
            self._n_behind -= part.n_rows
            part = next(self._parts)
        n_passed, self._n_behind = self._n_behind, 0
        return part.read().slice(n_passed)


def in_order(tables: Iterable[pa.Table], order: npt.NDArray[np.int64], scratch: Path) -> Iterator[pa.Table]:
    """Row `order[i]` of all `tables` as row i, in tables of a few thousand rows.

    Args:
        tables: of one schema.
        order: each row number once.
        scratch: a file that must not be there, and is gone at the end. As large as the rows are in memory.
    """
    try:
        starts = _put_down(tables, scratch)
        with pa.memory_map(str(scratch)) as source, pa.ipc.open_file(source) as file:
            for start in range(0, len(order), ROWS_PER_GROUP):
                yield _take_rows(file, starts, order[start : start + ROWS_PER_GROUP])
    finally:
        scratch.unlink(missing_ok=True)


def _put_down(tables: Iterable[pa.Table], scratch: Path) -> npt.NDArray[np.int64]:
    """Write all rows; returns the number of each batch's first row."""
    starts, n_rows = [], 0
    writer = None
    with scratch.open("xb") as sink:
        for table in tables:
            writer = writer or pa.ipc.new_file(sink, table.schema)
            for batch in table.combine_chunks().to_batches():
                writer.write_batch(batch)
                starts.append(n_rows)
                n_rows += batch.num_rows
        if writer is not None:
            writer.close()
    return np.array(starts, dtype=np.int64)


def _take_rows(file: pa.ipc.RecordBatchFileReader, starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> pa.Table:
    owner = np.searchsorted(starts, rows, side="right") - 1
    by_batch = np.argsort(owner, kind="stable")
    parts = []
    for batch in np.unique(owner):
        mine = by_batch[owner[by_batch] == batch]
        parts.append(file.get_batch(int(batch)).take(pa.array(rows[mine] - starts[batch])))
    place = np.empty(len(rows), dtype=np.int64)
    place[by_batch] = np.arange(len(rows))
    return pa.Table.from_batches(parts).combine_chunks().take(pa.array(place))
