"""The order of the CSV's rows: by clip key over all shards, or, of a table that grows, as the last version had them.

Belongs here: orders, as row numbers. Does not belong here: what a row is (`rows`), what changed (`diff`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from video_assets.core.matching import column_of
from video_assets.publish.rules.rows import call

Ints = npt.NDArray[np.int64]
_COPIES = 2
"""Of a shard, the rest of one part and the whole next one may wait at a time."""
_FEWEST = 16
"""Rows of a part at least: smaller ones cost more for themselves than for their rows."""


def merge_order(keys: Sequence[pd.Series]) -> npt.NDArray[np.int16]:
    """For tables that are each sorted by clip key: which table the next row comes from, for all rows in the order of the key.

    Raises:
        ValueError: a table is not sorted, or a key occurs twice; names the keys.
    """
    sizes = [len(table) for table in keys]
    table_of = np.repeat(np.arange(len(keys), dtype=np.int16), sizes)
    every = column_of(pd.concat(keys, ignore_index=True))
    rank = call("sort_indices", every)
    in_order = every.take(rank)
    is_twice = np.flatnonzero(call("equal", in_order[1:], in_order[:-1]).to_numpy())
    if len(is_twice):
        raise ValueError(f"{len(is_twice):,} clip keys occur more than once, first {in_order[int(is_twice[0])].as_py()!r}")
    order = table_of[rank.to_numpy()]
    if not np.array_equal(rank.to_numpy()[np.argsort(order, kind="stable")], np.arange(len(every))):
        raise ValueError("rows of a shard are not in the order of their clip keys")
    return order


def interleave(parts: Sequence[pa.Table], order: npt.NDArray[np.int16]) -> pa.Table:
    """Rows of `parts` in the order that `merge_order` gave: row i is the next row of part `order[i]`."""
    position = np.empty(len(order), dtype=np.int64)
    position[np.argsort(order, kind="stable")] = np.arange(len(order))
    return pa.concat_tables(parts).combine_chunks().take(pa.array(position))


def rows_at_a_time(row_bytes: float, largest_group: int, memory_bytes: int | None) -> int:
    """How many rows of every shard may be read at a time while they are merged.

    Args:
        row_bytes: what one row of each shard takes, all shards together.
        largest_group: rows that are read at a time anyway.
        memory_bytes: what all rows that wait may take; None: whatever it is.

    >>> rows_at_a_time(24 * 1000, 16_384, 1 << 30), rows_at_a_time(240 * 1000, 16_384, 1 << 30)
    (16384, 2236)
    """
    if memory_bytes is None or row_bytes * _COPIES * largest_group <= memory_bytes:
        return largest_group
    return max(_FEWEST, int(memory_bytes / (row_bytes * _COPIES)))


def growing_order(places: Ints, n_before: int) -> Ints | None:
    """The order in which rows are written so that those of the last version keep theirs and new ones follow in the given order.

    Args:
        places: for every row, its row number in the last version; -1 for a new one.
        n_before: rows of the last version.

    Returns:
        Row numbers; None when the rows are in that order as they are.
    """
    wanted = np.where(places >= 0, places, n_before + np.arange(len(places)))
    if (np.diff(wanted) > 0).all():
        return None
    return np.argsort(wanted, kind="stable")
