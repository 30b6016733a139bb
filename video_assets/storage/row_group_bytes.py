"""Parquet files put together of row groups: those encoded now, and those of a file before, whose bytes are copied.

So a table of a million rows of which twenty changed costs what the row groups of those twenty cost. A row group is encoded by
itself, hence it has the same bytes wherever and whenever it is written by the same libraries. The footer names the hash of each.
Belongs here: row groups as bytes, footers. Does not belong here: where a group ends (`storage.grouping`), rows
(`storage.tables`).
"""

import json
import struct
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.storage.damage import seal_of
from video_assets.storage.thrift import Span, list_bytes, number_at, number_bytes, read_each, spans_of, starts_of

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_MAGIC = b"PAR1"
_HASHES = b"video_assets.row_groups"
# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData in parquet.thrift.
_N_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _CHUNK_FACTS, _INDEXES = 2, 3, (4, 5, 6, 7)
_CHUNK_BYTES, _DATA, _INDEX, _DICTIONARY, _BLOOM = 7, 9, 10, 11, 14
_I16 = 4
_NUMBER = -1


class ForeignFileError(ValueError):
    """A Parquet file whose row groups cannot be copied: another program wrote it."""


@dataclass(frozen=True)
class FooterPart:
    """What a footer says of one row group: its bytes, cut around the numbers that change when the row group is copied.

    As values of their own, the million numbers of a large table's footer would cost more than its rows.
    """

    n_rows: int
    pieces: tuple[bytes, ...]
    places: tuple[int, ...]
    """Counted from the first byte of the row group; one stands behind each piece but the last. The row group's number is -1."""

    def at(self, place: int, number: int) -> bytes:
        """The same, of the row group `number` of a file, which begins at `place`."""
        out = [self.pieces[0]]
        for value, piece in zip(self.places, self.pieces[1:], strict=True):
            out += (number_bytes(number if value == _NUMBER else value + place), piece)
        return b"".join(out)


class _Group(NamedTuple):
    """Where a row group begins, how many bytes it has, and what the footer says of it."""

    first: int
    n_bytes: int
    part: FooterPart


class RowGroups:
    """An open Parquet file as row groups of bytes.

    Raises:
        ForeignFileError: its row groups are not where they are expected.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._footer = _footer_of(file)
        fields, _ = spans_of(self._footer, 0)
        self._starts = starts_of(self._footer, fields[_GROUPS])

    def __len__(self) -> int:
        """How many there are."""
        return len(self._starts)

    def read(self, index: int) -> tuple[bytes, FooterPart]:
        """The bytes of a row group, and what the footer says of it."""
        group, _ = _read_group(self._footer, self._starts[index])
        self._file.seek(group.first)
        return self._file.read(group.n_bytes), group.part


class RowGroupWriter:
    """Writes a Parquet file of the columns of `schema`, whose metadata may grow until the end. Use it as a context."""

    def __init__(self, sink: "SupportsWrite[bytes]", schema: pa.Schema) -> None:
        self._sink, self._schema = sink, schema
        self._parts: list[bytes] = []
        self._n_rows = 0
        self._hashes: list[str] = []
        self._told: dict[bytes, bytes] = {}
        self._end = len(_MAGIC)
        sink.write(_MAGIC)

    def write(self, rows: pa.Table) -> None:
        """Append a row group."""
        data = _encoded(rows.cast(self._schema).replace_schema_metadata(None))
        group = _only_group(_footer_of(BytesIO(data)))
        self._append(data[group.first : group.first + group.n_bytes], group.part)

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

    def _append(self, data: bytes, part: FooterPart) -> None:
        self._sink.write(data)
        self._parts.append(part.at(self._end, len(self._parts)))
        self._n_rows += part.n_rows
        self._hashes.append(_hash_of(data))
        self._end += len(data)

    def _close(self) -> None:
        told = {**self._told, _HASHES: json.dumps(self._hashes).encode()}
        schema = self._schema.with_metadata({**(self._schema.metadata or {}), **told})
        empty = _footer_of(BytesIO(_empty(schema)))
        fields, _ = spans_of(empty, 0)
        n_rows, groups = fields[_N_ROWS], fields[_GROUPS]
        before, between, behind = empty[: n_rows.start], empty[n_rows.end : groups.start], empty[groups.end :]
        data = b"".join([before, number_bytes(self._n_rows), between, list_bytes(self._parts), behind])
        self._sink.write(seal_of(data) + data + struct.pack("<I", len(data)) + _MAGIC)


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
    there, ours = pq.read_metadata(path), pq.read_metadata(BytesIO(_empty(schema)))
    is_copyable = there.created_by == ours.created_by and there.schema.equals(ours.schema)
    return is_copyable and json.loads((there.metadata or {}).get(_HASHES, b"null")) == hashes_of(path)


def _hash_of(data: bytes) -> str:
    return xxhash.xxh3_64_hexdigest(data)


def _first_of(column: pq.ColumnChunkMetaData) -> int:
    return column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset


def _encoded(rows: pa.Table) -> bytes:
    """A Parquet file of one row group."""
    sink = pa.BufferOutputStream()
    with _writer(sink, rows.schema) as writer:
        writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
    return sink.getvalue().to_pybytes()


def _empty(schema: pa.Schema) -> bytes:
    """A Parquet file without row groups; for its footer."""
    sink = pa.BufferOutputStream()
    _writer(sink, schema).close()
    return sink.getvalue().to_pybytes()


def _writer(sink: pa.BufferOutputStream, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True)


def _footer_of(file: IO[bytes]) -> bytes:
    end = file.seek(-8, 2)
    (size,) = struct.unpack("<I", file.read(4))
    file.seek(end - size)
    return file.read(size)


def _only_group(footer: bytes) -> _Group:
    """That of a file with one row group."""
    groups: list[_Group] = []

    def read(footer: bytes, at: int) -> int:
        group, end = _read_group(footer, at)
        groups.append(group)
        return end

    spans_of(footer, 0, {_GROUPS: lambda footer, at: read_each(footer, at, read)})
    (group,) = groups
    return group


def _read_group(footer: bytes, start: int) -> tuple[_Group, int]:
    """The row group that the footer tells of at `start`, and the place behind what it tells."""
    chunks: list[tuple[dict[int, Span], dict[int, Span]]] = []
    group, behind = spans_of(footer, start, {_COLUMNS: lambda footer, at: read_each(footer, at, partial(_read_chunk, chunks))})
    end = behind
    if _ORDINAL not in group:  # then it is told last
        step = _ORDINAL - max(group)
        if step <= 0:
            raise ForeignFileError("its footer says of row groups what nobody knows")
        footer = footer[: end - 1] + bytes([step << 4 | _I16, 0, 0])
        group[_ORDINAL], end = Span(_I16, end, end + 1), end + 2
    numbers, firsts, n_bytes = [group[_ORDINAL], *_fields(group, (_GROUP_OFFSET,))], [], 0
    for chunk, facts in chunks:
        if _BLOOM in facts or any(field in chunk for field in _INDEXES):
            raise ForeignFileError("its row groups have an index elsewhere in the file")
        if number_at(footer, chunk[_CHUNK_OFFSET]):
            raise ForeignFileError("what its footer says of columns lies elsewhere in the file")
        firsts.append(min(number_at(footer, span) for span in _fields(facts, (_DATA, _DICTIONARY))))
        n_bytes += number_at(footer, facts[_CHUNK_BYTES])
        numbers += _fields(facts, (_DATA, _INDEX, _DICTIONARY))
    first, numbers = min(firsts), sorted(numbers, key=lambda span: span.start)
    edges = [(start, start), *((span.start, span.end) for span in numbers), (end, end)]
    pieces = tuple(footer[left:right] for (_, left), (right, _) in pairwise(edges))
    places = tuple(_NUMBER if span is group[_ORDINAL] else number_at(footer, span) - first for span in numbers)
    return _Group(first, n_bytes, FooterPart(number_at(footer, group[_GROUP_ROWS]), pieces, places)), behind


def _read_chunk(chunks: list[tuple[dict[int, Span], dict[int, Span]]], footer: bytes, at: int) -> int:
    """A column of a row group, and what is said of it."""
    facts: dict[int, Span] = {}

    def read_facts(footer: bytes, at: int) -> int:
        found, end = spans_of(footer, at)
        facts.update(found)
        return end

    chunk, end = spans_of(footer, at, {_CHUNK_FACTS: read_facts})
    chunks.append((chunk, facts))
    return end


def _fields(struct: dict[int, Span], names: tuple[int, ...]) -> list[Span]:
    return [struct[name] for name in names if name in struct]
