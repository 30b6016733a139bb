"""Thrift's compact protocol, in which Parquet writes its footers: bytes to values and back, whatever the fields mean.

Every field is kept, also those that this program does not know, so that what is read and written again stays the same bytes.
Belongs here: the protocol, as far as Parquet uses it. Does not belong here: what a footer says (`storage.row_group_bytes`).
"""

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


def read_struct(data: bytes) -> Struct:
    """The struct that `data` begins with.

    Raises:
        ValueError: it breaks off, or holds a type that Parquet does not use.
    """
    try:
        return _Reader(data).struct()
    except IndexError:
        raise ValueError("the struct breaks off") from None


def write_struct(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _put_struct(out, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            fields[number] = Field(kind, None if kind in (_TRUE, _FALSE) else self._value(kind))
        return fields

    def _value(self, kind: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind == _LIST:
            return self._items()
        if kind in (_TRUE, _FALSE, _BYTE):  # as items of a list, true and false take a byte
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        raise ValueError(f"a field of type {kind}, which Parquet does not use")

    def _items(self) -> Items:
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == _MANY:
            size = self._varint()
        return Items(kind, [self._value(kind) for _ in range(size)])

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise IndexError
        return self._data[start : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _put_struct(out: bytearray, struct: Struct) -> None:
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
