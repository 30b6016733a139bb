"""Thrift's compact protocol, in which Parquet writes its footers: bytes to values and back, whatever the fields mean.

Every field is kept, also those that this program does not know, so that what is read and written again stays the same bytes.
Belongs here: the protocol, as far as Parquet uses it. Does not belong here: what a footer says (`storage.row_group_bytes`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _STRUCT = 1, 2, 3, 7, 8, 9, 12
_INTEGERS = frozenset({4, 5, 6})
_MANY = 15


class Field(NamedTuple):
    """A value and how it is written; `kind` is the protocol's number of its type."""

    kind: int
    value: Any


class Items(NamedTuple):
    """A list and how its items are written."""

    kind: int
    values: list[Any]


Struct = dict[int, Field]
"""Fields by their numbers, in the order in which they were written."""


class Span(NamedTuple):
    """Where a field's value is written; `kind` as in `Field`."""

    kind: int
    start: int
    end: int


def read_struct(data: bytes) -> Struct:
    """The struct that `data` begins with.

    Raises:
        ValueError: it breaks off, or holds a type that Parquet does not use.
    """
    try:
        return _struct(data, 0)[0]
    except IndexError:
        raise ValueError("the struct breaks off") from None


def spans_of(data: bytes, at: int) -> tuple[dict[int, Span], int]:
    """Where the fields of the struct are that begins at a place, by their numbers, and the place behind it; no value is read.

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
            end = _SKIP[kind](data, at)
            fields[number] = Span(kind, at, end)
            at = end
    except IndexError:
        raise ValueError("the struct breaks off") from None
    return fields, at + 1


def starts_of(data: bytes, span: Span) -> list[int]:
    """Where the structs of a list begin."""
    size, at = _size(data, span.start)
    starts = []
    for _ in range(size):
        starts.append(at)
        at = _skip_struct(data, at)
    return starts


def number_at(data: bytes, span: Span) -> int:
    """The whole number that is written there."""
    return _integer(data, span.start)[0]


def number_bytes(value: int) -> bytes:
    """How a whole number is written."""
    out = bytearray()
    _put_integer(out, value)
    return bytes(out)


def write_struct(struct: Struct) -> bytes:
    """The bytes of a struct. Structs in it may be bytes already."""
    out = bytearray()
    _put_struct(out, struct)
    return bytes(out)


# Each takes the place where a value begins, and returns the value and the place behind it. A footer is a million bytes: calling
# something for each of them would take three times as long.
def _struct(data: bytes, at: int) -> tuple[Struct, int]:
    fields: Struct = {}
    number = 0
    while head := data[at]:
        at += 1
        step, kind = head >> 4, head & 15
        if step:
            number += step
        else:
            number, at = _integer(data, at)
        if kind in (_TRUE, _FALSE):
            value = None
        else:
            value, at = _READ[kind](data, at)
        fields[number] = Field(kind, value)
    return fields, at + 1


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value < 0x80:
        at += 1
    else:
        value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _binary(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _varint(data, at)
    return _piece(data, at, at + size)


def _piece(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    if end > len(data):
        raise IndexError
    return data[at:end], end


def _size(data: bytes, at: int) -> tuple[int, int]:
    """How many items a list has, and where they begin."""
    size = data[at] >> 4
    return (size, at + 1) if size != _MANY else _varint(data, at + 1)


def _items(data: bytes, at: int) -> tuple[Items, int]:
    kind = data[at] & 15
    size, at = _size(data, at)
    read, values = _READ[kind], []
    for _ in range(size):
        value, at = read(data, at)
        values.append(value)
    return Items(kind, values), at


class _Readers(dict[int, Callable[[bytes, int], tuple[Any, int]]]):
    def __missing__(self, kind: int) -> Callable[[bytes, int], tuple[Any, int]]:
        raise ValueError(f"a field of type {kind}, which Parquet does not use")


_READ = _Readers(
    {
        **dict.fromkeys((_TRUE, _FALSE, _BYTE), lambda data, at: (data[at], at + 1)),  # so are true and false as items of a list
        **dict.fromkeys(_INTEGERS, _integer),
        _DOUBLE: lambda data, at: _piece(data, at, at + 8),
        _BINARY: _binary,
        _LIST: _items,
        _STRUCT: _struct,
    }
)


# Each takes the place where a value begins, and returns the place behind it.
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
    size, at = _size(data, at)
    if kind in (_TRUE, _FALSE):
        return at + size
    skip = _SKIP[kind]
    for _ in range(size):
        at = skip(data, at)
    return at


class _Skippers(dict[int, Callable[[bytes, int], int]]):
    def __missing__(self, kind: int) -> Callable[[bytes, int], int]:
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


def _put_struct(out: bytearray, struct: Struct | bytes) -> None:
    if isinstance(struct, bytes):
        out += struct
        return
    last = 0
    for number, (kind, value) in struct.items():
        if 0 < number - last < _MANY + 1:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            _put_integer(out, number)
        if value is not None:
            _put(out, kind, value)
        last = number
    out.append(0)


def _put(out: bytearray, kind: int, value: Any) -> None:
    if kind in _INTEGERS:
        _put_integer(out, value)
    elif kind == _BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind == _STRUCT:
        _put_struct(out, value)
    elif kind == _LIST:
        _put_items(out, value)
    elif kind == _DOUBLE:
        out += value
    else:
        out.append(value)


def _put_items(out: bytearray, items: Items) -> None:
    size = len(items.values)
    out.append(min(size, _MANY) << 4 | items.kind)
    if size >= _MANY:
        _put_varint(out, size)
    for value in items.values:
        _put(out, items.kind, value)


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_integer(out: bytearray, value: int) -> None:
    _put_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
