"""What changed between two training tables, from one number per value: hashes of texts, the numbers themselves.

Belongs here: comparing. Does not belong here: reading tables and hashing their texts (`publish.compare`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Digest:
    """A table in 8 bytes per value: `paths` (64-bit hashes, unique) and every other column by name; rows in the table's order.

    Rows that follow one another in both tables may be one entry, with a hash of them all as path and 0 in every column. Then
    `starts` has the row number of each entry and, last, the number of rows; None: each entry is a row.
    """

    paths: npt.NDArray[np.uint64]
    columns: dict[str, npt.NDArray[Any]]
    starts: Ints | None = None

    @property
    def rows(self) -> Ints:
        """`starts`, or what it would be."""
        return np.arange(len(self.paths) + 1) if self.starts is None else self.starts


@dataclass(frozen=True)
class DiffCounts:
    """A `Diff` in numbers: rows by what became of them, and changed values by column."""

    rows_before: int
    rows: int
    added: int
    dropped: int
    changed: int
    changed_columns: Mapping[str, int]
    stable_rows: int
    is_order_kept: bool
    is_append_only: bool


@dataclass(frozen=True)
class Diff:
    """Row numbers (from 0) of what changed; a clip is its path.

    `added` are rows of the later table, `dropped` of the earlier one, `changed` pairs (earlier, later). `stable_rows`: so many
    rows from the top are the same clips in the same places. `is_order_kept`: clips of both tables follow one another as before.
    """

    n_before: int
    n_after: int
    added: Ints
    dropped: Ints
    changed: tuple[Ints, Ints]
    changed_columns: dict[str, int]
    stable_rows: int
    is_order_kept: bool

    @property
    def is_append_only(self) -> bool:
        """Every row of the earlier table is at its place, with the same values; whatever is new follows."""
        return self.stable_rows == self.n_before and not len(self.changed[0])

    @property
    def is_different(self) -> bool:
        """Anything but the same rows in the same order."""
        return not (self.is_append_only and self.n_before == self.n_after)

    @property
    def counts(self) -> DiffCounts:
        """How many of each."""
        return DiffCounts(
            rows_before=self.n_before,
            rows=self.n_after,
            added=len(self.added),
            dropped=len(self.dropped),
            changed=len(self.changed[0]),
            changed_columns=self.changed_columns,
            stable_rows=self.stable_rows,
            is_order_kept=self.is_order_kept,
            is_append_only=self.is_append_only,
        )


def compare(before: Digest, after: Digest) -> Diff:
    """Compare two tables with the same columns.

    Raises:
        ValueError: a path occurs twice in one of them.
    """
    for name, digest in (("first", before), ("second", after)):
        if len(np.unique(digest.paths)) != len(digest.paths):
            raise ValueError(f"a path occurs twice in the {name} table: it is no training table")
    _, in_before, in_after = np.intersect1d(before.paths, after.paths, assume_unique=True, return_indices=True)
    is_changed = np.zeros(len(in_before), dtype=bool)
    changed_columns = {}
    for name, values in before.columns.items():
        differs = values[in_before] != after.columns[name][in_after]
        if n_changed := int(differs.sum()):
            changed_columns[name] = n_changed
        is_changed |= differs
    places = in_after[np.argsort(in_before)]
    pairs = np.argsort(in_after[is_changed])
    earlier, later = before.rows, after.rows
    return Diff(
        n_before=int(earlier[-1]),
        n_after=int(later[-1]),
        added=later[np.setdiff1d(np.arange(len(after.paths)), in_after, assume_unique=True)],
        dropped=earlier[np.setdiff1d(np.arange(len(before.paths)), in_before, assume_unique=True)],
        changed=(earlier[in_before[is_changed][pairs]], later[in_after[is_changed][pairs]]),
        changed_columns=changed_columns,
        stable_rows=int(earlier[_n_equal_from_the_top(before.paths, after.paths)]),
        is_order_kept=bool((np.diff(places) > 0).all()),
    )


def _n_equal_from_the_top(before: npt.NDArray[np.uint64], after: npt.NDArray[np.uint64]) -> int:
    n = min(len(before), len(after))
    differs = np.flatnonzero(before[:n] != after[:n])
    return int(differs[0]) if len(differs) else n
