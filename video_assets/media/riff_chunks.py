"""The outermost chunks of an AVI file: whether its end is there.

Belongs here: the file's chunk structure. Does not belong here: what the chunks hold, which is libav's to read.
"""

from collections.abc import Callable

_HEADER_BYTES = 8
_MAX_CHUNKS = 1000


def is_whole(read: Callable[[int, int], bytes], size: int) -> bool:
    """True for a file that is filled by RIFF chunks; what follows the last one does not count.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    position = 0
    for _ in range(_MAX_CHUNKS):
        header = read(_HEADER_BYTES, position)
        n_bytes = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or not n_bytes:
            return position > 0
        position += _HEADER_BYTES + n_bytes + n_bytes % 2
        if position >= size:
            return position - n_bytes % 2 <= size
    return False
