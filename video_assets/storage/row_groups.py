"""Tables a few thousand rows at a time: the way through a table that is larger than memory.

Belongs here: reading row groups, all of them or those that may hold a value. Does not belong here: what the rows mean, writing
(`storage.tables`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.errors import ReplacedError
from video_assets.storage.damage import DamagedTableError, open_whole
from video_assets.storage.durable import identity
from video_assets.storage.stages import StageError, refuse_torn


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A table for reading; its bytes are read as they are asked for, not ahead.

    Raises:
        FileNotFoundError: nothing there.
        StageError: it is, or turns out to be, damaged or of another version; the message names it and what to do.
    """
    try:
        with open_whole(path) as file:
            yield file
    except DamagedTableError as error:
        raise StageError(str(error)) from error
    except (KeyError, StopIteration) as error:
        raise StageError(f"{path}: not a readable table ({error}): delete it and materialize its asset again") from error


def refuse_replaced(path: Path, seen: tuple[int, int, int]) -> None:
    """Make sure that a file which is opened more than once is the one whose `identity` was `seen`; to be asked while it is open.

    Raises:
        ReplacedError: it was replaced meanwhile.
    """
    if identity(path.stat()) != seen:
        raise ReplacedError(f"{path} was replaced while it was read: wait for the other run, then materialize again")


def groups(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """All row groups of an open table, in order."""
    return (file.read_row_group(group, columns=columns) for group in range(file.num_row_groups))


def parts(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    """The table at `path` a row group at a time, its columns in this order.

    Raises:
        FileNotFoundError, StageError: as `opened`; the latter also when a column is missing.
    """
    with opened(path) as file:
        for rows in groups(file, columns):
            yield rows.select(columns).replace_schema_metadata(None)


def kept_parts(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    """Rows that the stage at `path` kept, a row group at a time: what `read_stage` reads, for what needs no whole stage.

    Raises:
        StageError: the stage is missing, torn, unreadable, or lacks a column.
    """
    refuse_torn(path)
    yield from parts(path, columns)


def rows_with(file: pq.ParquetFile, name: str, values: Sequence[str], columns: list[str]) -> Iterator[pa.Table]:
    """Rows in which the text column `name` is one of `values`, in order. Row groups without any cost at most that column."""
    wanted = pc.SetLookupOptions(value_set=pa.array(values, pa.string()))
    metadata, at = file.metadata, file.metadata.schema.names.index(name)
    for group in range(file.num_row_groups):
        if not _may_have(metadata.row_group(group).column(at).statistics, values):
            continue
        is_wanted = pc.call_function("is_in", [file.read_row_group(group, columns=[name]).column(name)], wanted)
        if pc.call_function("any", [is_wanted]).as_py():
            yield file.read_row_group(group, columns=columns).filter(is_wanted)


def _may_have(statistics: pq.Statistics | None, values: Sequence[str]) -> bool:
    """False when a row group's statistics rule all `values` out; tables are sorted by clip key, so that is the rule."""
    if statistics is None or not statistics.has_min_max:
        return True
    lowest, highest = statistics.min, statistics.max
    return any(lowest <= value <= highest for value in values)


def rows_at(path: Path, numbers: Sequence[int], columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows with these numbers (rising, from 0), values in the order of `columns`; row groups without one are not read.

    Raises:
        FileNotFoundError, StageError: as `opened`.
    """
    with opened(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            if here := [number - first for number in numbers if first <= number < first + n_rows]:
                rows = file.read_row_group(group, columns=columns).take(here)
                yield from zip(*(rows.column(name).to_pylist() for name in columns), strict=True)
            first += n_rows
