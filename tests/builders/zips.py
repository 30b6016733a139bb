"""Zip archives byte by byte, so that each of their fields can lie."""

import struct
import zlib
from dataclasses import dataclass


@dataclass
class Entry:
    """One member. What is None is told truthfully; `name` may be bytes that are not UTF-8."""

    name: str | bytes
    data: bytes = b"clip"
    method: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc32: int | None = None
    flags: int | None = None
    mode: int = 0o100644
    version: int = 20
    at: int | None = None  # where the directory says that the member begins
    is_hidden: bool = False  # not in the directory
    extra: bytes = b""  # in the directory


def zip_bytes(entries, *, before=b"", gap=b"", zip64=False):
    """An archive of `entries`, with `before` in front, and `gap` behind each member."""
    body, directory, count = bytearray(before), bytearray(), 0
    for entry in entries:
        name = entry.name.encode() if isinstance(entry.name, str) else entry.name
        flags = entry.flags if entry.flags is not None else (0 if name.isascii() else 0x800)
        packed = entry.packed if entry.packed is not None else _packed(entry)
        crc = zlib.crc32(entry.data) if entry.crc32 is None else entry.crc32
        size = len(entry.data) if entry.size is None else entry.size
        packed_size = len(packed) if entry.packed_size is None else entry.packed_size
        offset = len(body) if entry.at is None else entry.at
        shared = struct.pack("<HHHHIIIH", flags, entry.method, 0, 33, crc, packed_size, size, len(name))
        body += b"PK\x03\x04" + struct.pack("<H", entry.version) + shared + b"\0\0" + name + packed + gap
        if not entry.is_hidden:
            count += 1
            more = struct.pack("<HHHHII", len(entry.extra), 0, 0, 0, entry.mode << 16, offset)
            directory += b"PK\x01\x02" + struct.pack("<HH", 0x0314, entry.version) + shared + more + name + entry.extra
    start = len(body)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), len(directory), start, 0)
    if zip64:
        record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), start)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + len(directory), 1)
        end = record + locator + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(body + directory + end)


def _packed(entry):
    if entry.method != 8:
        return entry.data
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(entry.data) + deflater.flush()
