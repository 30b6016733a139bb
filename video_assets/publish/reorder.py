"""Rows in another order than they come, without holding them: they are put down in a scratch file and taken from there.

Belongs here: that file. Does not belong here: which order (`publish.rules.diff.growing_order`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_CHUNK_ROWS = 16_384


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
            for start in range(0, len(order), _CHUNK_ROWS):
                yield _take(file, starts, order[start : start + _CHUNK_ROWS])
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


def _take(file: pa.ipc.RecordBatchFileReader, starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> pa.Table:
    owner = np.searchsorted(starts, rows, side="right") - 1
    by_batch = np.argsort(owner, kind="stable")
    parts = []
    for batch in np.unique(owner):
        mine = by_batch[owner[by_batch] == batch]
        parts.append(file.get_batch(int(batch)).take(pa.array(rows[mine] - starts[batch])))
    place = np.empty(len(rows), dtype=np.int64)
    place[by_batch] = np.arange(len(rows))
    return pa.Table.from_batches(parts).combine_chunks().take(pa.array(place))
