"""A clip opened as ffmpeg would open it, except that nothing but that file can be opened; and ffmpeg's choice of streams.

Belongs here: opening and choosing. Does not belong here: decoding (`decode`), counting (`probe`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as TryAgainError
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from video_assets.io.media.clip_file import MAX_WINDOW_BYTES, ClipFile

# No protocol has this name, so libav refuses whatever a playlist, an edit or a track refers to: files, pipes, sockets.
_NO_PROTOCOL = "none"
_DEFAULT_BONUS = 5_000_000
_GENERATE_PTS = 0x0001
_AV_TIME_BASE = 1_000_000
_MAX_TRY_AGAIN = 1000


@contextmanager
def open_container(file: ClipFile, *, is_full_decode: bool = False) -> Iterator[InputContainer]:
    """The clip as an open container, closed at the end of the block whatever happens.

    Raises:
        av.error.FFmpegError: libav cannot read the container.
        OSError: reading the file failed; `file.trouble` says how.
    """
    options = {} if is_full_decode else {"skip_loop_filter": "all"}
    container = av.open(
        file,
        mode="r",
        options=options,
        container_options={"protocol_whitelist": _NO_PROTOCOL, "scan_all_pmts": "1"},
        metadata_errors="ignore",
        buffer_size=MAX_WINDOW_BYTES,
    )
    try:
        container.flags &= ~_GENERATE_PTS  # PyAV sets it; ffmpeg does not
        yield container
    finally:
        container.close()


def is_picture(stream: VideoStream) -> bool:
    """True for a cover picture."""
    return bool(stream.disposition & Disposition.attached_pic)


def _video_score(stream: VideoStream) -> int:
    if is_picture(stream):
        return 1
    context = stream.codec_context
    pixels = context.width * context.height if context is not None else 0
    return pixels + _default_bonus(stream)


def _audio_score(stream: AudioStream) -> int:
    context = stream.codec_context
    return (context.channels if context is not None else 0) + _default_bonus(stream)


def _default_bonus(stream: VideoStream | AudioStream) -> int:
    return _DEFAULT_BONUS if stream.disposition & Disposition.default else 0


@dataclass(frozen=True)
class Chosen:
    """The streams that ffmpeg would decode."""

    video: VideoStream | None
    audio: AudioStream | None

    @property
    def all(self) -> list[VideoStream | AudioStream]:
        """Those that exist."""
        return [stream for stream in (self.video, self.audio) if stream is not None]


def choose_streams(container: InputContainer) -> Chosen:
    """The video and audio stream that ffmpeg would take: most pixels, most channels, default ones first; others are discarded."""
    video = max(container.streams.video, key=_video_score, default=None)
    audio = max(container.streams.audio, key=_audio_score, default=None)
    for stream in container.streams:
        if stream is not video and stream is not audio:
            stream.discard = Discard.all
    return Chosen(video, audio)


def stream_numbers(container: InputContainer, video: VideoStream | None) -> dict[str, Any]:
    """What the headers say: duration, rate, size, codec; `header_frames` is None when the container claims no count.

    Height and width in pixels as coded, before rotation; fps is the average rate, frames per second.
    """
    numbers: dict[str, Any] = {"duration_s": container.duration / _AV_TIME_BASE if container.duration is not None else None}
    if video is None:
        return numbers
    context = video.codec_context
    return numbers | {
        "fps": float(video.average_rate) if video.average_rate else None,
        "header_frames": video.frames or None,
        "height": context.height if context is not None else None,
        "width": context.width if context is not None else None,
        "video_codec": context.name if context is not None else None,
        "pix_fmt": context.pix_fmt if context is not None else None,
    }


def packets(container: InputContainer, streams: Sequence[VideoStream | AudioStream]) -> Iterator[Packet]:
    """All packets of the streams that hold something.

    Raises:
        av.error.FFmpegError: the demuxer gave up, or asked to try again for ever.
    """
    for attempt in range(_MAX_TRY_AGAIN):
        try:
            yield from (packet for packet in container.demux(*streams) if packet.size)
        except TryAgainError:
            if attempt == _MAX_TRY_AGAIN - 1:
                raise
        else:
            return
