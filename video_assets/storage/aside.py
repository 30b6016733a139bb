"""Rows put aside on the data root's disk instead of in memory: by group until their group's turn comes, or as a mapped table.

Belongs here: that file. Does not belong here: which group a row is in (`core.sharding`), tables that stay (`storage.tables`).
"""

import mmap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from video_assets.core.schema import TableSpec
from video_assets.storage.durable import draft_of
from video_assets.storage.space import explained_space

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class RowsAside:
    """Rows of one contract by the name of their group. Put all aside, then take group after group."""

    def __init__(self, path: Path, spec: TableSpec) -> None:
        self._path = path
        self._schema = pa.schema([field.with_nullable(True) for field in spec.arrow])
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema, options=_OPTIONS)
        self._batches: dict[str, list[int]] = {}
        self._n_batches = 0
        self._file: pa.ipc.RecordBatchFileReader | None = None

    def put(self, rows: pd.DataFrame, groups: pd.Series) -> None:
        """Put `rows` aside; `groups` names the group of each. Inside a group they keep their order."""
        if rows.empty:
            return
        codes, names = pd.factorize(groups, sort=True)
        order = np.argsort(codes, kind="stable")
        table = pa.Table.from_pandas(rows.iloc[order], schema=self._schema, preserve_index=False)
        ends = np.searchsorted(codes[order], np.arange(len(names)), side="right")
        for name, start, end in zip(names, [0, *ends[:-1]], ends, strict=True):
            for batch in table.slice(start, end - start).combine_chunks().to_batches():
                self._writer.write_batch(batch)
                self._batches.setdefault(str(name), []).append(self._n_batches)
                self._n_batches += 1

    def take(self, group: str) -> pd.DataFrame:
        """The rows of one group. Nothing can be put aside after that."""
        if self._file is None:
            self.close()
            self._file = pa.ipc.open_file(pa.OSFile(str(self._path)))
        batches = [self._file.get_batch(number) for number in self._batches.get(group, [])]
        return pa.Table.from_batches(batches, schema=self._schema).to_pandas(types_mapper=pd.ArrowDtype)

    def close(self) -> None:
        """Write what is left; nothing can be put aside any more."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()


@contextmanager
def rows_aside(beside: Path, spec: TableSpec) -> Iterator[RowsAside]:
    """Room for rows in a file beside a table, gone when the block ends; what a kill leaves is removed as any draft.

    Raises:
        NoSpaceError: the disk is full; tables are as they were.
    """
    path = draft_of(beside)
    try:
        with explained_space(beside.parent, purpose=f"cutting {beside.name}"):
            aside = RowsAside(path, spec)
            try:
                yield aside
            finally:
                aside.close()
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class MappedTable:
    """A table whose bytes lie in a file without a name, gone with the table.

    `forget` gives back the memory of what was read of it; what is asked for again is read again.
    """

    table: pa.Table
    forget: Callable[[], None]


def mapped_table(batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, beside: Path) -> MappedTable:
    """Put a table into such a file.

    Raises:
        NoSpaceError: the disk is full; tables are as they were.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    path = draft_of(beside)
    try:
        with explained_space(beside.parent, purpose=f"writing {beside.name}"):
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).read_all()
        return MappedTable(table, lambda: mapped.madvise(mmap.MADV_DONTNEED))
    finally:
        path.unlink(missing_ok=True)
