"""Whole clips of under a second that the broken-clip kit is made from: every codec in every container that takes it.

Belongs here: the list of combinations, their picture and tone (integers only, so that every machine makes the same), encoding
one of them to bytes. Does not belong here: damage (`samples.broken.damage` and its siblings).
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from video_assets.media.making.encode import AudioTrack, PacketEdit, Planes, VideoTrack, write_clip

WIDTH, HEIGHT, FRAMES, RATE = 96, 80, 20, Fraction(25)
GROUP = 6
"""Frames from one key frame to the next."""

_X265 = f"pools=none:frame-threads=1:info=0:log-level=none:keyint={GROUP}:min-keyint={GROUP}:crf=26:bframes="
VIDEO: Mapping[str, Mapping[str, str]] = {
    "libx264": {"g": str(GROUP), "crf": "23"},
    "libx265": {"x265-params": f"{_X265}2"},
    "libvpx": {"g": str(GROUP), "crf": "40", "b": "100k"},
    "libvpx-vp9": {"g": str(GROUP), "crf": "45"},
    "libsvtav1": {"g": str(GROUP)},
    "mpeg4": {"g": str(GROUP), "bf": "0", "qmin": "7", "qmax": "7"},
}
# For speech: the other half of Opus (CELT) rounds differently from one processor to the next.
_AUDIO: Mapping[str, Mapping[str, str]] = {"libopus": {"application": "voip", "b": "20000", "compression_level": "0"}}
CODEC = {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8", "libvpx-vp9": "vp9", "libsvtav1": "av1", "mpeg4": "mpeg4"}
SOUND = {"aac": "aac", "libmp3lame": "mp3", "libopus": "opus", "": "silent"}
SUFFIX = {"mp4": "mp4", "mov": "mov", "matroska": "mkv", "webm": "webm", "avi": "avi"}
_TAKES_VIDEO = {
    "mp4": ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4"),
    "mov": ("libx264", "libx265", "mpeg4"),
    "matroska": tuple(VIDEO),
    "webm": ("libvpx", "libvpx-vp9", "libsvtav1"),
    "avi": ("libx264", "libvpx", "mpeg4"),
}
_TAKES_SOUND = {
    "mp4": ("aac", "libmp3lame", "libopus", ""),
    "mov": ("aac", "libmp3lame", ""),
    "matroska": ("aac", "libmp3lame", "libopus", ""),
    "webm": ("libopus", ""),
    "avi": ("aac", "libmp3lame", ""),
}


@dataclass(frozen=True)
class Base:
    """A whole clip: FFmpeg's names of muxer and encoders (no audio encoder: silent), and the muxer's options."""

    muxer: str
    video: str
    audio: str = ""
    label: str = ""
    muxer_options: Mapping[str, str] = field(default_factory=dict, hash=False)
    video_options: Mapping[str, str] = field(default_factory=dict, hash=False)
    audio_options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """For example h264-aac-faststart."""
        return "-".join(part for part in (CODEC[self.video], SOUND[self.audio], self.label) if part)

    @property
    def suffix(self) -> str:
        """The ending of its file name, without the dot."""
        return SUFFIX[self.muxer]


def combinations() -> Iterator[Base]:
    """Every codec in every container that takes it."""
    for muxer, encoders in _TAKES_VIDEO.items():
        for video in encoders:
            for audio in _TAKES_SOUND[muxer]:
                yield Base(muxer, video, audio)


def variants() -> Iterator[Base]:
    """The same clips stored in other ways, all of them whole."""
    for video in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4"):
        yield Base("mp4", video, "aac", "faststart", {"movflags": "faststart"})
        yield Base("mp4", video, "aac", "fragmented", {"movflags": "frag_keyframe+empty_moov+default_base_moof"})
    for scale in (1_000, 10_007, 90_000, 1_000_000):
        yield Base("mp4", "libx264", "aac", f"scale-{scale}", {"video_track_timescale": str(scale)})
    yield Base("matroska", "libx264", "libmp3lame", "live", {"live": "1"})
    yield Base("matroska", "libx264", "aac", "cues-first", {"cues_to_front": "1", "reserve_index_space": "2048"})
    yield Base("webm", "libvpx-vp9", "libopus", "small-clusters", {"cluster_time_limit": "200"})
    yield Base("mp4", "libx264", "", "all-intra", video_options={"g": "1"})
    yield Base(
        "mp4",
        "libx264",
        "",
        "open-gop",
        video_options={"x264-params": "open-gop=1:keyint=6:bframes=3:threads=1:cpu-independent=1"},
    )
    yield Base("webm", "libvpx-vp9", "libopus", "music", audio_options={"application": "audio", "b": "96000"})
    yield Base("avi", "mpeg4", "libmp3lame", "b-frames", video_options={"bf": "2"})


def damage_bases() -> tuple[Base, ...]:
    """The clips that are damaged in every way."""
    return (
        Base("mp4", "libx264", "aac"),
        Base("mp4", "libx264", "aac", "faststart", {"movflags": "faststart"}),
        Base("mp4", "libx264", "aac", "fragmented", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        Base("mov", "libx264", "aac"),
        Base("matroska", "libx264", "libmp3lame"),
        Base("avi", "libx264", "libmp3lame"),
        Base("mp4", "libx265", "libmp3lame"),
        Base("matroska", "libx265", "libopus"),
        Base("webm", "libvpx", "libopus"),
        Base("mp4", "libvpx-vp9", "aac"),
        Base("webm", "libvpx-vp9", "libopus"),
        Base("mp4", "libsvtav1", "libopus"),
        Base("matroska", "libsvtav1", ""),
        Base("mp4", "mpeg4", "aac"),
        Base("matroska", "mpeg4", "aac"),
        Base("avi", "mpeg4", "libmp3lame"),
    )


@cache
def encode_base(base: Base) -> bytes:
    """The clip as it should be."""
    return encode_with(base)


def encode_with(base: Base, *, video_edit: PacketEdit | None = None, options: Mapping[str, str] | None = None) -> bytes:
    """The clip, its video packets changed on the way into the container, or muxed with more options."""
    audio = sound_track(base.audio, options=base.audio_options) if base.audio else None
    video = picture_track(base.video, options=_video_options(base), edit=video_edit)
    return muxed(base.muxer, video=video, audio=audio, options={**base.muxer_options, **(options or {})})


def muxed(
    muxer: str, *, video: VideoTrack | None = None, audio: AudioTrack | None = None, options: Mapping[str, str] | None = None
) -> bytes:
    """The tracks, encoded and muxed."""
    with tempfile.TemporaryDirectory(prefix="video-assets-kit-") as folder:
        path = Path(folder) / "clip"
        write_clip(path, muxer=muxer, video=video, audio=audio, options=options)
        return path.read_bytes()


def sound_track(encoder: str, *, options: Mapping[str, str] | None = None, edit: PacketEdit | None = None) -> AudioTrack:
    """The kit's tone, to be encoded."""
    rate = 48_000 if encoder == "libopus" else 44_100
    return AudioTrack(encoder, rate, _tone(rate), options=options or _AUDIO.get(encoder, {}), edit=edit)


def picture_track(encoder: str, *, options: Mapping[str, str] | None = None, edit: PacketEdit | None = None) -> VideoTrack:
    """The kit's moving picture, to be encoded."""
    return VideoTrack(encoder, WIDTH, HEIGHT, RATE, _pictures(), options=options or {}, edit=edit)


def encode_sound(encoder: str, *, muxer: str) -> bytes:
    """A file with the tone alone."""
    return muxed(muxer, audio=sound_track(encoder))


def _video_options(base: Base) -> Mapping[str, str]:
    # AVI has no presentation times: H.264 with B-frames would not play in order.
    no_b_frames = {"bf": "0"} if (base.muxer, base.video) == ("avi", "libx264") else {}
    return {**VIDEO[base.video], **no_b_frames, **base.video_options}


def _pictures() -> Iterator[Planes]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    texture = np.random.default_rng(7).integers(0, 24, (2 * HEIGHT, 2 * WIDTH), dtype=np.int64)
    for number in range(FRAMES):
        luma = (columns * 2 + rows + 5 * number) % 160 + texture[number : number + HEIGHT, 2 * number : 2 * number + WIDTH] + 30
        is_block = (abs(columns - 10 - 3 * number) < 12) & (abs(rows - 40) < 14)
        luma = np.where(is_block, 220 - (columns + number) % 32, luma)
        blue = np.full((HEIGHT // 2, WIDTH // 2), 90 + 3 * number)
        red = np.where((columns + 2 * number) % 48 < 24, 150, 110)[::2, ::2]
        yield luma.astype(np.uint8), blue.astype(np.uint8), red.astype(np.uint8)


def _tone(sample_rate: int) -> npt.NDArray[np.int16]:
    """A triangle wave with some noise, as long as the pictures."""
    step = np.arange(int(sample_rate * FRAMES / RATE), dtype=np.int64)
    triangle = (np.abs((step * 1_760 * 64 // sample_rate) % 256 - 128) - 64) * 60
    return (triangle + step * 7_919 % 401 - 200).astype(np.int16)
