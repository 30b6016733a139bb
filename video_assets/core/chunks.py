"""Rows of a table in chunks, by their numbers. Arrow's own `take` makes one chunk of all first: a gigabyte for a few rows.

Does not belong here: finding the numbers (`core.matching`), reading files.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.int64]


class Chunks:
    """A table as it lies in memory, for many takes."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = table.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self._empty = table.schema.empty_table()

    def take(self, rows: Numbers) -> pa.Table:
        """The rows with these numbers, in this order; only chunks that have some are looked at."""
        order = np.argsort(rows, kind="stable")
        rising = rows[order]
        cuts = np.searchsorted(rising, self._starts)
        pieces = [self._empty]
        for index in np.flatnonzero(np.diff(cuts)):
            here = rising[cuts[index] : cuts[index + 1]] - self._starts[index]
            pieces.append(pa.Table.from_batches([self._batches[index].take(pa.array(here))]))
        taken = pa.concat_tables(pieces)
        if np.array_equal(rising, rows):
            return taken
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return taken.take(pa.array(back))
