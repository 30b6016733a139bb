"""Wrong values in the fields of Matroska, WebM and AVI clips, and in the headers of H.264 video.

Belongs here: the few elements of RFC 9559 (Matroska), chunks of RIFF AVI and bits of ITU-T H.264 that the kit changes, found by
their identifiers (the kit's clips are small, each identifier is where it is first seen). Does not belong here: mp4 and mov
(`samples.broken.mp4_boxes`).
"""

import struct
from collections.abc import Iterator

from video_assets.media.making.packets import packet_spans
from video_assets.samples.broken.damage import Made
from video_assets.samples.broken.mp4_boxes import find_box

_TRACKS, _CLUSTER, _CUES = b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b"
_VOID_CHECKSUM = b"\xec\x84"


def _write(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def matroska_damage(data: bytes) -> Iterator[Made]:
    """Every damage of this module, done to one Matroska or WebM clip whose first track is video."""
    tracks = data.index(_TRACKS, data.index(_TRACKS) + 4)  # the first is an entry of the seek head
    yield from _matroska_sizes(data, tracks)
    yield from _matroska_structure(data, tracks)
    yield from _matroska_times(data)
    yield from _matroska_rates(data, tracks)


def _matroska_sizes(data: bytes, tracks: int) -> Iterator[Made]:
    picture = data.index(b"\xb0\x81", tracks)
    yield Made("size-zero", _write(data, picture, b"\xb0\x81\x00\xba\x81\x00"), "the track says 0 x 0")
    if data[picture - 1] != 0x8A:
        return  # WebM leaves no room for larger numbers
    # Without the checksum of the track list FFmpeg cannot know that somebody changed it.
    checksum = data.index(b"\xbf\x84", tracks)
    for width, height, value in (
        (65_535, 16_777_215, b"\xb0\x82\xff\xff\xba\x84\x00\xff\xff\xff"),
        (8_388_607, 8_388_607, b"\xb0\x83\x7f\xff\xff\xba\x83\x7f\xff\xff"),
        (2_147_483_647, 65_535, b"\xb0\x84\x7f\xff\xff\xff\xba\x82\xff\xff"),
    ):
        huge = _write(data, picture, value)
        yield Made(f"size-{width}", huge, f"the track says {width} x {height}, its checksum is wrong", reason="too_large")
        hidden = _write(huge, checksum, _VOID_CHECKSUM)
        yield Made(f"size-{width}-no-checksum", hidden, f"the track says {width} x {height}", reason="too_large")


def _matroska_structure(data: bytes, tracks: int) -> Iterator[Made]:
    cluster, cues = data.index(_CLUSTER), data.rindex(_CUES)
    yield Made(
        "codec-unknown",
        _write(data, data.index(b"V_", tracks), b"V_ZZ"),
        "the track has a codec that no decoder knows",
        "bad",
        "unsupported_codec",
    )
    segment = data.index(b"\x18\x53\x80\x67") + 4
    yield Made("segment-size-unknown", _write(data, segment, b"\x01" + b"\xff" * 7), "the segment does not say how long it is")
    yield Made(
        "segment-size-short", _write(data, segment, b"\x01" + struct.pack(">Q", cluster)[1:]), "the segment ends before the media"
    )
    yield Made(
        "segment-size-huge",
        _write(data, segment, b"\x01" + struct.pack(">Q", 1 << 40)[1:]),
        "the segment says 1 TiB",
        reason="truncated",
    )
    yield Made("doctype-unknown", _write(data, data.index(b"\x42\x82") + 3, b"zzzz"), "the file says that it is of another type")
    yield Made("ebml-version-9", data.replace(b"\x42\xf7\x81\x01", b"\x42\xf7\x81\x09", 1), "needs a reader of EBML version 9")
    yield Made("cluster-name-lost", _write(data, cluster, b"\x1f\x43\xb6\x74"), "the first cluster has another name")
    yield Made("cluster-size-zero", _write(data, cluster + 4, b"\x40\x00"), "the first cluster says 0 bytes")
    yield Made("cues-zero", data[:cues] + bytes(len(data) - cues), "the index at the end is zero")
    yield Made("cues-gone", data[:cues], "the index at the end is missing", reason="truncated")
    yield Made("tracks-gone", _write(data, tracks, b"\x16\x54\xae\x6c"), "the track list is hidden", reason="no_video")
    yield Made("twice", data + data, "the clip twice in one file")


def _matroska_times(data: bytes) -> Iterator[Made]:
    scale = data.index(b"\x2a\xd7\xb1\x83") + 4
    yield Made("time-scale-0", _write(data, scale, b"\0\0\0"), "0 ns per tick")
    yield Made("time-scale-1", _write(data, scale, b"\0\0\x01"), "1 ns per tick: 20 frames in an instant")
    yield Made("time-scale-large", _write(data, scale, b"\xff\xff\xff"), "16.8 ms per tick: a slow clip")
    starts = [span.start for span in packet_spans(data) if span.kind == "video"]
    back = _write(data, starts[12] - 3, b"\x80\x00")
    yield Made("time-back", back, "one frame is dated 32 s before its neighbours")
    yield Made("time-ahead", _write(data, starts[12] - 3, b"\x7f\xff"), "one frame is dated 32 s after its neighbours")
    same = data
    for start in starts[8:12]:
        same = _write(same, start - 3, data[starts[8] - 3 : starts[8] - 1])
    yield Made("time-stands-still", same, "four frames have one time", reason="timestamps")
    yield Made("track-unknown", _write(data, starts[9] - 4, b"\x9e"), "one frame belongs to a track that is not there")


def _matroska_rates(data: bytes, tracks: int) -> Iterator[Made]:
    duration = data.index(b"\x23\xe3\x83", tracks) + 3
    n_bytes = data[duration] & 0x7F
    checksum = data.find(b"\xbf\x84", tracks, duration)
    plain = _write(data, checksum, _VOID_CHECKSUM) if checksum >= 0 else data
    for rate in (1_000, 240, 5):
        made = _write(plain, duration + 1, (1_000_000_000 // rate).to_bytes(n_bytes, "big"))
        yield Made(f"rate-{rate}", made, f"the track claims {rate} frames a second, its frames are dated 25 a second", "good")


def avi_damage(data: bytes) -> Iterator[Made]:
    """Every damage of this module, done to one AVI clip whose first stream is video."""
    yield from _avi_header(data)
    yield from _avi_structure(data)


def _avi_header(data: bytes) -> Iterator[Made]:
    header, picture = data.index(b"strh") + 8, data.index(b"strf") + 8
    for side in (0x7FFFFFFF, 1 << 16, 0x80000000):
        yield Made(f"size-{side}", _write(data, picture + 4, struct.pack("<II", side, side)), f"the stream says {side} x {side}")
    yield Made("size-zero", _write(data, picture + 4, bytes(8)), "the stream says 0 x 0")
    unknown = _write(_write(data, picture + 16, b"ZZZZ"), header + 4, b"ZZZZ")
    yield Made("codec-unknown", unknown, "the stream has a code that no decoder knows", "bad", "unsupported_codec")
    for scale, rate in ((0, 25), (1, 0), (0, 0), (1, 0x7FFFFFFF), (0x7FFFFFFF, 1), (1_001, 24_000)):
        made = _write(data, header + 20, struct.pack("<II", scale, rate))
        yield Made(f"rate-{rate}-per-{scale}", made, f"{rate} frames in {scale} seconds")
    yield Made(
        "frames-more",
        _write(data, header + 32, struct.pack("<I", 4_000)),
        "4,000 frames promised, 20 stored",
        is_overpromising=True,
    )
    yield Made("frames-none", _write(data, header + 32, bytes(4)), "0 frames promised, 20 stored")
    yield Made("start-late", _write(data, header + 28, struct.pack("<I", 50)), "the video starts after 2 seconds")


def _avi_structure(data: bytes) -> Iterator[Made]:
    media, index = data.index(b"movi"), data.rindex(b"idx1")
    chunk = data.index(b"00dc", media)
    yield Made("index-gone", data[:index], "the index at the end is missing")
    yield Made("index-zero", data[: index + 8] + bytes(len(data) - index - 8), "the index at the end is zero")
    yield Made("index-renamed", _write(data, index, b"JUNK"), "the index at the end is hidden")
    shifted = bytearray(data)
    for at in range(index + 16, len(data) - 4, 16):
        struct.pack_into("<I", shifted, at, (struct.unpack_from("<I", data, at)[0] + 7) & 0xFFFFFFFF)
    yield Made("index-shifted", bytes(shifted), "the index points 7 bytes too far")
    yield Made("media-size-zero", _write(data, media - 4, bytes(4)), "the list of media says 0 bytes")
    yield Made("media-size-huge", _write(data, media - 4, b"\xf0\xff\xff\x7f"), "the list of media says 2 GiB")
    yield Made("chunk-size-huge", _write(data, chunk + 4, b"\xf0\xff\xff\x7f"), "a frame says 2 GiB")
    yield Made("chunk-size-zero", _write(data, chunk + 4, bytes(4)), "a frame says 0 bytes")
    yield Made("chunk-renamed", _write(data, chunk, b"09zz"), "a frame belongs to a stream that is not there")
    yield Made("riff-size-zero", _write(data, 4, bytes(4)), "the file says 0 bytes")
    yield Made("not-riff", _write(data, 0, b"RIFX"), "the file's first letters are wrong")
    yield Made("twice", data + data, "the clip twice in one file")


def picture_size_damage(data: bytes) -> Iterator[Made]:
    """Another sequence parameter set in an H.264 mp4 (index last): the decoder is told of a huge picture."""
    box = find_box(data, "moov/trak/mdia/minf/stbl/stsd")
    at = data.index(b"avcC", box.body) + 4 + 6
    length = struct.unpack_from(">H", data, at)[0]
    for macroblocks in (1, 1_024, 65_536, 134_217_727):
        parameters = _parameter_set(macroblocks)
        if len(parameters) > length:
            continue
        made = _write(data, at + 2, parameters.ljust(length, b"\0"))
        yield Made(f"sps-{16 * macroblocks}", made, f"the decoder is told of {16 * macroblocks} x {16 * macroblocks} pixels")


def _parameter_set(macroblocks: int) -> bytes:
    """A baseline sequence parameter set of a square picture (ITU-T H.264, 7.3.2.1.1)."""
    bits = "".join(_exp_golomb(value) for value in (0, 0, 2, 1))
    bits += "0" + _exp_golomb(macroblocks - 1) * 2 + "1" + "1" + "0" + "0" + "1"
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return b"\x67\x42\x00\x1e" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _exp_golomb(value: int) -> str:
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits
