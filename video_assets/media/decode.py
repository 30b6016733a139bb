"""One pass over one clip: FFmpeg's verdict, the numbers of truth, and the hash of the bytes.

Belongs here: decoding and the verdict on it. Does not belong here: one stream, its frames and their count (`sinks`), isolation,
limits and retries (`workers.pool`, `checking.check`). The verdict is that of `ffmpeg -v error -i CLIP -f null -` (good = it says
nothing), plus a few stricter reasons of our own, each named in `core.verdicts.REASONS` and explained in docs/decode-check.md.
"""

import mmap
import resource
import time
from dataclasses import dataclass, field, replace

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.video.stream import VideoStream

from video_assets.core.ffmpeg_messages import Speakers, first_lines, reason_of_lines
from video_assets.core.results import ClipNumbers, ClipVerdict, VideoExtras
from video_assets.core.verdicts import CHECKER_VERSION, Verdict
from video_assets.media.choice import Chosen, choose_streams
from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.media.clock import InputClock, is_variable_rate
from video_assets.media.container import is_picture, open_container, unopened_reason
from video_assets.media.headers import is_longer, places, stream_numbers, trusted_rate
from video_assets.media.libav_log import libav_log
from video_assets.media.promise import Promise, has_lost, promised
from video_assets.media.sinks import AudioSink, VideoSink, words
from video_assets.media.versions import ffmpeg_versions

_MAX_ALLOCATION_BYTES = 2**31 - 1  # av_max_alloc's default
_AMPLE_BYTES = 3 << 30  # with less, what a worker has kept from clips before would decide


@dataclass
class _Pass:
    """What one pass saw. Holds nothing of libav: the container is closed before this is judged."""

    numbers: ClipNumbers = field(default_factory=ClipNumbers)
    extras: VideoExtras = field(default_factory=VideoExtras)
    speakers: Speakers = field(default_factory=Speakers)
    has_video: bool = False
    lines: list[str] = field(default_factory=list)
    reason: str = ""
    remark: str = ""
    end_s: float = 0.0
    is_unopened: bool = False
    is_short: bool = False
    is_changing: bool = False
    is_out_of_memory: bool = False
    is_encrypted: bool = False
    is_late: bool = False


def decode_clip(path: str, *, max_duration_s: float | None = None, is_full_decode: bool = False) -> ClipVerdict:
    """Decode one clip once: its verdict and the numbers of truth.

    One clip at a time per process: libav's log is taken from descriptor 2.

    Args:
        path: the clip; any name, it is never taken for a URL or a pattern.
        max_duration_s: clips that last longer are `too_long`; None means no limit.
        is_full_decode: decode as ffmpeg does, without leaving out what changes no verdict (the loop filter).
    """
    started = time.process_time()
    try:
        with ClipFile(path) as file:
            verdict = _judge(file, max_duration_s=max_duration_s, is_full_decode=is_full_decode)
    except StorageError as error:
        verdict = ClipVerdict(verdict="unreadable_now", errors=first_lines([str(error)]))
    except NotAFileError as error:
        verdict = ClipVerdict(verdict="bad", reason="not_a_file", errors=first_lines([str(error)]))
    return replace(
        verdict,
        decode_seconds=round(time.process_time() - started, 6),
        checker_version=CHECKER_VERSION,
        ffmpeg_versions=ffmpeg_versions(),
    )


def _judge(file: ClipFile, *, max_duration_s: float | None, is_full_decode: bool) -> ClipVerdict:
    seen = _Pass()
    if file.size:
        log = libav_log()
        with log.capture():
            _decode(file, seen, max_duration_s=max_duration_s, is_full_decode=is_full_decode)
        seen.lines[:0] = log.lines()
    size, mtime_ns = file.size, file.status.st_mtime_ns
    if file.trouble:
        lines = first_lines([file.trouble, *seen.lines])
        return ClipVerdict(verdict="unreadable_now", errors=lines, file_size=size, mtime_ns=mtime_ns)
    verdict, reason = _verdict(file, seen, max_duration_s)
    content_hash = file.content_hash()
    file.check_unchanged()
    numbers = seen.numbers if seen.has_video else ClipNumbers(duration_s=seen.numbers.duration_s)
    return ClipVerdict(
        **vars(numbers),
        verdict=verdict,
        reason=reason,
        errors=first_lines([*seen.lines, seen.remark]),
        file_size=size,
        mtime_ns=mtime_ns,
        **vars(seen.extras if seen.has_video else VideoExtras()),
        content_hash=content_hash,
    )


def _verdict(file: ClipFile, seen: _Pass, max_duration_s: float | None) -> tuple[Verdict, str]:
    if seen.is_out_of_memory and not (seen.is_unopened and _has_memory()):
        return "out_of_memory", ""
    if not file.size:
        reason = "empty_file"
    elif seen.is_unopened:
        reason = unopened_reason(file, seen.lines)
    else:
        reason = seen.reason or _reason(seen, max_duration_s)
    return ("bad", reason) if reason else ("good", "")


def _has_memory() -> bool:
    """True when this process can have as much memory as FFmpeg ever asks for at once, whatever it did before.

    Then it was not the limit that refused a header's wish: the header promises more than any file holds, which is a fault of
    the clip on every machine.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _AMPLE_BYTES:
        return False
    try:
        mmap.mmap(-1, _MAX_ALLOCATION_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def _reason(seen: _Pass, max_duration_s: float | None) -> str:
    if not seen.has_video:
        return "no_video"
    if is_longer(seen.end_s, max_duration_s):
        return "too_long"
    if seen.is_encrypted:
        return "encrypted"
    if not seen.numbers.num_frames:
        return reason_of_lines(seen.lines, seen.speakers, otherwise="no_frames")
    own = "fewer_frames" if seen.is_short else "changing_size" if seen.is_changing else ""
    return reason_of_lines(seen.lines, seen.speakers, otherwise=own, is_late=seen.is_late)


def _decode(file: ClipFile, seen: _Pass, *, max_duration_s: float | None, is_full_decode: bool) -> None:
    try:
        with open_container(file, is_full_decode=is_full_decode) as container:
            streams = choose_streams(container)
            seen.has_video = streams.idle_video is not None or (streams.video is not None and not is_picture(streams.video))
            seen.speakers = Speakers(video=_names(streams.video), audio=_names(streams.audio))
            seen.numbers = stream_numbers(container, streams.video, file)
            seen.reason, line = _obstacle(streams, seen.numbers.duration_s, max_duration_s)
            if seen.reason:
                seen.lines.append(line)
            else:
                promise = promised(container, streams, file, duration_s=seen.numbers.duration_s)
                _decode_streams(container, streams, promise, seen, is_full_decode=is_full_decode)
    except FFmpegError as error:
        seen.is_unopened = True
        seen.is_out_of_memory = isinstance(error, MemoryError)
        seen.lines.append(words(error))
    except OSError as error:
        # Our own read failed inside libav: `file.trouble` says how, and makes the clip unreadable now.
        seen.lines.append(words(error))


def _names(stream: VideoStream | AudioStream | None) -> frozenset[str]:
    context = stream.codec_context if stream is not None else None
    return frozenset({context.name, context.codec.canonical_name}) if context is not None else frozenset()


def _obstacle(streams: Chosen, duration_s: float | None, max_duration_s: float | None) -> tuple[str, str]:
    """Why decoding need not begin: a reason and a line of words; ("", "") when it can."""
    if streams.idle_video is not None:
        return "no_frames", _no_packets(streams.idle_video)
    if not streams.all:
        return "no_video", "no video and no audio stream"
    for stream in streams.all:
        if stream.codec_context is None:
            return "unsupported_codec", f"no decoder for {stream.type} stream {stream.index}"
    if is_longer(duration_s, max_duration_s):
        return "too_long", f"{duration_s:.3f} s, more than the limit of {max_duration_s:.3f} s"
    return "", ""


def _no_packets(video: VideoStream) -> str:
    return f"video stream {video.index} has no packets"


def _decode_streams(container: InputContainer, streams: Chosen, promise: Promise, seen: _Pass, *, is_full_decode: bool) -> None:
    clock = InputClock(start_us=container.start_time, may_jump=bool(container.format.flags & Flags.ts_discont.value))
    video = VideoSink(streams.video, clock, is_full_decode=is_full_decode) if streams.video is not None else None
    audio = AudioSink(streams.audio, clock, is_full_decode=is_full_decode) if streams.audio is not None else None
    sinks = {stream.index: sink for stream, sink in ((streams.video, video), (streams.audio, audio)) if stream and sink}
    try:
        for packet in streams.packets(container):
            sinks[packet.stream_index].take(packet)
    except FFmpegError as error:
        seen.lines.append(f"[demuxer] {words(error)}")
        seen.is_out_of_memory = isinstance(error, MemoryError)
    for sink in sinks.values():
        sink.take(None)
        seen.lines += sink.errors
        seen.is_out_of_memory |= sink.is_out_of_memory
        seen.is_encrypted |= sink.is_encrypted
    seen.is_late = audio is not None and audio.is_late
    seen.end_s = max(sink.end_s for sink in sinks.values())
    if video is not None and streams.video is not None:
        _take_video(video, streams.video, promise, seen)


def _take_video(video: VideoSink, stream: VideoStream, promise: Promise, seen: _Pass) -> None:
    """What the video showed, in numbers and in remarks about what ffmpeg passes."""
    n_places = places(video.end_s, stream.time_base)
    is_broken = promise.is_broken(n_packets=video.n_delivered, n_places=n_places, video_s=video.end_s, clip_s=seen.end_s)
    is_lost = has_lost(n_frames=video.n_frames, n_packets=video.n_packets, lost_s=sum(video.lost_s))
    seen.is_short, seen.is_changing = is_broken or is_lost, video.n_changes > 0
    seen.remark = _remark(video, stream, is_lost=is_lost)
    header_fps = seen.numbers.fps
    seen.numbers = _counted(video, seen.numbers)
    header_frames = seen.numbers.header_frames or video.n_frames
    stills = video.stillness.stills
    seen.extras = VideoExtras(
        header_fps=header_fps,
        size_changes=video.n_changes,
        starts_at_s=round(video.starts_at_s, 6) if video.n_frames else None,
        missing_s=round(video.starts_at_s + max(0.0, seen.end_s - video.shown_end_s), 6) if video.n_frames else None,
        is_variable_rate=is_variable_rate(video.steps),
        is_count_consistent=len({video.n_frames, video.n_packets, header_frames}) == 1,
        **(vars(video.traits) if video.traits else {}),
        **(vars(stills) if stills else {}),
    )


def _remark(video: VideoSink, stream: VideoStream, *, is_lost: bool) -> str:
    if not video.n_delivered:
        return _no_packets(stream)
    if is_lost:
        start_s, end_s = video.lost_s
        lost = f"no picture for {start_s:.3f} s at the start, {end_s:.3f} s at the end"
        return f"{video.n_frames} frames of {video.n_packets} packets; {lost}"
    return video.first_change


def _counted(video: VideoSink, header: ClipNumbers) -> ClipNumbers:
    """What was counted and seen, in place of what the header says."""
    shape = {} if video.shape is None else vars(video.shape)
    fps = trusted_rate(header.fps, video.mean_rate, n_frames=video.n_frames)
    return replace(header, num_frames=video.n_frames, packet_frames=video.n_packets, fps=fps, **shape)
