"""Files of the product while they are read and written: shards as streams of rows, their order, outputs that know their own hash.

Belongs here: rows in, rows out. Does not belong here: which rows (`publish.publish`), their text (`publish.rules.rows`).
"""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.schema import TRAINING
from video_assets.publish.rules.manifest import FileFacts
from video_assets.publish.rules.row_order import interleave
from video_assets.publish.rules.rows import csv_header, csv_rows
from video_assets.settings.model import Settings
from video_assets.storage.durable import durable_write
from video_assets.storage.stages import StageError
from video_assets.storage.tables import ROWS_PER_GROUP


def sha256_file(path: Path) -> str:
    """What `sha256sum` prints."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashedFile(io.RawIOBase):
    """A file to write to that keeps count and hash of its bytes; closing it leaves the file below open."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file, self._digest = file, hashlib.sha256()
        self.n_bytes = self.n_rows = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        self._file.write(data)
        self._digest.update(data)
        size = memoryview(data).nbytes
        self.n_bytes += size
        return size

    @property
    def facts(self) -> FileFacts:
        """Of what was written so far."""
        return FileFacts(rows=self.n_rows, bytes=self.n_bytes, sha256=self._digest.hexdigest())


class ProductFiles:
    """CSV, Parquet twin and one CSV per source, all written at once; they appear when the block ends without an exception."""

    def __init__(self, folder: Path, name: str, *, sources: Mapping[str, str]) -> None:
        self._csv, self._table = folder / f"{name}.csv", folder / f"{name}.parquet"
        self._by_source = {source: folder / f"{product}.csv" for source, product in sources.items()}
        self._stack = ExitStack()
        self._files: dict[Path, HashedFile] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for path in (self._csv, self._table, *self._by_source.values()):
                self._files[path] = HashedFile(stack.enter_context(durable_write(path)))
            for path in (self._csv, *self._by_source.values()):
                self._files[path].write(csv_header())
            sink = pa.PythonFile(self._files[self._table], mode="w")
            self._parquet = stack.enter_context(pq.ParquetWriter(sink, TRAINING.arrow, compression="zstd"))
            self._stack = stack.pop_all()
        return self

    def write(self, rows: pa.Table, source: pa.ChunkedArray) -> None:
        """Append TRAINING rows; `source` says where each comes from."""
        self._append_csv(self._csv, rows)
        self._parquet.write_table(rows, row_group_size=ROWS_PER_GROUP)
        self._files[self._table].n_rows += rows.num_rows
        for name, path in self._by_source.items():
            is_of_source = pa.array(source.to_numpy() == name)
            self._append_csv(path, rows.filter(is_of_source))

    @property
    def facts(self) -> dict[str, FileFacts]:
        """By file name. Complete after the block has ended."""
        return {path.name: file.facts for path, file in self._files.items()}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def _append_csv(self, path: Path, rows: pa.Table) -> None:
        self._files[path].write(csv_rows(rows))
        self._files[path].n_rows += rows.num_rows


def per_source_names(settings: Settings) -> dict[str, str]:
    """File names (without .csv) of the CSVs beside the combined one, by source. Own clips alone need none."""
    is_own_alone = [source.name for source in settings.sources] == ["own_clips"]
    if is_own_alone or not settings.training.is_per_source:
        return {}
    return {source.name: source.product for source in settings.sources}


def read_merged(paths: list[Path], order: npt.NDArray[np.int16], *, columns: list[str]) -> Iterator[pa.Table]:
    """Rows of all `paths` (each sorted by clip key) in `order` (see `merge_order`), in tables of `ROWS_PER_GROUP`.

    Raises:
        StageError: a file was replaced meanwhile.
    """
    streams = [_Stream(path, columns) for path in paths]
    for start in range(0, len(order), ROWS_PER_GROUP):
        part = order[start : start + ROWS_PER_GROUP]
        counts = np.bincount(part, minlength=len(streams))
        yield interleave([stream.take(int(n)) for stream, n in zip(streams, counts, strict=True)], part)


class _Stream:
    """The rows of one file, a row group at a time. The file is not kept open: there may be more shards than file descriptors."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._path, self._columns = path, columns
        self._group = 0
        self._identity = self._stat()
        self._rest = pq.read_schema(path).empty_table().select(columns).replace_schema_metadata(None)

    def take(self, n_rows: int) -> pa.Table:
        """The next `n_rows` rows."""
        while self._rest.num_rows < n_rows:
            self._rest = pa.concat_tables([self._rest, self._next_group()])
        taken, self._rest = self._rest.slice(0, n_rows), self._rest.slice(n_rows)
        return taken

    def _next_group(self) -> pa.Table:
        with pq.ParquetFile(self._path) as file:
            if self._stat() != self._identity or self._group >= file.num_row_groups:
                raise StageError(f"{self._path} was replaced while it was read: wait for the other run, then materialize again")
            table = file.read_row_group(self._group, columns=self._columns, use_threads=False)
        self._group += 1
        return table.select(self._columns).replace_schema_metadata(None)

    def _stat(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


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
