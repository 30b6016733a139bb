"""The edit list of an MP4's video track: how much of it is shown.

FFmpeg's muxer writes where a track starts to be shown (it hides what has negative times), but has no way to say where that ends.
Belongs here: finding those fields in a finished file and changing them in place.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia"}


def set_shown(path: Path, *, shown: int) -> None:
    """Let the video track of an MP4 show `shown` units of the movie's clock after its start, and not what comes then.

    Raises:
        ValueError: the file has no video track with an edit list.
    """
    with path.open("r+b") as file:
        moov = _moov(file)
        data = bytearray(moov[1])
        changed = False
        for track in _children(data, 8, len(data), b"trak"):
            changed |= _is_video(data, track) and _set_track(data, track, shown)
        if not changed:
            raise ValueError(f"{path}: no video track with an edit list")
        file.seek(moov[0])
        file.write(data)


def _moov(file: IO[bytes]) -> tuple[int, bytes]:
    position = 0
    while len(head := _at(file, position, 16)) >= 8:
        size, kind = struct.unpack(">I4s", head[:8])
        if size == 1:
            size = struct.unpack(">Q", head[8:16])[0]
        if kind == b"moov":
            return position, _at(file, position, size)
        if size < 8:
            break
        position += size
    raise ValueError("no index (moov) in the file")


def _at(file: IO[bytes], position: int, n_bytes: int) -> bytes:
    file.seek(position)
    return file.read(n_bytes)


def _children(data: bytearray, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the contents of all boxes of this kind, at any depth."""
    while start + 8 <= end:
        size, found = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        if found == kind:
            yield start + 8, start + size
        elif found in _CONTAINERS:
            yield from _children(data, start + 8, start + size, kind)
        start += size


def _is_video(data: bytearray, track: tuple[int, int]) -> bool:
    return any(data[start + 8 : start + 12] == b"vide" for start, _ in _children(data, *track, b"hdlr"))


def _set_track(data: bytearray, track: tuple[int, int], shown: int) -> bool:
    """Set the duration of the track's only shown edit, and the track's own, which is the sum of its edits."""
    total, is_found = 0, False
    for start, _ in _children(data, *track, b"elst"):
        version, count = data[start], struct.unpack_from(">I", data, start + 4)[0]
        layout, size = (">Qq", 20) if version else (">Ii", 12)
        for number in range(count):
            at = start + 8 + number * size
            duration, media_time = struct.unpack_from(layout, data, at)
            if media_time >= 0:
                struct.pack_into(layout[:2], data, at, shown)
                duration, is_found = shown, True
            total += duration
    for start, _ in _children(data, *track, b"tkhd"):
        struct.pack_into(*((">Q", data, start + 28) if data[start] else (">I", data, start + 20)), total)
    return is_found
