"""The outermost boxes of an MP4 or QuickTime file: enough to know whether its index is complete before anything is read.

Belongs here: the file's box structure. Does not belong here: what the boxes hold, which is libav's to read.
"""

from collections.abc import Callable

_HEADER_BYTES = 16
_MAX_BOXES = 64
_HARMLESS = {b"ftyp", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pnot", b"udta", b"meta"}


def has_whole_index(read: Callable[[int, int], bytes], size: int) -> bool:
    """True for a file whose boxes fill it exactly, with one `moov` that has a size, and without fragments or unknown boxes.

    Args:
        read: `read(n_bytes, position)` gives bytes of the file.
        size: bytes of the file.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    position, n_moov = 0, 0
    for _ in range(_MAX_BOXES):
        if position == size:
            return n_moov == 1
        header = read(_HEADER_BYTES, position)
        name, n_bytes = header[4:8], int.from_bytes(header[:4], "big")
        if n_bytes == 1:
            n_bytes = int.from_bytes(header[8:16], "big")
        elif n_bytes == 0:
            n_bytes = size - position
        if n_bytes < 8 or position + n_bytes > size:
            return False
        if name == b"moov":
            n_moov += 1
        elif name not in _HARMLESS:
            return False
        position += n_bytes
    return False
