"""Parquet files put together of row groups: those encoded now, and those of a file before, whose bytes are copied.

So a table of a million rows of which twenty changed costs what the row groups of those twenty cost. A row group is encoded by
itself, hence it has the same bytes wherever and whenever it is written by the same libraries. The footer names the hash of each.
Belongs here: row groups as bytes, footers. Does not belong here: where a group ends (`storage.grouping`), rows
(`storage.tables`).
"""

import json
import struct
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.storage.thrift import Field, Items, Struct, read_struct, write_struct

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_MAGIC = b"PAR1"
_HASHES = b"video_assets.row_groups"
# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData in parquet.thrift.
_N_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _CHUNK_FACTS, _INDEXES = 2, 3, (4, 5, 6, 7)
_CHUNK_BYTES, _DATA, _INDEX, _DICTIONARY, _BLOOM = 7, 9, 10, 11, 14
_I64, _STRUCT = 6, 12


class ForeignFileError(ValueError):
    """A Parquet file whose row groups cannot be copied: another program wrote it."""


class RowGroups:
    """An open Parquet file as row groups of bytes.

    Raises:
        ForeignFileError: its row groups are not where they are expected.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        end = file.seek(-8, 2)
        (size,) = struct.unpack("<I", file.read(4))
        file.seek(end - size)
        self.footer = read_struct(file.read(size))
        self._groups: list[Struct] = self.footer[_GROUPS].value.values

    def __len__(self) -> int:
        """How many there are."""
        return len(self._groups)

    def read(self, index: int) -> tuple[bytes, Struct]:
        """The bytes of a row group, and what the footer says of it, places counted from the first of these bytes."""
        group = self._groups[index]
        first, size = _place_of(group)
        self._file.seek(first)
        return self._file.read(size), _moved(group, -first)


class RowGroupWriter:
    """Writes a Parquet file of the columns of `schema`, whose metadata may grow until the end. Use it as a context."""

    def __init__(self, sink: "SupportsWrite[bytes]", schema: pa.Schema) -> None:
        self._sink, self._schema = sink, schema
        self._groups: list[Struct] = []
        self._hashes: list[str] = []
        self._told: dict[bytes, bytes] = {}
        self._end = len(_MAGIC)
        sink.write(_MAGIC)

    @cached_property
    def footer(self) -> Struct:
        """What the file's footer says of its columns."""
        return RowGroups(BytesIO(_encoded(self._schema.empty_table()))).footer

    def write(self, rows: pa.Table) -> None:
        """Append a row group."""
        [(data, group)] = [RowGroups(BytesIO(_encoded(rows.cast(self._schema).replace_schema_metadata(None)))).read(0)]
        self._append(data, group)

    def copy(self, source: RowGroups, index: int) -> None:
        """Append a row group of another file, for which `is_ours_and_sound` holds."""
        self._append(*source.read(index))

    def tell(self, name: bytes, value: bytes) -> None:
        """Have the footer's metadata say so."""
        self._told[name] = value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._close()

    def _append(self, data: bytes, group: Struct) -> None:
        self._sink.write(data)
        self._groups.append(_moved(group, self._end) | {_ORDINAL: Field(4, len(self._groups))})
        self._hashes.append(_hash_of(data))
        self._end += len(data)

    def _close(self) -> None:
        told = {**self._told, _HASHES: json.dumps(self._hashes).encode()}
        schema = self._schema.with_metadata({**(self._schema.metadata or {}), **told})
        footer = RowGroups(BytesIO(_encoded(schema.empty_table()))).footer
        footer[_N_ROWS] = Field(_I64, sum(group[_GROUP_ROWS].value for group in self._groups))
        footer[_GROUPS] = footer[_GROUPS]._replace(value=Items(_STRUCT, self._groups))
        data = write_struct(footer)
        self._sink.write(data + struct.pack("<I", len(data)) + _MAGIC)


def hashes_of(path: Path) -> list[str]:
    """A hash of the bytes of each row group, whoever wrote the file."""
    metadata = pq.read_metadata(path)
    with path.open("rb") as file:
        found = []
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            columns = [group.column(at) for at in range(group.num_columns)]
            first = min(_first_of(column) for column in columns)
            file.seek(first)
            end = max(_first_of(column) + column.total_compressed_size for column in columns)
            found.append(_hash_of(file.read(end - first)))
        return found


def is_ours_and_sound(path: Path, schema: pa.Schema) -> bool:
    """True when all row groups of a file can be copied into one of `schema`, and have the bytes with which they were written."""
    there, ours = pq.read_metadata(path), pq.read_metadata(BytesIO(_encoded(schema.empty_table())))
    is_copyable = there.created_by == ours.created_by and there.schema.equals(ours.schema)
    return is_copyable and json.loads((there.metadata or {}).get(_HASHES, b"null")) == hashes_of(path)


def _hash_of(data: bytes) -> str:
    return xxhash.xxh3_64_hexdigest(data)


def _first_of(column: pq.ColumnChunkMetaData) -> int:
    return column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset


def _encoded(rows: pa.Table) -> bytes:
    """A Parquet file of one row group."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, compression="zstd") as writer:
        writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
    return sink.getvalue().to_pybytes()


def _place_of(group: Struct) -> tuple[int, int]:
    """Where a row group begins, and how many bytes it has."""
    firsts, size = [], 0
    for chunk in group[_COLUMNS].value.values:
        facts: Struct = chunk[_CHUNK_FACTS].value
        if _BLOOM in facts or any(field in chunk for field in _INDEXES):
            raise ForeignFileError("its row groups have an index elsewhere in the file")
        if chunk[_CHUNK_OFFSET].value:
            raise ForeignFileError("what its footer says of columns lies elsewhere in the file")
        firsts.append(min(facts[field].value for field in (_DATA, _DICTIONARY) if field in facts))
        size += facts[_CHUNK_BYTES].value
    return min(firsts), size


def _moved(group: Struct, n_bytes: int) -> Struct:
    """What a footer says of a row group that lies `n_bytes` further on."""
    chunks = [_moved_chunk(chunk, n_bytes) for chunk in group[_COLUMNS].value.values]
    moved = dict(group)
    moved[_COLUMNS] = group[_COLUMNS]._replace(value=Items(_STRUCT, chunks))
    return _shifted(moved, (_GROUP_OFFSET,), n_bytes)


def _moved_chunk(chunk: Struct, n_bytes: int) -> Struct:
    facts = _shifted(chunk[_CHUNK_FACTS].value, (_DATA, _INDEX, _DICTIONARY), n_bytes)
    return chunk | {_CHUNK_FACTS: chunk[_CHUNK_FACTS]._replace(value=facts)}


def _shifted(fields: Struct, names: tuple[int, ...], n_bytes: int) -> Struct:
    moved = {name: Field(_I64, fields[name].value + n_bytes) for name in names if name in fields}
    return fields | moved
