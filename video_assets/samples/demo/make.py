"""The built-in sample: real-looking clips with captions, made once, among them every kind of problem.

Belongs here: the sample's folder, its broken clips and its captions table. Does not belong here: the list of whole clips
(`samples.demo.clips`), the big collection of broken clips (`samples.broken.kit`).
"""

import csv
import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from video_assets.media.making.encode import AudioTrack, Planes, VideoTrack, shift_packets, write_clip
from video_assets.samples.demo.clips import CLIPS, SampleClip
from video_assets.samples.demo.scenes import film, melody, steady
from video_assets.storage.durable import fsync_folder

SAMPLE_MAX_FILE_SIZE_MIB = 1.0
"""`filter.max_file_size_mib` of the sample: exactly one clip is larger."""

# Long ago, so that no clip looks as if it were still being copied: 2026-01-01T00:00:00Z.
_MTIME_NS = 1_767_225_600_000_000_000
_TICK = Fraction(1, 3_000)
_HTML = b"""<!DOCTYPE html>
<html><head><title>404 Not Found</title></head>
<body><h1>Not Found</h1><p>The requested clip is no longer on this server.</p></body></html>
"""


@dataclass(frozen=True)
class Sample:
    """Where the sample lies: the folder of clips, the captions table in it, and how many lines that table has."""

    clips: Path
    captions: Path
    n_listed: int


@dataclass(frozen=True)
class _Broken:
    """A clip made from another one by `make` (bytes in, bytes out; None: nothing is written)."""

    name: str
    base: str
    caption: str
    make: Callable[[bytes], bytes] | None
    expected: str


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _without_index(data: bytes) -> bytes:
    """Cut a little before the index, which this clip has at its end."""
    return data[: data.rindex(b"moov") - 2_000]


def _flip(data: bytes) -> bytes:
    """Turn bits over inside the picture data, where only the decoder can notice."""
    damaged = bytearray(data)
    start = data.index(b"mdat") + 4
    for place in np.random.default_rng(0).integers(start + len(data) // 4, len(data), 40):
        damaged[place] ^= 0x55
    return bytes(damaged)


_BROKEN = (
    _Broken("broken/half-downloaded.mp4", "sunset-at-sea.mp4", "The sun sets over the sea.", _half, "decode_check: truncated"),
    _Broken(
        "broken/bad-disk.mp4", "city-at-night.mp4", "A city at night with strange blocks.", _flip, "decode_check: corrupt_video"
    ),
    _Broken(
        "broken/power-cut.mp4",
        "bouncing-ball.mp4",
        "A ball, but the camera lost power.",
        _without_index,
        "decode_check: truncated",
    ),
    _Broken("broken/nothing.mp4", "", "A clip of 0 bytes.", lambda _: b"", "decode_check: empty_file"),
    _Broken("broken/not-found.mp4", "", "A web page that was saved as a clip.", lambda _: _HTML, "decode_check: not_media"),
    _Broken("copy-of-ball.mp4", "bouncing-ball.mp4", "A red ball bounces.", lambda data: data, "training_csv: duplicate_content"),
    _Broken("broken/lost.mp4", "", "A clip that is in the table and not on the disk.", None, "own_clips: missing_file"),
)
_AUDIO_ONLY = "broken/sound-only.mp4"
_FOLDER = "broken/folder.mp4"
_LISTED_TWICE = "moonlight.mp4"

EXPECTED: dict[str, str] = {
    **{clip.name: clip.expected for clip in CLIPS},
    **{broken.name: broken.expected for broken in _BROKEN},
    _AUDIO_ONLY: "decode_check: no_video",
    _FOLDER: "own_clips: not_a_file",
}
"""What has to become of every clip: `kept`, or `stage: reason`."""


def make_sample(folder: Path) -> Sample:
    """Make the sample in `folder`, once: a second call returns at once; what a killed call left is never taken for it.

    Raises:
        FileExistsError: `folder` holds something else; the message says what to do.
        OSError: the disk did not take it.
    """
    sample = Sample(clips=folder, captions=folder / "captions.csv", n_listed=len(_captions()))
    if sample.captions.exists():
        return sample
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_me(folder.with_name(f".draft-{folder.name}.lock")):
        if not sample.captions.exists():
            _make_whole(folder)
    return sample


@contextmanager
def _only_me(lock: Path) -> Iterator[None]:
    """Two runs that start together make the sample once; the lock of a killed run is released by the system."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_whole(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: not empty and not the sample; give the sample a folder of its own, or delete this one")
    draft = folder.with_name(f".draft-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    _write_clips(draft)
    (draft / "captions.csv").write_text(_table(), encoding="utf-8", newline="")
    _settle(draft)
    draft.replace(folder)
    fsync_folder(folder.parent)


def _write_clips(folder: Path) -> None:
    for clip in CLIPS:
        path = folder / clip.name
        path.parent.mkdir(parents=True, exist_ok=True)
        encode_sample_clip(path, clip)
    (folder / _FOLDER).mkdir(parents=True)
    for broken in _BROKEN:
        if broken.make is not None:
            whole = (folder / broken.base).read_bytes() if broken.base else b""
            (folder / broken.name).write_bytes(broken.make(whole))
    sound = AudioTrack("aac", 44_100, melody(2.0, sample_rate=44_100, seed=99))
    write_clip(folder / _AUDIO_ONLY, muxer="mp4", audio=sound)


def encode_sample_clip(path: Path, clip: SampleClip) -> None:
    """Encode one clip of the list to `path`."""
    times_s = steady(clip.seconds, clip.rate)
    ticks = None
    if clip.is_variable_rate:
        # As phones do it: every fifth frame stays for two, later every second one.
        ticks = [100 * (n + n // 5 + max(n - 30, 0) // 2) for n in range(len(times_s))]
        times_s = [float(tick * _TICK) for tick in ticks]
    video = VideoTrack(
        clip.encoder,
        clip.width,
        clip.height,
        clip.rate,
        _pictures(clip, times_s),
        options=clip.encoder_options,
        rotation_deg=clip.rotation_deg,
        ticks=ticks,
        tick=_TICK if ticks else None,
        edit=shift_packets(-clip.cut_frames / clip.rate) if clip.cut_frames else None,
    )
    write_clip(path, muxer=clip.muxer, video=video, audio=_sound(clip), options=clip.muxer_options)


def _pictures(clip: SampleClip, times_s: list[float]) -> Iterator[Planes]:
    is_turned = clip.rotation_deg != 0
    width, height = (clip.height, clip.width) if is_turned else (clip.width, clip.height)
    return film(clip.scene, width, height, clip.seed, times_s=times_s, is_turned=is_turned)


def _sound(clip: SampleClip) -> AudioTrack | None:
    if clip.sound is None:
        return None
    rate = 48_000 if clip.sound == "libopus" else 44_100
    seconds = clip.seconds - float(clip.cut_frames / clip.rate)
    return AudioTrack(clip.sound, rate, melody(seconds, sample_rate=rate, seed=len(clip.caption)))


def _captions() -> list[tuple[str, str]]:
    rows = [(clip.name, clip.caption) for clip in CLIPS] + [(broken.name, broken.caption) for broken in _BROKEN]
    rows += [(_AUDIO_ONLY, "Only a melody, no picture."), (_FOLDER, "A folder that is called like a clip.")]
    return [*rows, (_LISTED_TWICE, "The moon over the sea, listed a second time.")]


def _table() -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("path", "text"), *_captions()])
    return text.getvalue()


def _settle(folder: Path) -> None:
    """Give everything below `folder` its old modification time and put it on the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, ns=(_MTIME_NS, _MTIME_NS))
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    fsync_folder(folder)
