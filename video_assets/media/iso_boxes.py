"""The outermost boxes of an MP4 or QuickTime file: whether its index, and its end, are there before anything is read.

Belongs here: the file's box structure. Does not belong here: what the boxes hold, which is libav's to read.
"""

from collections.abc import Callable, Iterator

_HEADER_BYTES = 16
_MAX_BOXES = 10_000
_MAX_BOXES_WITHOUT_FRAGMENTS = 64
_HARMLESS = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"uuid", b"pnot", b"udta", b"meta"}
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
