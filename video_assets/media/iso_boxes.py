"""The outermost boxes of an MP4 or QuickTime file: whether its index, its end and its length are there before anything is read.

Belongs here: the file's box structure, and what its first bytes say without libav. Does not belong here: what else the boxes
hold, which is libav's to read.
"""

import struct
from collections.abc import Callable, Iterator

_HEADER_BYTES = 16
_MAX_BOXES = 10_000
_MAX_BOXES_WITHOUT_FRAGMENTS = 64
_HARMLESS = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"uuid", b"pnot", b"udta", b"meta"}
_BEFORE_INDEX = _HARMLESS - {b"mdat"}
_MAX_LENGTH_S = 30 * 24 * 3600
_KNOWN = _HARMLESS | {b"styp", b"sidx", b"moof", b"mfra", b"emsg", b"prft", b"ssix"}

Read = Callable[[int, int], bytes]
"""`read(n_bytes, position)` gives bytes of the file; raises StorageError when the storage does not deliver them."""


def has_whole_index(read: Read, size: int) -> bool:
    """True for a file whose boxes fill it exactly, with one `moov`, and without fragments or unknown boxes.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    n_moov = end = 0
    for count, (name, end) in enumerate(_boxes(read, size)):  # noqa: B007 - the last end is looked at below
        n_moov += name == b"moov"
        if name not in _HARMLESS or count == _MAX_BOXES_WITHOUT_FRAGMENTS:
            return False
    return n_moov == 1 and end == size


def is_cut(read: Read, size: int) -> bool:
    """True for an MP4 that ends inside one of its boxes.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    for name, end in _boxes(read, size):
        if name not in _KNOWN:
            return False
        if end > size:
            return True
    return False


def length_in(head: bytes) -> float | None:
    """Seconds that an MP4 says to last, when its index is at its front as in videos of the web; else None.

    >>> length_in(bytes.fromhex("00000024 6d6f6f76 0000001c 6d766864 00000000 00000000 00000000 000003e8 00002ee0"))
    12.0
    """
    inside = 0
    for name, end in _boxes(lambda n_bytes, position: head[position : position + n_bytes], len(head)):
        if name == b"moov":
            break
        if name not in _BEFORE_INDEX:
            return None
        inside = end
    header = head[inside + 8 : inside + 48]
    if head[inside + 4 : inside + 8] != b"moov" or header[4:8] != b"mvhd":
        return None
    ticks = header[20:28] if header[8:9] == b"\0" else header[28:40]
    if len(ticks) not in {8, 12}:
        return None
    per_s, length = struct.unpack(">II" if len(ticks) == 8 else ">IQ", ticks)
    return length / per_s if per_s and 0 < length < per_s * _MAX_LENGTH_S else None


def _boxes(read: Read, size: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each outermost box, until one ends at or after the end of the file or makes no sense."""
    position = 0
    for _ in range(_MAX_BOXES):
        header = read(_HEADER_BYTES, position)
        n_bytes = int.from_bytes(header[:4], "big")
        if n_bytes == 1:
            n_bytes = int.from_bytes(header[8:16], "big")
        elif n_bytes == 0:
            n_bytes = size - position
        if n_bytes < 8 or len(header) < 8:
            return
        position += n_bytes
        yield header[4:8], position
        if position >= size:
            return
