"""Encode synthetic frames and tones into small clips: the same bytes each time with the same FFmpeg libraries.

Belongs here: PyAV as an encoder and muxer, for the sample and the broken-clip kit. Does not belong here: what the clips show
(`samples.demo.scenes`), how they are damaged (`samples.broken.damage`), reading clips (`probe`, `decode`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
PacketEdit = Callable[[list[Packet]], list[Packet]]

# One thread, no choice left to the processor: what decides whether two machines make the same bytes.
REPEATABLE: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "veryfast", "x264-params": "cpu-independent=1:threads=1:lookahead-threads=1:sliced-threads=0"},
    "libx265": {"preset": "ultrafast", "x265-params": "pools=none:frame-threads=1:info=0:log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "36", "b": "0"},
    # Not realtime: VP8 would then watch the clock and encode worse on a busy machine.
    "libvpx": {"deadline": "good", "cpu-used": "5", "b": "300k"},
    "libsvtav1": {"preset": "12", "crf": "40", "svtav1-params": "lp=1"},
    "mpeg4": {"qmin": "4", "qmax": "4", "bf": "0"},
}


@dataclass(frozen=True)
class VideoTrack:
    """What to encode as video. Frames are YUV 4:2:0 planes: (height, width) and twice (ceil(height / 2), ceil(width / 2)).

    `ticks` are the frames' times in units of `tick` seconds; left out, frame n is shown at n / rate. `pix_fmt` is what the
    encoder gets.
    """

    encoder: str
    width: int
    height: int
    rate: Fraction
    frames: Iterable[Planes]
    options: Mapping[str, str] = field(default_factory=dict)
    rotation_deg: int = 0
    ticks: Sequence[int] | None = None
    tick: Fraction | None = None
    edit: PacketEdit | None = None
    pix_fmt: str = "yuv420p"


@dataclass(frozen=True)
class AudioTrack:
    """What to encode as audio: mono 16-bit samples."""

    encoder: str
    sample_rate: int
    samples: npt.NDArray[np.int16]
    options: Mapping[str, str] = field(default_factory=dict)
    edit: PacketEdit | None = None


def write_clip(
    path: Path,
    *,
    muxer: str,
    video: VideoTrack | None = None,
    audio: AudioTrack | None = None,
    options: Mapping[str, str] | None = None,
) -> None:
    """Encode the tracks and mux them into a new file at `path`.

    Args:
        path: file to write; whole only when this returns.
        muxer: FFmpeg's name of the container: mp4, mov, matroska, webm, avi.
        video: the video track, if any.
        audio: the audio track, if any.
        options: options of the muxer, for example `{"movflags": "faststart"}`.

    Raises:
        av.error.FFmpegError: an encoder or the muxer refused.
    """
    settings = {"fflags": "+bitexact", **(options or {})}
    with _tamed_svt(), av.open(str(path), "w", format=muxer, options=settings) as container:
        video_stream = None if video is None else _add_video_stream(container, video)
        audio_stream = None if audio is None else _add_audio_stream(container, audio)
        packets: list[Packet] = []
        if video is not None and video_stream is not None:
            packets += _edited(_encode_video(video_stream, video), video.edit)
        if audio is not None and audio_stream is not None:
            packets += _edited(_encode_audio(audio_stream, audio), audio.edit)
        for packet in sorted(packets, key=_decode_time):
            container.mux_one(packet)


@contextmanager
def _tamed_svt() -> Iterator[None]:
    """Keep SVT-AV1 from what it does to a process: it talks on stderr, and makes root's thread a real-time one for good.

    Processes that such a thread starts are real-time as well, and starve everything else on the machine.
    """
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "1"
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)
        if before is None:
            del os.environ["SVT_LOG"]
        else:
            os.environ["SVT_LOG"] = before


def _add_video_stream(container: OutputContainer, track: VideoTrack) -> VideoStream:
    options = {**REPEATABLE.get(track.encoder, {}), **track.options}
    stream = cast("VideoStream", container.add_stream(track.encoder, rate=track.rate, options=options))
    stream.width, stream.height, stream.pix_fmt = track.width, track.height, track.pix_fmt
    if track.tick is not None:
        stream.codec_context.time_base = track.tick
    if track.rotation_deg:
        stream.set_display_rotation(track.rotation_deg)
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _add_audio_stream(container: OutputContainer, track: AudioTrack) -> AudioStream:
    stream = cast(
        "AudioStream", container.add_stream(track.encoder, rate=track.sample_rate, options=dict(track.options), layout="mono")
    )
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _edited(packets: list[Packet], edit: PacketEdit | None) -> list[Packet]:
    return packets if edit is None else edit(packets)


def _encode_video(stream: VideoStream, track: VideoTrack) -> list[Packet]:
    packets: list[Packet] = []
    for number, planes in enumerate(track.frames):
        frame = make_video_frame(planes, track).reformat(format=track.pix_fmt)
        frame.pts = number if track.ticks is None else track.ticks[number]
        frame.time_base = stream.codec_context.time_base or 1 / track.rate
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _encode_audio(stream: AudioStream, track: AudioTrack) -> list[Packet]:
    frame = av.AudioFrame.from_ndarray(track.samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = track.sample_rate, 0, Fraction(1, track.sample_rate)
    return list(stream.encode(frame)) + list(stream.encode(None))


def shift_packets(seconds: Fraction) -> PacketEdit:
    """An edit that moves packets in time; what starts before 0 is hidden by an edit list where the container knows one."""

    def edit(packets: list[Packet]) -> list[Packet]:
        for packet in packets:
            ticks = round(seconds / (packet.time_base or 1))
            packet.pts, packet.dts = (None if value is None else value + ticks for value in (packet.pts, packet.dts))
        return packets

    return edit


def encode_sound_into(container: OutputContainer, track: AudioTrack, *, first: Packet | None = None) -> None:
    """Add an audio track to a container that is being written, after one packet of another stream."""
    stream = _add_audio_stream(container, track)
    if first is not None:
        container.mux_one(first)
    for packet in _encode_audio(stream, track):
        container.mux_one(packet)


def make_video_frame(planes: Planes, track: VideoTrack, *, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """The planes as a frame of a 4:2:0 pixel format."""
    frame = av.VideoFrame(track.width, track.height, pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[: values.shape[0], : values.shape[1]] = values
        plane.update(padded.tobytes())
    return frame


def _decode_time(packet: Packet) -> float:
    if packet.dts is None or packet.time_base is None:
        return 0.0
    return float(packet.dts * packet.time_base)
