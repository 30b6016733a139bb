"""Wrong values in the boxes of mp4 and mov clips: sizes, times, tables, codecs, references.

Belongs here: the few boxes of ISO/IEC 14496-12 that the kit changes. Does not belong here: Matroska and AVI
(`samples.broken.matroska_avi`). Works on clips whose index (moov) comes last, so that no chunk moves when it grows.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from video_assets.samples.broken.damage import Made

VIDEO_TRACK = "moov/trak"
_TABLES = f"{VIDEO_TRACK}/mdia/minf/stbl"


@dataclass(frozen=True)
class Box:
    """One box: where it starts, where its contents start, where it ends, and where its parents start."""

    start: int
    body: int
    end: int
    parents: tuple[int, ...]


def find_box(data: bytes, path: str) -> Box:
    """The first box at a path like moov/trak/mdia.

    Raises:
        KeyError: there is none.
    """
    start, end, parents = 0, len(data), ()
    names = path.split("/")
    for depth, name in enumerate(names):
        box = _child(data, start, end, name.encode(), parents)
        if depth == len(names) - 1:
            return box
        start, end, parents = box.body, box.end, (*parents, box.start)
    raise KeyError(path)


def _child(data: bytes, start: int, end: int, name: bytes, parents: tuple[int, ...]) -> Box:
    while start + 8 <= end:
        size = struct.unpack_from(">I", data, start)[0]
        if data[start + 4 : start + 8] == name:
            return Box(start, start + 8, start + size, parents)
        start += max(size, 8)
    raise KeyError(name.decode())


def replace_body(data: bytes, path: str, body: bytes) -> bytes:
    """The file with other contents in one box; its size and its parents' sizes follow."""
    box = find_box(data, path)
    changed = bytearray(data[: box.body] + body + data[box.end :])
    grown = len(body) - (box.end - box.body)
    for start in (*box.parents, box.start):
        struct.pack_into(">I", changed, start, struct.unpack_from(">I", changed, start)[0] + grown)
    return bytes(changed)


def poke(data: bytes, path: str, offset: int, value: bytes) -> bytes:
    """The file with other bytes at an offset from the start of a box's contents."""
    at = find_box(data, path).body + offset
    return data[:at] + value + data[at + len(value) :]


def rename(data: bytes, path: str, name: bytes) -> bytes:
    """The file with one box under another name: `free` hides it."""
    return poke(data, path, -4, name)


def u16(value: int) -> bytes:
    """Two bytes, big endian."""
    return struct.pack(">H", value)


def u32(value: int) -> bytes:
    """Four bytes, big endian."""
    return struct.pack(">I", value)


def edit_list(*edits: tuple[int, int]) -> bytes:
    """The contents of an elst box: (duration in movie time, start in media time; -1 is a pause) per edit."""
    return u32(0) + u32(len(edits)) + b"".join(struct.pack(">IiI", duration, start, 1 << 16) for duration, start in edits)


def box_damage(data: bytes) -> Iterator[Made]:
    """Every damage of this module, done to one mp4 or mov whose first track is video."""
    yield from _codec_damage(data)
    yield from _time_damage(data)
    yield from _edit_damage(data)
    yield from _table_damage(data)
    yield from _structure_damage(data)
    yield from _reference_damage(data)


def _codec_damage(data: bytes) -> Iterator[Made]:
    entry = f"{_TABLES}/stsd"
    yield Made(
        "size-in-track-header", poke(data, f"{VIDEO_TRACK}/tkhd", 76, u32(0x7FFFFFFF) * 2), "the track header says 32767 x 32767"
    )
    yield Made(
        "size-in-sample-entry", poke(data, entry, 40, u16(65_535) * 2), "the sample entry says 65535 x 65535", reason="too_large"
    )
    yield Made("size-zero", poke(data, entry, 40, u16(0) * 2), "the sample entry says 0 x 0")
    yield Made(
        "codec-unknown",
        poke(data, entry, 12, b"zzzz"),
        "the sample entry has a code that no decoder knows",
        "bad",
        "unsupported_codec",
    )
    yield Made("codec-wrong", poke(data, entry, 12, b"SVQ3"), "the sample entry names another codec")
    yield Made("codec-encrypted", poke(data, entry, 12, b"encv"), "the sample entry says encrypted, without how")
    sound = data.rindex(b"mp4a", 0, data.rindex(b"esds"))
    silenced = data[:sound] + b"zzzz" + data[sound + 4 :]
    yield Made("codec-of-sound-unknown", silenced, "the sound has a code that no decoder knows")
    yield Made("codec-entries-none", poke(data, entry, 4, u32(0)), "no sample entry")
    yield Made("codec-entries-many", poke(data, entry, 4, u32(0x7FFFFFFF)), "2147483647 sample entries promised")


def _time_damage(data: bytes) -> Iterator[Made]:
    media, times = f"{VIDEO_TRACK}/mdia/mdhd", f"{_TABLES}/stts"
    for scale in (0, 1, 3, 0x7FFFFFFF, 0xFFFFFFFF):
        yield Made(f"time-scale-{scale}", poke(data, media, 12, u32(scale)), f"the track counts {scale} ticks per second")
    yield Made("movie-time-scale-0", poke(data, "moov/mvhd", 12, u32(0)), "the movie counts 0 ticks per second")
    yield Made(
        "durations-zero",
        replace_body(data, times, u32(0) + u32(1) + u32(20) + u32(0)),
        "every frame lasts 0 ticks",
        reason="timestamps",
    )
    pause = u32(0) + u32(3) + u32(9) + u32(512) + u32(1) + u32(0x70000000) + u32(10) + u32(512)
    yield Made("durations-huge", replace_body(data, times, pause), "one frame lasts years")
    stop = u32(0) + u32(3) + u32(9) + u32(512) + u32(3) + u32(0) + u32(8) + u32(512)
    yield Made("durations-stop", replace_body(data, times, stop), "three frames last 0 ticks", reason="timestamps")
    yield Made("durations-none", replace_body(data, times, u32(0) + u32(0)), "no frame has a duration")
    many = poke(data, times, 4, u32(0x0FFFFFFF))
    yield Made("durations-many", many, "268435455 durations promised", reason="unreadable_container")


def _edit_damage(data: bytes) -> Iterator[Made]:
    movie = struct.unpack_from(">I", data, find_box(data, "moov/mvhd").body + 12)[0]
    length, frame = movie * 4 // 5, 512
    edits = f"{VIDEO_TRACK}/edts/elst"
    cut = edit_list((length // 2, 1024 + 8 * frame))
    yield Made("edit-list-cut", replace_body(data, edits, cut), "the first 8 frames and the end are hidden")
    yield Made("edit-list-pause", replace_body(data, edits, edit_list((length // 4, -1), (length, 1024))), "starts after a pause")
    split = edit_list((length // 4, 1024), (length // 4, 1024 + 12 * frame))
    yield Made("edit-list-two-parts", replace_body(data, edits, split), "frames in the middle are hidden")
    repeated = edit_list((length // 2, 1024), (length // 2, 1024))
    yield Made("edit-list-repeat", replace_body(data, edits, repeated), "the first half is shown twice")
    yield Made(
        "edit-list-beyond", replace_body(data, edits, edit_list((length, 0x7FFFFFF0))), "starts after the end", reason="no_frames"
    )
    yield Made("edit-list-empty", replace_body(data, edits, edit_list()), "an edit list without edits")
    yield Made("edit-list-zero", replace_body(data, edits, edit_list((0, 1024))), "an edit that lasts 0: to the end")
    yield Made("edit-list-many", poke(data, edits, 4, u32(0x7FFFFFFF)), "2147483647 edits promised")


def _table_damage(data: bytes) -> Iterator[Made]:
    sizes, chunks, groups = f"{_TABLES}/stsz", f"{_TABLES}/stco", f"{_TABLES}/stsc"
    yield Made("sizes-many", poke(data, sizes, 8, u32(0x7FFFFFFF)), "2147483647 frames promised")
    yield Made("sizes-more", poke(data, sizes, 8, u32(40)), "40 frames promised, 20 stored", is_overpromising=True)
    yield Made("sizes-fewer", poke(data, sizes, 8, u32(10)), "10 frames promised, 20 stored")
    yield Made("sizes-one-huge", poke(data, sizes, 12 + 4 * 9, u32(0x7FFFFFFF)), "one frame of 2 GiB")
    yield Made("sizes-shifted", poke(data, sizes, 12, u32(7)), "the first frame is too short, the others start inside frames")
    yield Made("chunks-beyond-end", poke(data, chunks, 8, u32(0x7FFFFF00)), "a chunk lies beyond the end of the file")
    yield Made("chunks-at-zero", poke(data, chunks, 8, u32(0)), "a chunk lies in the file's header")
    yield Made("chunks-none", poke(data, chunks, 4, u32(0)), "no chunk")
    yield Made("chunk-groups-zero", poke(data, groups, 12, u32(0)), "chunks of 0 frames")
    yield Made("chunk-groups-huge", poke(data, groups, 12, u32(0x7FFFFFFF)), "a chunk of 2147483647 frames")
    yield Made("key-frames-none", poke(data, f"{_TABLES}/stss", 4, u32(0)), "no key frame in the index")


def _structure_damage(data: bytes) -> Iterator[Made]:
    for name in ("stsd", "stts", "stsz", "stco", "stsc"):
        yield Made(f"no-{name}", rename(data, f"{_TABLES}/{name}", b"free"), f"the box {name} is missing")
    yield Made("no-video-track", rename(data, VIDEO_TRACK, b"free"), "the video track is hidden", "bad", "no_video")
    yield Made("no-handler", rename(data, f"{VIDEO_TRACK}/mdia/hdlr", b"free"), "the track does not say that it is video")
    yield Made("handler-sound", poke(data, f"{VIDEO_TRACK}/mdia/hdlr", 8, b"soun"), "the video track says that it is sound")
    yield Made("no-ftyp", rename(data, "ftyp", b"free"), "no file type")
    yield Made("index-size-zero", poke(data, "moov", -8, u32(0)), "the index says: to the end of the file")
    yield Made("index-size-small", poke(data, "moov", -8, u32(16)), "the index says 16 bytes")
    yield Made("index-size-huge", poke(data, "moov", -8, u32(0x7FFFFFFF)), "the index says 2 GiB")
    yield Made(
        "media-size-huge",
        poke(data, "mdat", -8, u32(0x7FFFFFFF)),
        "the media data say 2 GiB, the index lies behind them",
        reason="truncated",
    )
    yield Made("track-size-tiny", poke(data, VIDEO_TRACK, -8, u32(4)), "a track of 4 bytes")
    yield Made("index-twice", data + data[find_box(data, "moov").start :], "a second index behind the first")


def _reference_damage(data: bytes) -> Iterator[Made]:
    """The media lie in another file: an alias record (Apple, Inside Macintosh: Files) that names a neighbour."""
    path = b"/neighbour.mp4"
    volume, name = b"disk".ljust(27, b"\0"), b"neighbour.mp4".ljust(63, b"\0")
    record = b"\0" * 4 + u16(0) + u16(2) + u16(0) + b"\x04" + volume + bytes(4) + b"H+" + bytes(2) + bytes(4) + b"\x0d" + name
    record += bytes(16) + u16(1) + u16(1) + bytes(4) + bytes(2) + bytes(10)
    record += u16(18) + u16(len(path)) + path + u16(0xFFFF) + u16(0)
    for kind, body in (
        (b"alis", u32(0) + record),
        (b"url ", u32(0) + b"http://127.0.0.1:9/clip.mp4\0"),
        (b"url ", u32(0) + b"file:///etc/hosts\0"),
    ):
        entry = u32(8 + len(body)) + kind + body
        made = replace_body(data, f"{VIDEO_TRACK}/mdia/minf/dinf/dref", u32(0) + u32(1) + entry)
        where = {b"alis": "alias", b"url ": "url"}[kind] + ("-file" if b"file:" in body else "")
        yield Made(f"media-elsewhere-{where}", made, "the index says that the media lie in another file")
