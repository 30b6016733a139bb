"""The last tag of an FLV file: when its last packet comes.

Belongs here: the file's tag structure. Does not belong here: what the tags hold, which is libav's to read.
"""

from collections.abc import Callable

_TAG_HEADER_BYTES = 11
_SIZE_BYTES = 4
_MEDIA = {8, 9}


def last_tag_s(read: Callable[[int, int], bytes], size: int) -> float | None:
    """Time of the last tag in seconds; None when the file does not end with a whole tag of sound or picture.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    tag_bytes = int.from_bytes(read(_SIZE_BYTES, max(size - _SIZE_BYTES, 0)), "big")
    position = size - _SIZE_BYTES - tag_bytes
    if tag_bytes <= _TAG_HEADER_BYTES or position < 0:
        return None
    header = read(_TAG_HEADER_BYTES, position)
    if len(header) < _TAG_HEADER_BYTES or header[0] & 0x1F not in _MEDIA:
        return None
    if int.from_bytes(header[1:4], "big") != tag_bytes - _TAG_HEADER_BYTES:
        return None
    return int.from_bytes(header[7:8] + header[4:7], "big") / 1000
