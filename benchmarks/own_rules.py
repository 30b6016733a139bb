"""The rules about sizes, lost starts and rates on made clips: misses and false alarms, half of the clips good.

    python benchmarks/own_rules.py [--clips 300]

`changing_size`: two clips joined packet by packet; in the good ones both have the same sides and pixel format. `fewer_frames`:
the first key frame is lost, or the file is cut; good ones start late, have pictures that were dropped, hide frames, or begin at
an open GOP. `rates`: a Matroska or FLV header claims another rate than the frames' times; the good ones are right, some with a
rate that varies. Encoders, containers, sides, lengths, and places are drawn by lot from a fixed seed.
"""

import argparse
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from pictures import report, scene

from video_assets.core.results import ClipVerdict
from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import Planes, VideoTrack, shift_packets, write_clip
from video_assets.media.making.packets import append, drop_key, from_key

Clip = tuple[bool, str, ClipVerdict]
SIZES = ((160, 96), (192, 144), (320, 180), (96, 160), (176, 176))
JOINABLE = {"libx264": ("mp4", "matroska", "mov"), "libx265": ("matroska",), "libvpx": ("webm",), "libvpx-vp9": ("webm",)}
RATES = (Fraction(24), Fraction(24_000, 1_001), Fraction(25), Fraction(30), Fraction(60))
FASTEST = max(RATES)
WRONG_RATES = (1_000, 600, 240, 120, 90, 12, 5, 1)


def track(dice: random.Random, encoder: str, **changes: object) -> VideoTrack:
    """Pictures that move to the side."""
    width, height = dice.choice(SIZES)
    luma, n_frames = scene(dice, width, height), dice.randint(40, 80)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    frames: list[Planes] = [(np.roll(luma, 3 * number, axis=1), chroma, chroma) for number in range(n_frames)]
    return replace(
        VideoTrack(encoder, width, height, Fraction(25), frames, options={"g": str(dice.choice((8, 12, 25)))}), **changes
    )


def decoded(muxer: str, video: VideoTrack, change: Callable[[bytes], bytes] = bytes) -> ClipVerdict:
    """The verdict about the clip, after its bytes were changed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip")
        write_clip(path, muxer=muxer, video=video, options={"write_crc32": "0"} if muxer == "matroska" else None)
        path.write_bytes(change(path.read_bytes()))
        return decode_clip(str(path))


def joined(n_clips: int) -> Iterator[Clip]:
    """Two clips in one, of one shape or of two."""
    for number in range(n_clips):
        dice = random.Random(f"joined/{number}")
        encoder = list(JOINABLE)[number // 2 % len(JOINABLE)]
        muxer, plain = dice.choice(JOINABLE[encoder]), {"bf": "0"} if encoder == "libx264" else {}
        first, second = (track(dice, encoder) for _ in range(2))
        if number % 2 and encoder == "libx264" and dice.random() < 0.3:
            second = replace(second, width=first.width, height=first.height, frames=first.frames, pix_fmt="yuv444p")
        elif number % 2:
            while (second.width, second.height) == (first.width, first.height):
                second = track(dice, encoder)
        else:
            second = replace(first, frames=list(reversed(list(first.frames))))
        first, second = (replace(each, options={**each.options, **plain}) for each in (first, second))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "second")
            write_clip(path, muxer="webm" if muxer == "webm" else "mpegts", video=second)
            behind = append(path.read_bytes(), seconds=Fraction(len(list(first.frames)), 25))
        yield bool(number % 2), f"{encoder} {muxer}", decoded(muxer, replace(first, edit=behind))


def lost(n_clips: int) -> Iterator[Clip]:
    """Clips that lost their start or their end, and whole ones that look like it."""
    bad: tuple[Callable[[random.Random], tuple[str, ClipVerdict]], ...] = (without_first_key, cut_short)
    good = (late, with_gaps, hidden, open_gop)
    for number in range(n_clips):
        dice = random.Random(f"lost/{number}")
        kinds = bad if number % 2 else good
        yield bool(number % 2), *kinds[number // 2 % len(kinds)](dice)


def without_first_key(dice: random.Random) -> tuple[str, ClipVerdict]:
    """The second key frame comes 0.6 s later or more."""
    apart, muxer = dice.randint(15, 30), dice.choice(("mp4", "mov", "matroska"))
    options = {"g": str(apart), "keyint_min": str(apart), "sc_threshold": "0", "bf": "0"}
    return f"first key frame lost, {muxer}", decoded(muxer, track(dice, "libx264", options=options, edit=drop_key(0)))


def cut_short(dice: random.Random) -> tuple[str, ClipVerdict]:
    """The file ends somewhere between a fifth and four fifths."""
    encoder, muxer = dice.choice((("libx264", "matroska"), ("libvpx-vp9", "webm"), ("libvpx", "ivf"), ("libvpx-vp9", "ivf")))
    share = dice.uniform(0.2, 0.8)
    return f"cut, {muxer}", decoded(muxer, track(dice, encoder), lambda data: data[: round(len(data) * share)])


def late(dice: random.Random) -> tuple[str, ClipVerdict]:
    """It begins seconds after 0."""
    encoder, muxer = dice.choice((("libx264", "mp4"), ("libx264", "matroska"), ("libx264", "mpegts"), ("libvpx-vp9", "webm")))
    options = {"g": "12", "bf": "0"} if encoder == "libx264" else {}
    late_by = shift_packets(Fraction(dice.randint(1, 500)))
    return f"starts late, {muxer}", decoded(muxer, track(dice, encoder, options=options, edit=late_by))


def with_gaps(dice: random.Random) -> tuple[str, ClipVerdict]:
    """A recorder dropped every third to ninth picture."""
    encoder, muxer = dice.choice((("mpeg4", "avi"), ("libx264", "matroska"), ("libx264", "mp4")))
    whole, every = track(dice, encoder), dice.randint(3, 9)
    ticks = [number + number // every for number in range(len(list(whole.frames)))]
    return f"pictures dropped, {muxer}", decoded(muxer, replace(whole, ticks=ticks))


def hidden(dice: random.Random) -> tuple[str, ClipVerdict]:
    """VP9's and VP8's frames that are never shown."""
    encoder, muxer = dice.choice((("libvpx-vp9", "webm"), ("libvpx-vp9", "ivf"), ("libvpx", "webm"), ("libvpx-vp9", "mp4")))
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "5", "b": "200k"}
    return f"hidden frames, {encoder} {muxer}", decoded(muxer, track(dice, encoder, options=options))


def open_gop(dice: random.Random) -> tuple[str, ClipVerdict]:
    """Cut at a key frame; the decoder skips the pictures that lean on what is gone."""
    keyint = dice.choice((6, 8, 12))
    x265 = f"pools=none:frame-threads=1:info=0:log-level=none:keyint={keyint}:min-keyint={keyint}:open-gop=1:scenecut=0:bframes=3"
    return "open GOP", decoded("matroska", track(dice, "libx265", options={"x265-params": x265}, edit=from_key(1)))


def rates(n_clips: int) -> Iterator[Clip]:
    """Headers that are wrong about the rate, and right ones."""
    for number in range(n_clips):
        dice = random.Random(f"rates/{number}")
        true, claimed = dice.choice(RATES), dice.choice(WRONG_RATES)
        # A field of three bytes, as 60 frames a second need, has no room for long frames.
        while 0.6 < claimed / true < 1.6 or (true == FASTEST and claimed < FASTEST):
            claimed = dice.choice(WRONG_RATES)
        is_wrong, muxer = bool(number % 2), ("matroska", "flv")[number // 2 % 2]
        video = track(dice, "libx264", rate=true)
        if not is_wrong and dice.random() < 0.3:
            video = replace(video, ticks=[at + at // 4 for at in range(len(list(video.frames)))])
        row = decoded(muxer, video, partial(CLAIMS[muxer], rate=claimed) if is_wrong else bytes)
        if is_wrong and row.verdict != "good":
            continue  # FFmpeg complains about some of them itself
        what = f"{muxer} {float(true):.3f} called {claimed if is_wrong else 'so'}: {row.fps}"
        yield is_wrong, what, row


def claim_in_matroska(data: bytes, *, rate: int) -> bytes:
    """DefaultDuration of the track."""
    at = data.index(b"\x23\xe3\x83") + 3
    n_bytes = data[at] & 0x7F
    return data[: at + 1] + (1_000_000_000 // rate).to_bytes(n_bytes, "big") + data[at + 1 + n_bytes :]


def claim_in_flv(data: bytes, *, rate: int) -> bytes:
    """`framerate` of onMetaData."""
    at = data.index(b"framerate\0") + 10
    return data[:at] + struct.pack(">d", rate) + data[at + 8 :]


CLAIMS = {"matroska": claim_in_matroska, "flv": claim_in_flv}


def is_corrected(row: ClipVerdict) -> bool:
    """The rate of the times was taken, and the header's is kept beside it."""
    return row.verdict == "good" and row.fps != row.header_fps


def main() -> None:
    """Make, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300, help="for each rule")
    n_clips = parser.parse_args().clips
    report("changing_size", joined(n_clips), lambda row: row.reason == "changing_size")
    report("fewer_frames", lost(n_clips), lambda row: row.verdict == "bad")
    report("rates", rates(n_clips), is_corrected)


if __name__ == "__main__":
    main()
