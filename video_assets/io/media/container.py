"""A clip opened as ffmpeg would open it, except that nothing but that file can be opened; and ffmpeg's choice of streams.

Belongs here: opening and choosing. Does not belong here: decoding (`decode`), counting (`probe`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as TryAgainError
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from video_assets.core.verdicts import reason_of_open_error, reason_of_text
from video_assets.io.media.clip_file import MAX_WINDOW_BYTES, ClipFile
from video_assets.io.media.iso_boxes import is_cut

# No protocol has this name, so libav refuses whatever a playlist, an edit or a track refers to: files, pipes, sockets.
_NO_PROTOCOL = "none"
_MIN_PROBE_BYTES = "32"
_PACKETS_BONUS = 100_000_000
_DEFAULT_BONUS = 5_000_000
_MP4 = "mov,"
_MATROSKA = "matroska"
_AnyStream = TypeVar("_AnyStream", VideoStream, AudioStream)
_HEAD_BYTES = 1024
_GENERATE_PTS = 0x0001
_AV_TIME_BASE = 1_000_000
_MAX_TRY_AGAIN = 1000


@contextmanager
def open_container(
    file: ClipFile | BinaryIO, *, is_full_decode: bool = False, is_header_only: bool = False
) -> Iterator[InputContainer]:
    """The clip as an open container, closed at the end of the block whatever happens.

    libav looks at the streams' first frames as ffmpeg does, unless `is_header_only`.

    Raises:
        av.error.FFmpegError: libav cannot read the container.
        OSError: reading the file failed; `file.trouble` says how.
    """
    options = {} if is_full_decode else {"skip_loop_filter": "all"}
    limits = {}
    if is_header_only:
        options, limits = {"skip_frame": "all"}, {"probesize": _MIN_PROBE_BYTES}
    container = av.open(
        file,
        mode="r",
        options=options,
        container_options={"protocol_whitelist": _NO_PROTOCOL, "scan_all_pmts": "1"} | limits,
        metadata_errors="ignore",
        buffer_size=MAX_WINDOW_BYTES,
    )
    try:
        container.flags &= ~_GENERATE_PTS  # PyAV sets it; ffmpeg does not
        yield container
    finally:
        container.close()


def unopened_reason(file: ClipFile, lines: Sequence[str]) -> str:
    """Why libav could not open the clip: what its first bytes and boxes say, else what libav says.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    if reason := reason_of_text(file.peek(_HEAD_BYTES)):
        return reason
    return "truncated" if is_cut(file.peek, file.size) else reason_of_open_error(lines)


def is_picture(stream: VideoStream) -> bool:
    """True for a cover picture."""
    return bool(stream.disposition & Disposition.attached_pic)


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
    """The video and audio stream that ffmpeg would take; all others are discarded.

    Those with packets first, then default ones, then by pixels or channels (a cover picture counts 1); the first of equals. A
    stream without packets and without pixels or channels is never taken.
    """
    is_mp4 = container.format.name.startswith(_MP4)
    video = _best(container.streams.video, is_mp4=is_mp4)
    audio = _best(container.streams.audio, is_mp4=is_mp4)
    for stream in container.streams:
        if stream is not video and stream is not audio:
            stream.discard = Discard.all
    return Chosen(video, audio)


def _best(streams: Sequence[_AnyStream], *, is_mp4: bool) -> _AnyStream | None:
    scores = [(_score(stream, is_mp4=is_mp4), stream) for stream in streams]
    candidates = [(score + _DEFAULT_BONUS * _is_default(stream), stream) for score, stream in scores if score > 0]
    return max(candidates, key=lambda pair: pair[0], default=(0, None))[1]


def _is_default(stream: VideoStream | AudioStream) -> bool:
    return bool(stream.disposition & Disposition.default) and not (isinstance(stream, VideoStream) and is_picture(stream))


def _score(stream: VideoStream | AudioStream, *, is_mp4: bool) -> int:
    """Ffmpeg's score of a stream, less the bonus of default ones."""
    if isinstance(stream, VideoStream) and is_picture(stream):
        return 1
    # Only an MP4's header tells whether there are packets; elsewhere a stream is found by its packets.
    has_packets = not is_mp4 or len(stream.index_entries) > 0
    return _size(stream) + (_PACKETS_BONUS if has_packets else 0)


def _size(stream: VideoStream | AudioStream) -> int:
    if stream.codec_context is None:
        return 0
    if isinstance(stream, VideoStream):
        return stream.codec_context.width * stream.codec_context.height
    return stream.codec_context.channels


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


def is_longer(duration_s: float | None, max_duration_s: float | None) -> bool:
    """True when both are known and the clip lasts longer than the limit."""
    return duration_s is not None and max_duration_s is not None and duration_s > max_duration_s


@dataclass(frozen=True)
class Promise:
    """What a container's header says that its streams hold; None where it says nothing that can be relied on."""

    n_packets: int | None
    video_s: float | None
    clip_s: float | None

    def is_broken(self, *, n_packets: int, video_s: float, clip_s: float) -> bool:
        """True when clearly less came: below nine tenths, less a margin (2 packets, 1 s) for rounding and loose headers."""
        return (
            (self.n_packets is not None and n_packets < 0.9 * self.n_packets - 2)
            or (self.video_s is not None and video_s < 0.9 * self.video_s - 1)
            or (self.clip_s is not None and clip_s < 0.9 * self.clip_s - 1)
        )


def promised(container: InputContainer, streams: Chosen) -> Promise:
    """What the header promises.

    MP4 knows packets and duration of each track, edit lists applied. Matroska knows how long the clip lasts, which counts only
    when no other stream (subtitles) can be what lasts so long. Other containers guess their duration from what is there.
    """
    video = streams.video
    if video is None or is_picture(video):
        return Promise(None, None, None)
    is_mp4 = container.format.name.startswith(_MP4)
    is_matroska = container.format.name.startswith(_MATROSKA) and len(container.streams) == len(streams.all)
    return Promise(
        n_packets=(len(video.index_entries) if is_mp4 else video.frames) or None,
        video_s=float(video.duration * video.time_base) if is_mp4 and video.duration and video.time_base else None,
        clip_s=container.duration / _AV_TIME_BASE if is_matroska and container.duration else None,
    )


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
