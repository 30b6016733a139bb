"""Rows of all shards as one stream, in an order that is given, while only a little of each shard lies in memory.

The product has the order of the clip key, and neighbours in it lie in different shards. So all shards are read at once, a row
group of each; where there are so many shards that this would take too much memory, through a file on the data root's disk.
Belongs here: reading in order. Does not belong here: which order (`publish.rules.row_order`), which rows (`publish.plan`),
writing (`publish.product_files`).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.publish.rules.row_order import interleave, rows_at_a_time
from video_assets.storage.durable import identity
from video_assets.storage.row_groups import refuse_replaced
from video_assets.storage.tables import ROWS_PER_GROUP

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def read_merged(
    paths: Sequence[Path],
    order: npt.NDArray[np.int16],
    *,
    columns: list[str],
    scratch: Path,
    memory_bytes: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of all `paths` (each sorted by clip key) in `order` (see `merge_order`), in tables of `ROWS_PER_GROUP`.

    Args:
        paths: the shards.
        order: the shard of the next row.
        columns: of the shards.
        scratch: a file that must not be there, and is gone at the end. Not used where a row group of every shard fits.
        memory_bytes: what waiting rows of all shards may take together; default: as much as it takes.

    Raises:
        StageError: a file was replaced meanwhile.
    """
    shards = [_Shard(path, columns) for path in paths]
    largest = max((shard.largest_group for shard in shards), default=0)
    n_rows = rows_at_a_time(sum(shard.row_bytes for shard in shards), largest, memory_bytes)
    try:
        waiting = [shard.groups() for shard in shards] if n_rows >= largest else _put_aside(shards, n_rows, scratch)
        streams = [_Stream(shard.empty, parts) for shard, parts in zip(shards, waiting, strict=True)]
        for start in range(0, len(order), ROWS_PER_GROUP):
            part = order[start : start + ROWS_PER_GROUP]
            counts = np.bincount(part, minlength=len(streams))
            yield interleave([stream.take(int(n)) for stream, n in zip(streams, counts, strict=True)], part)
    finally:
        scratch.unlink(missing_ok=True)


class _Shard:
    """One file. It is not kept open: there may be more shards than file descriptors.

    `row_bytes`: what a row takes; `largest_group`: rows of the largest row group.
    """

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._path, self._columns = path, columns
        self._identity = identity(path.stat())
        metadata = pq.read_metadata(path)
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        self._n_groups = len(groups)
        self.largest_group = max((group.num_rows for group in groups), default=0)
        self.row_bytes = sum(_bytes_of(group, columns) for group in groups) / max(metadata.num_rows, 1)
        self.empty = metadata.schema.to_arrow_schema().empty_table().select(columns).replace_schema_metadata(None)

    def groups(self) -> Iterator[pa.Table]:
        """All rows, a row group at a time.

        Raises:
            StageError: the file was replaced since the first look.
        """
        return (self._group(index) for index in range(self._n_groups))

    def _group(self, index: int) -> pa.Table:
        with pq.ParquetFile(self._path) as file:
            refuse_replaced(self._path, self._identity)
            table = file.read_row_group(index, columns=self._columns, use_threads=False)
        return table.select(self._columns).replace_schema_metadata(None)


def _bytes_of(group: pq.RowGroupMetaData, columns: list[str]) -> int:
    parts = (group.column(index) for index in range(group.num_columns))
    return sum(part.total_uncompressed_size for part in parts if part.path_in_schema in columns)


def _put_aside(shards: Sequence[_Shard], n_rows: int, scratch: Path) -> list[Iterator[pa.Table]]:
    """Write all rows into one file, `n_rows` of a shard at a time; returns how to read each shard from there."""
    numbers: list[range] = []
    n_batches = 0
    with scratch.open("xb") as sink, pa.ipc.new_file(sink, shards[0].empty.schema, options=_OPTIONS) as writer:
        for shard in shards:
            first = n_batches
            for group in shard.groups():
                for batch in group.to_batches(max_chunksize=n_rows):
                    writer.write_batch(batch)
                    n_batches += 1
            numbers.append(range(first, n_batches))
    # Read, not mapped: of a mapped file all that was read counts as this program's memory.
    file = pa.ipc.open_file(pa.OSFile(str(scratch)))
    return [_batches(file, of_shard) for of_shard in numbers]


def _batches(file: pa.ipc.RecordBatchFileReader, numbers: range) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([file.get_batch(number)]) for number in numbers)


class _Stream:
    """The rows of one shard, of which no more wait than come at a time."""

    def __init__(self, empty: pa.Table, parts: Iterator[pa.Table]) -> None:
        self._rest, self._parts = empty, parts

    def take(self, n_rows: int) -> pa.Table:
        """The next `n_rows` rows."""
        while self._rest.num_rows < n_rows:
            self._rest = pa.concat_tables([self._rest, next(self._parts)])
        taken, self._rest = self._rest.slice(0, n_rows), self._rest.slice(n_rows)
        return taken


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
