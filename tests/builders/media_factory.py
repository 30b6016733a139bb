"""Small real clips for tests, made with the project's own encoder, and ways to damage and to watch them."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from video_assets.media.making.encode import AudioTrack, VideoTrack, shift_packets, write_clip

WIDTH, HEIGHT, FRAMES, RATE = 96, 64, 30, Fraction(25)
_IN_OPEN = 0x20
LATE_FRAMES = 60
_TS_TABLE, _TS_SOUND = 0x1000, 0x101
_PS_SOUND, _PS_PADDING = b"\0\0\x01\xc0", b"\0\0\x01\xbe"
LATE_SOUND = {"flv": ("flv", "libmp3lame"), "mpegts": ("mpeg2video", "mp2"), "mpeg": ("mpeg2video", "mp2")}


def pictures(n_frames=FRAMES, width=WIDTH, height=HEIGHT):
    """A moving, textured picture that compresses badly enough for damage to hit something."""
    noise = np.random.default_rng(0).integers(0, 60, (height, width), dtype=np.uint8)
    ramp = np.add.outer(np.arange(height), np.arange(width))
    for number in range(n_frames):
        luma = ((ramp * 3 + number * 5) % 190).astype(np.uint8) + np.roll(noise, number * 3, axis=1)
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), (90 + number * 2) % 256, np.uint8)
        yield luma, chroma, chroma


def tone(seconds=1.2, sample_rate=48_000):
    """A beep."""
    return (9000 * np.sin(np.arange(round(seconds * sample_rate)) * 0.05)).astype(np.int16)


def make_clip(path, *, video="libx264", audio="", muxer="mp4", n_frames=FRAMES, size=(WIDTH, HEIGHT), faststart=True, **options):
    """Write a clip; `video` and `audio` are encoders, "" leaves the stream out; `options` go to the video track."""
    muxer_options = options.pop("muxer_options", {})
    picture = options.pop("video_options", {"g": "10"} if video else {})
    track = VideoTrack(video, *size, options.pop("rate", RATE), pictures(n_frames, *size), options=picture, **options)
    sound = AudioTrack(audio, 48_000, tone()) if audio else None
    flags = {"movflags": "faststart"} if faststart and muxer in {"mp4", "mov"} else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_clip(path, muxer=muxer, video=track if video else None, audio=sound, options=flags | muxer_options)
    return path


def make_late_sound(path, muxer):
    """LATE_FRAMES pictures with a short sound in mid-file, which libav does not see before it decodes; returns the path.

    It looks at the first 5 MB and at the last 250 kB. In a transport stream only the tables next to the sound name it.
    """
    video, audio = LATE_SOUND[muxer]
    noise = np.random.default_rng(0).integers(0, 256, (LATE_FRAMES, 240, 320), dtype=np.uint8)
    noise[50:] = 90  # small pictures, so that the last 250 kB hold enough of them
    planes = [(luma, luma[::2, ::2], luma[1::2, ::2]) for luma in noise]
    sharp = {"g": "10", "qmin": "1", "qmax": "1", "bf": "0"}

    def write(target, sound, version):
        track = VideoTrack(video, 320, 240, RATE, planes, options=sharp)
        options = {"tables_version": version} if muxer == "mpegts" else {}
        write_clip(target, muxer=muxer, video=track, audio=sound, options=options)
        return target.read_bytes()

    data = write(path, AudioTrack(audio, 44_100, tone(0.08, 44_100), edit=shift_packets(46 / RATE)), "1")
    if muxer == "mpegts":
        path.write_bytes(_named_late(data, write(path, None, "0")))
    if muxer == "mpeg":  # what is left of the sound comes last: make it padding
        start = data.index(_PS_SOUND) + len(_PS_SOUND)
        path.write_bytes(data[:start] + data[start:].replace(_PS_SOUND, _PS_PADDING))
    return path


def _named_late(data, silent):
    """A transport stream with another's tables of programs, except for the last one before the sound."""

    def places(stream, pid):
        return [at for at in range(0, len(stream), 188) if int.from_bytes(stream[at + 1 : at + 3]) & 0x1FFF == pid]

    sound, tables = places(data, _TS_SOUND), places(data, _TS_TABLE)
    naming = max(at for at in tables if at < sound[0])
    table = places(silent, _TS_TABLE)[0]
    mixed = bytearray(data)
    for at in tables:
        if at != naming:
            mixed[at : at + 188] = silent[table : table + 188]
            mixed[at + 3] = data[at + 3]  # the running number
    return bytes(mixed)


def damaged(source, target, change):
    """A copy of `source` whose bytes went through `change` (bytearray, in place)."""
    data = bytearray(source.read_bytes())
    change(data)
    target.write_bytes(data)
    return target


def flip_media(data):
    """Invert 4 bytes in every 1000 of an MP4's media data."""
    for start in range(data.index(b"mdat") + 300, len(data) - 4, 1000):
        data[start : start + 4] = bytes(byte ^ 0xFF for byte in data[start : start + 4])


@contextmanager
def opens(path: Path) -> Iterator[list[str]]:
    """A list that, after the block, has an entry for each time anything opened the file (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert libc.inotify_add_watch(watch, os.fsencode(path), _IN_OPEN) >= 0, os.strerror(ctypes.get_errno())
    seen: list[str] = []
    try:
        yield seen
        with suppress(BlockingIOError):
            seen += ["open"] * (len(os.read(watch, 4096)) // 16)
    finally:
        os.close(watch)
