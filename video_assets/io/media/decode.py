"""One pass over one clip: FFmpeg's verdict, the numbers of truth, and the hash of the bytes.

Belongs here: decoding and the verdict on it. Does not belong here: isolation, limits and retries (`io.workers`, `io.checking`).
The verdict is that of `ffmpeg -v error -i CLIP -f null -` (good = it says nothing), plus a few stricter reasons of our own,
each named in `core.verdicts.REASONS` and explained in docs/decode-check.md.
"""

import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as TryAgainError
from av.error import EOFError as EndOfFileError
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from video_assets.core.schema import VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION, Speakers, first_lines, is_text, reason_of_lines, reason_of_open_error
from video_assets.io.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.io.media.clock import BestEffort, NullMuxerClock
from video_assets.io.media.container import Chosen, choose_streams, is_longer, is_picture, open_container, stream_numbers
from video_assets.io.media.libav_log import libav_log
from video_assets.io.media.versions import ffmpeg_versions

_MAX_TRY_AGAIN = 1000
_AV_TIME_BASE = 1_000_000


@dataclass
class _Pass:
    """What one pass saw. Holds nothing of libav: the container is closed before this is judged."""

    numbers: dict[str, Any] = field(default_factory=dict)
    speakers: Speakers = field(default_factory=Speakers)
    has_video: bool = False
    n_frames: int = 0
    n_packets: int = 0
    frame_durations: set[int] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    open_error: str = ""
    reason: str = ""


def decode_clip(path: str, *, max_duration_s: float | None = None, is_full_decode: bool = False) -> dict[str, Any]:
    """Decode one clip once; return its verdict and numbers: the columns of `core.schema.VERDICTS` without `clip_key`.

    One clip at a time per process: libav's log is taken from descriptor 2.

    Args:
        path: the clip; any name, it is never taken for a URL or a pattern.
        max_duration_s: clips that last longer are `too_long`; None means no limit.
        is_full_decode: decode as ffmpeg does, without leaving out what changes no verdict (the loop filter).
    """
    started = time.process_time()
    try:
        with ClipFile(path) as file:
            result = _judge(file, max_duration_s=max_duration_s, is_full_decode=is_full_decode)
    except StorageError as error:
        result = {"verdict": "unreadable_now", "reason": "", "errors": first_lines([str(error)])}
    except NotAFileError as error:
        result = {"verdict": "bad", "reason": "not_a_file", "errors": first_lines([str(error)])}
    row = dict.fromkeys(_COLUMNS) | {"file_size": 0, "mtime_ns": 0} | result
    return row | {
        "decode_seconds": round(time.process_time() - started, 6),
        "checker_version": CHECKER_VERSION + ("-full" if is_full_decode else ""),
        "ffmpeg_versions": ffmpeg_versions(),
    }


_COLUMNS = tuple(name for name in VERDICTS.names if name != "clip_key")


def _judge(file: ClipFile, *, max_duration_s: float | None, is_full_decode: bool) -> dict[str, Any]:
    seen = _Pass()
    log = libav_log()
    if file.size:
        with log.capture():
            _decode(file, seen, max_duration_s=max_duration_s, is_full_decode=is_full_decode)
        lines = log.lines() + seen.lines
    else:
        lines = []
    fingerprint = {"file_size": file.size, "mtime_ns": file.status.st_mtime_ns}
    if file.trouble:
        return {**fingerprint, "verdict": "unreadable_now", "reason": "", "errors": first_lines([file.trouble, *lines])}
    reason = _reason(file, seen, lines)
    content_hash = file.content_hash()
    file.check_unchanged()
    return {
        **fingerprint,
        "verdict": "bad" if reason else "good",
        "reason": reason,
        "errors": first_lines(lines),
        "content_hash": content_hash,
        **_numbers(seen),
    }


def _reason(file: ClipFile, seen: _Pass, lines: list[str]) -> str:
    if not file.size:
        return "empty_file"
    if seen.reason:
        return seen.reason
    if seen.open_error:
        is_page = is_text(file.head(1024))
        return "not_media" if is_page else reason_of_open_error(lines)
    if not seen.has_video:
        return "no_video"
    if not seen.n_frames:
        return "no_frames"
    return reason_of_lines(lines, seen.speakers)


def _decode(file: ClipFile, seen: _Pass, *, max_duration_s: float | None, is_full_decode: bool) -> None:
    try:
        with open_container(file, is_full_decode=is_full_decode) as container:
            streams = choose_streams(container)
            seen.has_video = streams.video is not None and not is_picture(streams.video)
            seen.speakers = Speakers(video=_names(streams.video), audio=_names(streams.audio))
            seen.numbers = stream_numbers(container, streams.video)
            if is_longer(seen.numbers["duration_s"], max_duration_s):
                seen.reason = "too_long"
            elif _prepare(streams, seen, is_full_decode=is_full_decode):
                _pump(container, streams, seen)
    except (FFmpegError, OSError) as error:
        seen.open_error = seen.open_error or _words(error)
        seen.lines.append(_words(error))


def _names(stream: VideoStream | AudioStream | None) -> frozenset[str]:
    context = stream.codec_context if stream is not None else None
    return frozenset({context.name, context.codec.canonical_name}) if context is not None else frozenset()


def _words(error: FFmpegError | OSError) -> str:
    return f"{error.strerror} ({type(error).__name__})"


def _prepare(streams: Chosen, seen: _Pass, *, is_full_decode: bool) -> bool:
    if not streams.all:
        seen.lines.append("no video and no audio stream")
    for stream in streams.all:
        if stream.codec_context is None:
            seen.reason = "unsupported_codec"
            seen.lines.append(f"no decoder for {stream.type} stream {stream.index}")
            return False
        # More threads change verdicts and counts from run to run; parallelism comes from one process per core.
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        if not is_full_decode:
            stream.codec_context.options = {"skip_loop_filter": "all"}
    return bool(streams.all)


def _pump(container: InputContainer, streams: Chosen, seen: _Pass) -> None:
    start_s = Fraction(container.start_time or 0, _AV_TIME_BASE)
    sinks: dict[int, _Sink] = {stream.index: _Sink(stream, seen, start_s) for stream in streams.all}
    for _ in range(_MAX_TRY_AGAIN):
        try:
            for packet in container.demux(streams.all):
                sinks[packet.stream.index].packet(packet)
        except TryAgainError:
            continue
        except FFmpegError as error:
            seen.lines.append(f"[demuxer] {_words(error)}")
            for sink in sinks.values():
                sink.flush()
        break
    else:
        seen.lines.append("[demuxer] the demuxer asks to try again, for ever")
    for sink in sinks.values():
        seen.lines += sink.clock.errors


class _Sink:
    """Decodes, counts and times the frames of one stream."""

    def __init__(self, stream: VideoStream | AudioStream, seen: _Pass, start_s: Fraction) -> None:
        self._stream = stream
        self._seen = seen
        self._best = BestEffort()
        self._last_time: int | None = None
        self._is_video = isinstance(stream, VideoStream)
        rate = stream.guessed_rate if isinstance(stream, VideoStream) else Fraction(stream.codec_context.sample_rate)
        self.clock = NullMuxerClock(time_base=stream.time_base or Fraction(1), rate=rate, start_s=start_s, stream=stream.index)

    def packet(self, packet: Packet) -> None:
        """Decode one packet; an empty one flushes the decoder."""
        if self._is_video and packet.size and not packet.is_discard:
            self._seen.n_packets += 1
        try:
            frames = packet.decode()
        except EndOfFileError:
            return
        except FFmpegError as error:
            self._seen.lines.append(f"[{self._stream.codec_context.name}] {_words(error)}")
            return
        for frame in frames:
            if isinstance(frame, VideoFrame):
                self._video(frame)
            elif frame.pts is not None:
                self.clock.frame(frame.pts)

    def flush(self) -> None:
        """Take what the decoder still holds."""
        packet = Packet()
        packet.stream = self._stream
        self.packet(packet)

    def _video(self, frame: VideoFrame) -> None:
        seen = self._seen
        if not seen.n_frames:
            seen.numbers |= {
                "height": frame.height,
                "width": frame.width,
                "pix_fmt": frame.format.name,
                "rotation_deg": frame.rotation,
            }
        seen.n_frames += 1
        now = self._best.time(frame.pts, frame.dts)
        if now is None:
            return
        self.clock.frame(now)
        if self._last_time is not None and len(seen.frame_durations) < 64:
            seen.frame_durations.add(now - self._last_time)
        self._last_time = now


def _numbers(seen: _Pass) -> dict[str, Any]:
    if not seen.has_video:
        return {"duration_s": seen.numbers.get("duration_s")}
    header = seen.numbers["header_frames"]
    return seen.numbers | {
        "num_frames": seen.n_frames,
        "packet_frames": seen.n_packets,
        "is_variable_rate": _is_variable(seen.frame_durations),
        "is_count_consistent": len({seen.n_frames, seen.n_packets, header or seen.n_frames}) == 1,
    }


def _is_variable(durations: set[int]) -> bool | None:
    # Container clocks are coarse (1 ms in Matroska): neighbouring durations are one rate, rounded.
    return max(durations) - min(durations) > 1 if durations else None
