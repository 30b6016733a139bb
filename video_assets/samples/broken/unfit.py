"""Clips on which trainers choke and FFmpeg does not, complaints that are often harmless, and good clips like them.

Belongs here: what is done to the tracks before they are muxed. Does not belong here: damage to a whole clip's bytes
(`samples.broken.damage` and its siblings), files that never were clips (`samples.broken.others`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from video_assets.media.making.encode import Planes, VideoTrack, shift_packets
from video_assets.media.making.packets import append, cut_last, drop, drop_key, from_key
from video_assets.samples.broken.bases import (
    CODEC,
    FRAMES,
    HEIGHT,
    RATE,
    SOUND,
    SUFFIX,
    VIDEO,
    WIDTH,
    muxed,
    picture_track,
    sound_track,
)
from video_assets.samples.broken.damage import Made, Truth
from video_assets.samples.broken.others import Other

_LENGTH = FRAMES / RATE
_NO_B_FRAMES = {"bf": "0"}
# The second key frame comes 0.64 s after the first.
_FAR_KEYS = {"g": "16", "keyint_min": "16", "sc_threshold": "0", "bf": "0"}
_OPEN_X265 = "pools=none:frame-threads=1:info=0:log-level=none:keyint=6:min-keyint=6:open-gop=1:scenecut=0:bframes=3:crf=26"
_PYRAMID = {"g": "40", "bf": "3", "refs": "4", "b-pyramid": "normal", "sc_threshold": "0"}


def unfit_clips() -> Iterator[Other]:
    """All files of this module."""
    yield from _changing()
    yield from _without_start()
    yield from _one_picture()
    yield from _often_harmless()
    yield from _good_but_unusual()


def _changing() -> Iterator[Other]:
    for encoder, muxer in (
        ("libx264", "mp4"),
        ("libx264", "matroska"),
        ("libx265", "matroska"),
        ("libvpx", "webm"),
        ("libvpx-vp9", "webm"),
    ):
        options = _NO_B_FRAMES if encoder == "libx264" else {}
        pictures = [_turned(planes) for planes in _track(encoder).frames]
        turned = _track(encoder, options, width=HEIGHT, height=WIDTH, frames=pictures)
        note = f"{WIDTH}x{HEIGHT} pictures, then {HEIGHT}x{WIDTH} ones"
        yield _joined("size-changes", muxer, _track(encoder, options), turned, note)
    for muxer, pix_fmt in (("mp4", "yuv444p"), ("matroska", "yuv422p")):
        other = _track("libx264", _NO_B_FRAMES, pix_fmt=pix_fmt)
        yield _joined(
            "pixel-format-changes", muxer, _track("libx264", _NO_B_FRAMES), other, f"yuv420p pictures, then {pix_fmt} ones"
        )


def _joined(damage: str, muxer: str, first: VideoTrack, second: VideoTrack, note: str) -> Other:
    # What the muxer took from the first part does not fit the second, which must carry its own parameters.
    source = muxer if first.encoder.startswith("libvpx") else "mpegts"
    behind = append(muxed(source, video=second), seconds=_LENGTH)
    return _clip(damage, muxer, replace(first, edit=behind), note, truth="bad", reason="changing_size")


def _without_start() -> Iterator[Other]:
    for muxer in ("mp4", "mov", "matroska"):
        track = _track("libx264", _FAR_KEYS, edit=drop_key(0))
        note = "the first key frame is missing, the second comes 0.6 s later"
        yield _clip("start-missing", muxer, track, note, truth="bad", reason="fewer_frames")


def _one_picture() -> Iterator[Other]:
    picture = next(iter(_track("libx264").frames))
    black: Planes = (np.full_like(picture[0], 16), np.full_like(picture[1], 128), np.full_like(picture[2], 128))
    for encoder, muxer in (("libx264", "mp4"), ("mpeg4", "avi"), ("libvpx-vp9", "webm"), ("libsvtav1", "mp4")):
        for damage, planes, note in (
            ("one-picture", picture, "a picture that never moves"),
            ("black", black, "nothing but black"),
        ):
            yield _clip(damage, muxer, _track(encoder, frames=[planes] * FRAMES), note, truth="good")


def _often_harmless() -> Iterator[Other]:
    hevc = _track("libx265", {"x265-params": _OPEN_X265}, edit=from_key(1))
    note = "cut at a key frame, pictures that lean on the part before it are left"
    yield _clip("open-gop-cut", "matroska", hevc, note)
    for place in (2, 5, 9):
        track = _track("libx264", _PYRAMID, edit=drop(at=place))
        note = f"picture {place}, on which others may lean, is missing"
        yield _clip(f"reference-missing-{place}", "mp4", track, note, reason="reference_frames")
    for sound, muxer in (("aac", "mp4"), ("aac", "matroska"), ("libmp3lame", "matroska")):
        data = muxed(muxer, video=_track("libx264"), audio=sound_track(sound, edit=cut_last))
        made = Made("last-sound-cut", data, "the last packet of the sound has lost its second half", reason="last_audio_packet")
        yield Other(f"last-sound-cut-h264-{SOUND[sound]}.{SUFFIX[muxer]}", made)


def _good_but_unusual() -> Iterator[Other]:
    late = shift_packets(Fraction(4))
    gaps = [number + number // 5 for number in range(FRAMES)]  # every sixth picture is not there
    tracks = (
        ("interlaced", "mp4", _track("libx264", {"flags": "+ilme+ildct"}), "fields instead of frames"),
        ("starts-late", "matroska", _track("libx264", _NO_B_FRAMES, edit=late), "the first picture comes at 4 s"),
        ("starts-late", "webm", _track("libvpx-vp9", edit=late), "the first picture comes at 4 s"),
        ("starts-late", "mp4", _track("libx264", _NO_B_FRAMES, edit=late), "the first picture comes at 4 s"),
        ("frames-dropped", "avi", _track("mpeg4", ticks=gaps), "every sixth picture was dropped by the recorder"),
        ("variable-rate", "matroska", _track("libx264", ticks=gaps), "pictures last 0.04 or 0.08 s"),
        ("rotated", "mp4", _track("libx264", rotation_deg=90), "to be turned by a quarter"),
        ("10-bit", "matroska", _track("libx265", pix_fmt="yuv420p10le"), "10 bits per colour"),
        ("444", "mp4", _track("libx264", pix_fmt="yuv444p"), "colours of full size"),
    )
    for damage, muxer, track, note in tracks:
        yield _clip(damage, muxer, track, note, truth="good")


def _track(encoder: str, options: Mapping[str, str] | None = None, **changes: Any) -> VideoTrack:
    return replace(picture_track(encoder, options={**VIDEO[encoder], **(options or {})}), **changes)


def _turned(planes: Planes) -> Planes:
    luma, blue, red = planes
    return luma.T, blue.T, red.T


def _clip(damage: str, muxer: str, track: VideoTrack, note: str, *, truth: Truth = "", reason: str = "") -> Other:
    made = Made(damage, muxed(muxer, video=track), note, truth, reason)
    return Other(f"{damage}-{CODEC[track.encoder]}.{SUFFIX[muxer]}", made)
