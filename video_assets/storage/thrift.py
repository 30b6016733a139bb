"""Thrift's compact protocol, in which Parquet writes its footers: where values are, so that single ones can be replaced.

Nothing else is read: what this program does not know stays as it is, and a footer of a million values costs little.
Belongs here: the protocol, as far as Parquet uses it. Does not belong here: what a footer says (`storage.row_group_bytes`).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _STRUCT = 1, 2, 3, 7, 8, 9, 12
_INTEGERS = frozenset({4, 5, 6})
_MANY = 15


Reader = Callable[[bytes, int], int]
"""Takes the place where a value begins, and returns the place behind it."""

_NONE: Mapping[int, Reader] = MappingProxyType({})


class Span(NamedTuple):
    """Where a field's value is written; `kind` is the protocol's number of its type."""

    kind: int
    start: int
    end: int


def spans_of(data: bytes, at: int, readers: Mapping[int, Reader] = _NONE) -> tuple[dict[int, Span], int]:
    """Where the fields of the struct are that begins at a place, by their numbers, and the place behind it.

    No value is read, but by `readers` of single fields: so one pass is enough for structs inside of structs.

    Raises:
        ValueError: it breaks off, or holds a type that Parquet does not use.
    """
    fields: dict[int, Span] = {}
    number = 0
    try:
        while head := data[at]:
            at += 1
            step, kind = head >> 4, head & 15
            if step:
                number += step
            else:
                number, at = _integer(data, at)
            end = readers[number](data, at) if number in readers else _SKIP[kind](data, at)
            fields[number] = Span(kind, at, end)
            at = end
    except IndexError:
        raise ValueError("the struct breaks off") from None
    return fields, at + 1


def starts_of(data: bytes, span: Span) -> list[int]:
    """Where the structs of a list begin."""
    starts: list[int] = []

    def note(data: bytes, at: int) -> int:
        starts.append(at)
        return _skip_struct(data, at)

    read_each(data, span.start, note)
    return starts


def read_each(data: bytes, at: int, reader: Reader) -> int:
    """Read the items of the list that begins at a place; returns the place behind it."""
    size, at = _size(data, at)
    for _ in range(size):
        at = reader(data, at)
    return at


def number_at(data: bytes, span: Span) -> int:
    """The whole number that is written there."""
    return _integer(data, span.start)[0]


def number_bytes(value: int) -> bytes:
    """How a whole number is written."""
    return _varint_bytes(value << 1 if value >= 0 else (-value << 1) - 1)


def list_bytes(structs: Sequence[bytes]) -> bytes:
    """How a list of structs is written."""
    size = len(structs)
    head = bytes([min(size, _MANY) << 4 | _STRUCT]) + (_varint_bytes(size) if size >= _MANY else b"")
    return b"".join([head, *structs])


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Each takes the place where a value begins, and returns the value and the place behind it.
def _integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _size(data: bytes, at: int) -> tuple[int, int]:
    """How many items a list has, and where they begin."""
    size = data[at] >> 4
    return (size, at + 1) if size != _MANY else _varint(data, at + 1)


# Readers of values that nobody needs.
def _skip_struct(data: bytes, at: int) -> int:
    while head := data[at]:
        at += 1
        if head < 16:
            at = _skip_number(data, at)
        at = _SKIP[head & 15](data, at)
    return at + 1


def _skip_number(data: bytes, at: int) -> int:
    while data[at] >= 0x80:
        at += 1
    return at + 1


def _skip_binary(data: bytes, at: int) -> int:
    size, at = _varint(data, at)
    if at + size > len(data):
        raise IndexError
    return at + size


def _skip_items(data: bytes, at: int) -> int:
    kind = data[at] & 15
    if kind in (_TRUE, _FALSE):
        size, at = _size(data, at)
        return at + size
    return read_each(data, at, _SKIP[kind])


class _Skippers(dict[int, Reader]):
    def __missing__(self, kind: int) -> Reader:
        raise ValueError(f"a field of type {kind}, which Parquet does not use")


_SKIP = _Skippers(
    {
        **dict.fromkeys((_TRUE, _FALSE), lambda _, at: at),
        _BYTE: lambda _, at: at + 1,
        **dict.fromkeys(_INTEGERS, _skip_number),
        _DOUBLE: lambda _, at: at + 8,
        _BINARY: _skip_binary,
        _LIST: _skip_items,
        _STRUCT: _skip_struct,
    }
)
