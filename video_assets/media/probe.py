"""What a clip's container says, without decoding it: exact counts wherever the container allows.

Belongs here: reading headers and packets. Does not belong here: verdicts (`decode`), isolation and limits (`workers.pool`).
"""

from dataclasses import dataclass, field, replace

from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from video_assets.core.ffmpeg_messages import first_lines
from video_assets.core.results import ClipNumbers, ClipProbe
from video_assets.media.choice import Chosen, choose_streams
from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.media.container import is_picture, open_container, unopened_reason
from video_assets.media.headers import stream_numbers
from video_assets.media.iso_boxes import has_whole_index
from video_assets.media.libav_log import libav_log


@dataclass(frozen=True)
class _Read:
    """What the container gave: numbers, and why they cannot be relied on ("" when they can)."""

    numbers: ClipNumbers = field(default_factory=ClipNumbers)
    reason: str = ""


def probe_clip(path: str) -> ClipProbe:
    """Read one clip's container; `probe_status` is "ok", a reason why not, or "unreadable_now".

    `num_frames` counts the video packets that a player shows (edit lists applied). An MP4 with one whole index is not read
    further than its header: then `pix_fmt` is None, since only a decoder knows it. `rotation_deg` is None likewise.
    One clip at a time per process.

    Args:
        path: the clip; any name, it is never taken for a URL or a pattern.
    """
    size, mtime_ns = 0, 0
    try:
        with ClipFile(path) as file:
            size, mtime_ns = file.size, file.status.st_mtime_ns
            probe = _read(file)
            file.check_unchanged()
            return probe
    except StorageError as error:
        status, trouble = "unreadable_now", error
    except NotAFileError as error:
        status, trouble = "not_a_file", error
    return ClipProbe(probe_status=status, probe_detail=first_lines([str(trouble)]), file_size=size, mtime_ns=mtime_ns)


def _read(file: ClipFile) -> ClipProbe:
    if not file.size:
        return _answer(file, _Read(reason="empty_file"), [])
    read, error_text = _Read(), ""
    log = libav_log()
    with log.capture():
        try:
            read = (_read_header(file) if has_whole_index(file.peek, file.size) else None) or _read_packets(file)
        except (FFmpegError, OSError) as error:
            error_text = str(error.strerror)
    lines = [*log.lines(), error_text]
    return _answer(file, replace(read, reason=unopened_reason(file, lines)) if error_text else read, lines)


def _answer(file: ClipFile, read: _Read, lines: list[str]) -> ClipProbe:
    return ClipProbe(
        **vars(read.numbers),
        probe_status=read.reason or "ok",
        probe_detail=first_lines(lines) if read.reason else "",
        file_size=file.size,
        mtime_ns=file.status.st_mtime_ns,
    )


def _read_header(file: ClipFile) -> _Read | None:
    """The numbers from an MP4's header alone; None when it does not have them all, or promises more than the file holds."""
    with open_container(file, is_header_only=True) as container:
        video = choose_streams(container, is_video_only=True).video
        if video is None or is_picture(video):
            return None
        numbers = stream_numbers(container, video, file)
        shown = _shown_in_index(video, file.size)
        if not shown or not (numbers.fps and numbers.height and numbers.width and numbers.duration_s):
            return None
        return _Read(replace(numbers, num_frames=shown, packet_frames=shown))


def _shown_in_index(video: VideoStream, file_size: int) -> int:
    n_shown = 0
    for entry in video.index_entries:
        if entry.pos + entry.size > file_size:
            return 0
        n_shown += not entry.is_discard
    return n_shown


def _read_packets(file: ClipFile) -> _Read:
    file.seek(0)
    with open_container(file) as container:
        streams = choose_streams(container, is_video_only=True)
        video = streams.video
        numbers = stream_numbers(container, video, file)
        if video is None or is_picture(video):
            reason = "no_frames" if streams.idle_video else "no_video"
            return _Read(ClipNumbers(duration_s=numbers.duration_s), reason)
        shown = _shown_in_packets(container, streams)
        return _Read(replace(numbers, num_frames=shown, packet_frames=shown), "" if shown else "no_frames")


def _shown_in_packets(container: InputContainer, streams: Chosen) -> int:
    n_shown = 0
    try:
        for packet in streams.packets(container):
            n_shown += not packet.is_discard
    except FFmpegError:
        # A damaged clip: what could be read is what there is, and the decode check will say what is wrong with it.
        return n_shown
    return n_shown
