"""Two training tables against each other, in a few hundred megabytes for millions of rows: each is read once, in pieces.

Row groups that both have with the same bytes are not read: their rows are equal.

Belongs here: reading and hashing. Does not belong here: what counts as a change (`publish.rules.diff`), which version is meant
(`publish.versions`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.core.errors import UsageError
from video_assets.core.json_values import JsonObject
from video_assets.core.schema import TRAINING
from video_assets.publish.rules.diff import Diff, Digest, compare
from video_assets.publish.rules.manifest import Examples
from video_assets.publish.training_csv import csv_batches
from video_assets.storage.damage import open_whole
from video_assets.storage.row_group_bytes import hashes_of
from video_assets.storage.tables import ROWS_PER_GROUP

_NUMBERS = [column.name for column in TRAINING.columns if column.type != "string"]
_KINDS = {
    "path": np.dtype(np.uint64),
    "text": np.dtype(np.uint64),
    **{name: np.dtype(TRAINING.arrow.field(name).type.to_pandas_dtype()) for name in _NUMBERS},
}
_Part = tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Difference:
    """A row that is not the same in both tables; `before` and `after` are the differing values of a changed one, by column."""

    change: Literal["dropped", "added", "changed"]
    path: str
    before: Mapping[str, str | float] = field(default_factory=dict)
    after: Mapping[str, str | float] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """For one line of JSON."""
        values = {"before": self.before, "after": self.after} if self.change == "changed" else {}
        return {"change": self.change, "path": self.path, **values}


@dataclass(frozen=True)
class Comparison:
    """The difference of two tables on disk."""

    before: Path
    after: Path
    diff: Diff

    def examples(self, n: int = 5) -> Examples:
        """The first paths of each kind."""
        return Examples(
            first_added=tuple(_paths_at(self.after, self.diff.added[:n])),
            first_dropped=tuple(_paths_at(self.before, self.diff.dropped[:n])),
            first_changed=tuple(_paths_at(self.after, self.diff.changed[1][:n])),
        )

    def first_rows(self, n: int = 5) -> Iterator[Difference]:
        """The first differences of each kind, without values."""
        examples = self.examples(n)
        yield from (Difference("added", path) for path in examples.first_added)
        yield from (Difference("dropped", path) for path in examples.first_dropped)
        yield from (Difference("changed", path) for path in examples.first_changed)

    def rows(self) -> Iterator[Difference]:
        """Every difference; of changed rows with what was and what is."""
        yield from (Difference("dropped", path) for path in _paths_at(self.before, self.diff.dropped))
        yield from (Difference("added", path) for path in _paths_at(self.after, self.diff.added))
        earlier, later = self.diff.changed
        order = np.argsort(earlier)
        old = {int(at): row for at, row in zip(order, _rows_at(self.before, earlier[order], TRAINING.names), strict=True)}
        for index, row in enumerate(_rows_at(self.after, later, TRAINING.names)):
            was = old[index]
            differing = [name for name in TRAINING.names if was[name] != row[name]]
            before, after = ({name: values[name] for name in differing} for values in (was, row))
            yield Difference("changed", str(row["path"]), before, after)


def compare_tables(before: Path, after: Path) -> Comparison:
    """Compare two training tables (.csv or .parquet).

    Raises:
        UsageError: one of them is no training table; says which and why.
        OSError: one cannot be read.
    """
    groups = [_groups(path) for path in (before, after)]
    shared = frozenset(groups[0]) & frozenset(groups[1])
    digests = []
    for path, its_groups in zip((before, after), groups, strict=True):
        try:
            digests.append(_digest(path, {index: group[0] for index, group in enumerate(its_groups) if group in shared}))
        except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, ValueError) as error:
            raise UsageError(f"{path} is not a training table: {error}") from error
    return Comparison(before, after, compare(*digests))


def _groups(path: Path) -> list[tuple[str, str]]:
    """Hashes of a table's row groups, and who wrote them; none of a CSV, or of what is no table."""
    if path.suffix == ".csv":
        return []
    try:
        metadata = pq.read_metadata(path)
        if metadata.schema.names != TRAINING.names:
            return []
        return [(each, f"{metadata.created_by} {metadata.schema.to_arrow_schema()}") for each in hashes_of(path)]
    except (pa.ArrowInvalid, OSError):
        return []  # whoever reads it says so


def _digest(path: Path, shared: Mapping[int, str]) -> Digest:
    """A table in numbers; a row group that is `shared` with the other table, by its number and hash, is one entry."""
    parts = list(_parts(path, shared))
    columns = {name: np.concatenate([np.zeros(0, kind), *(part[name] for part, _ in parts)]) for name, kind in _KINDS.items()}
    return Digest(
        paths=columns.pop("path"),
        columns=columns,
        starts=np.cumsum(np.concatenate([np.zeros(1, np.int64), *(sizes for _, sizes in parts)])),
    )


def _parts(path: Path, shared: Mapping[int, str]) -> Iterator[_Part]:
    """Columns of the entries, in their order, and how many rows each of them is."""
    if not shared:
        yield from map(_row_by_row, _batches(path, TRAINING.names))
        return
    with open_whole(path) as file:
        for group in range(file.num_row_groups):
            if group in shared:
                entry = {name: np.zeros(1, kind) for name, kind in _KINDS.items()}
                entry["path"][0] = int(shared[group], 16)
                yield entry, np.array([file.metadata.row_group(group).num_rows])
            else:
                rows = file.iter_batches(batch_size=ROWS_PER_GROUP, row_groups=[group], columns=TRAINING.names)
                yield from map(_row_by_row, rows)


def _row_by_row(rows: pa.RecordBatch) -> _Part:
    texts = {name: _hashes(rows.column(name)) for name in ("path", "text")}
    numbers = {name: rows.column(name).to_numpy(zero_copy_only=False) for name in _NUMBERS}
    return {**texts, **numbers}, np.ones(rows.num_rows, np.int64)


def _hashes(column: pa.Array) -> npt.NDArray[np.uint64]:
    """64 bits per text: among a million paths, two collide once in ten million comparisons."""
    hash_of = xxhash.xxh3_64_intdigest
    return np.fromiter((hash_of(text) for text in column.cast(pa.large_binary()).to_pylist()), dtype=np.uint64, count=len(column))


def _paths_at(path: Path, rows: npt.NDArray[np.int64]) -> Iterator[str]:
    return (str(row["path"]) for row in _rows_at(path, rows, ["path"]))


def _rows_at(path: Path, rows: npt.NDArray[np.int64], columns: list[str]) -> Iterator[Mapping[str, str | float]]:
    """Records of some rows (row numbers ascending)."""
    start = 0
    for batch in _batches(path, columns) if len(rows) else ():
        low, high = np.searchsorted(rows, (start, start + batch.num_rows))
        if high > low:
            yield from batch.take(pa.array(rows[low:high] - start)).to_pylist()
        start += batch.num_rows
        if high == len(rows):
            return


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".csv":
        yield from csv_batches(path, columns)
        return
    with open_whole(path) as file:
        missing = set(columns) - set(file.schema_arrow.names)
        if missing:
            raise ValueError(f"columns {sorted(missing)} are missing")
        yield from file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns)
