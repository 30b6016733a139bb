"""Parquet tables as their contract says, each with a note and a hash.

Belongs here: rows to files and back. Does not belong here: durability (`storage.durable`), which table lies where
(`storage.layout`), what a stage is (`storage.stages`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.json_values import JsonObject
from video_assets.core.schema import KEY, TableSpec
from video_assets.storage.damage import open_whole, whole_table
from video_assets.storage.durable import durable_write, hash_file
from video_assets.storage.grouping import by_key, by_number
from video_assets.storage.patching import Patch, write_patched
from video_assets.storage.row_group_bytes import RowGroupWriter
from video_assets.storage.space import explained_space

ROWS_PER_GROUP = 16_384
"""Rows that a reader holds at a time; of one row group in tables without clip keys, which `storage.grouping` does not cut."""

_META = b"video_assets"


@dataclass(frozen=True)
class Table:
    """Rows, the note that was stored with them, and the hash of the file (xxh3-128 of its bytes)."""

    rows: pd.DataFrame
    note: JsonObject
    content_hash: str


def write_table(path: Path, spec: TableSpec, rows: pd.DataFrame, *, note: JsonObject | None = None) -> str:
    """Write `rows` as Parquet in the contract's columns and order; return the file's hash.

    Same rows, same note, same library versions: same bytes. A file that has them already is not written again.

    Raises:
        ValueError: the rows break the contract; the message names table and column.
        NoSpaceError: the disk is full; an older file at `path` is untouched.
        OSError: the disk did not take it otherwise; the same.
    """
    return write_table_in_parts(path, spec, [rows], note=note)


def write_table_in_parts(
    path: Path, spec: TableSpec, parts: Iterable[pd.DataFrame], *, note: JsonObject | None = None, patch: Patch | None = None
) -> str:
    """As `write_table`, with rows that come a part at a time; how they are cut makes no difference.

    With a `patch` they are those of its ranges, and the rows of its table stay elsewhere. That makes no difference either.
    """
    schema = spec.arrow.with_metadata(note_metadata(note or {}))
    rows = map(spec.table, parts)
    with (
        explained_space(path.parent, purpose=f"writing {path.name}"),
        durable_write(path, is_same_kept=True) as file,
        RowGroupWriter(file, schema) as writer,
    ):
        if patch is not None:
            write_patched(writer, patch, rows, spec.arrow)
        else:
            for group in by_key(rows) if spec.columns[0] == KEY else by_number(rows, ROWS_PER_GROUP):
                writer.write(group)
    return hash_file(path)


def read_table(path: Path, spec: TableSpec, *, columns: list[str] | None = None) -> Table:
    """Read a table that `write_table` wrote.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: not a whole Parquet file or other columns; the message names the file and what to do.
    """
    # pq.read_table looks for a data set first, which takes as long as reading a small table.
    with open_whole(path) as file:
        table = file.read(columns)
    there = set(table.column_names)
    missing = [name for name in columns or spec.names if name not in there]
    if missing:
        raise ValueError(f"{path}: columns {missing} are missing; it was written by another version: materialize it again")
    rows = table.select(columns or spec.names).to_pandas(types_mapper=pd.ArrowDtype)
    return Table(rows=rows, note=_note(table.schema.metadata), content_hash=hash_file(path))


def read_older_table(path: Path, spec: TableSpec) -> pd.DataFrame:
    """Rows of a table that may be of an earlier version of the program: nullable columns that came later are null.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: not a whole Parquet file, or a column that may not be null is missing; the message names the file.
    """
    later = {column.name for column in spec.columns if column.is_nullable} - set(_schema(path).names)
    return spec.frame(read_table(path, spec, columns=[name for name in spec.names if name not in later]).rows)


def _schema(path: Path) -> pa.Schema:
    with whole_table(path):
        return pq.read_schema(path)


def read_head(path: Path, spec: TableSpec, n_rows: int) -> pd.DataFrame:
    """The first rows of a table, without reading the others."""
    batches = pq.ParquetFile(path).iter_batches(batch_size=n_rows, columns=spec.names)
    first = next(batches, None)
    return spec.frame() if first is None else first.to_pandas(types_mapper=pd.ArrowDtype)


def read_note(path: Path) -> JsonObject:
    """The note stored with a table, without reading its rows.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: not a whole Parquet file; the message names the file and what to do.
    """
    with whole_table(path):
        return _note(pq.read_metadata(path).metadata)


def table_files(path: Path) -> list[Path]:
    """The Parquet files that hold a table's rows, for engines that read them by themselves; none when it is not there."""
    return [path] if path.exists() else []


def count_rows(path: Path) -> int:
    """Rows of a table, from its footer."""
    return pq.read_metadata(path).num_rows


def count_nulls(path: Path, name: str) -> int:
    """Missing values of a column, from the footer."""
    metadata = pq.read_metadata(path)
    index = metadata.schema.names.index(name)
    statistics = [metadata.row_group(group).column(index).statistics for group in range(metadata.num_row_groups)]
    return sum(each.null_count for each in statistics)


def read_empty(path: Path) -> pd.DataFrame:
    """A table's columns and types, whatever they are, without its rows."""
    return pq.read_schema(path).empty_table().to_pandas(types_mapper=pd.ArrowDtype)


def note_metadata(note: JsonObject) -> dict[bytes, bytes]:
    """A note as Parquet keeps it, for tables that are too large for `write_table`."""
    return {_META: json.dumps(note, sort_keys=True).encode()}


def _note(metadata: Mapping[bytes, bytes] | None) -> JsonObject:
    return json.loads((metadata or {}).get(_META, b"{}"))
