"""What a clip's container says, without decoding it: exact counts wherever the container allows.

Belongs here: reading headers and packets. Does not belong here: verdicts (`decode`), isolation and limits (`workers.pool`).
"""

from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from video_assets.core.verdicts import first_lines
from video_assets.media.choice import Chosen, choose_streams
from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.media.container import is_picture, open_container, unopened_reason
from video_assets.media.headers import stream_numbers
from video_assets.media.iso_boxes import has_whole_index
from video_assets.media.libav_log import libav_log

_COLUMNS = (
    "probe_status", "probe_detail", "num_frames", "height", "width", "fps", "duration_s", "video_codec", "pix_fmt",
    "rotation_deg", "header_frames", "packet_frames", "file_size", "mtime_ns",
)  # fmt: skip


def probe_clip(path: str) -> dict[str, Any]:
    """Read one clip's container; return its numbers and `probe_status`: "ok", a reason why not, or "unreadable_now".

    `num_frames` counts the video packets that a player shows (edit lists applied). An MP4 with one whole index is not read
    further than its header: then `pix_fmt` is None, since only a decoder knows it. `rotation_deg` is None likewise.
    One clip at a time per process.

    Args:
        path: the clip; any name, it is never taken for a URL or a pattern.
    """
    row: dict[str, Any] = dict.fromkeys(_COLUMNS) | {"file_size": 0, "mtime_ns": 0}
    try:
        with ClipFile(path) as file:
            row |= {"file_size": file.size, "mtime_ns": file.status.st_mtime_ns}
            row |= _read(file)
            file.check_unchanged()
    except StorageError as error:
        row |= {"probe_status": "unreadable_now", "probe_detail": first_lines([str(error)])}
    except NotAFileError as error:
        row |= {"probe_status": "not_a_file", "probe_detail": first_lines([str(error)])}
    return row


def _read(file: ClipFile) -> dict[str, Any]:
    if not file.size:
        return {"probe_status": "empty_file", "probe_detail": ""}
    numbers: dict[str, Any] = {}
    error_text = ""
    log = libav_log()
    with log.capture():
        try:
            numbers = (_header_numbers(file) if has_whole_index(file.peek, file.size) else None) or _packet_numbers(file)
        except (FFmpegError, OSError) as error:
            error_text = str(error.strerror)
    lines = [*log.lines(), error_text]
    reason = numbers.pop("reason", "")
    if error_text:
        reason = unopened_reason(file, lines)
    return numbers | {"probe_status": reason or "ok", "probe_detail": first_lines(lines) if reason else ""}


def _header_numbers(file: ClipFile) -> dict[str, Any] | None:
    """The numbers from an MP4's header alone; None when it does not have them all, or promises more than the file holds."""
    with open_container(file, is_header_only=True) as container:
        video = choose_streams(container, is_video_only=True).video
        if video is None or is_picture(video):
            return None
        numbers = stream_numbers(container, video, file)
        shown = _shown_in_index(video, file.size)
        if not shown or not (numbers["fps"] and numbers["height"] and numbers["width"] and numbers["duration_s"]):
            return None
        return numbers | {"num_frames": shown, "packet_frames": shown}


def _shown_in_index(video: VideoStream, file_size: int) -> int:
    n_shown = 0
    for entry in video.index_entries:
        if entry.pos + entry.size > file_size:
            return 0
        n_shown += not entry.is_discard
    return n_shown


def _packet_numbers(file: ClipFile) -> dict[str, Any]:
    file.seek(0)
    with open_container(file) as container:
        streams = choose_streams(container, is_video_only=True)
        video = streams.video
        numbers = stream_numbers(container, video, file)
        if video is None or is_picture(video):
            return {"reason": "no_frames" if streams.idle_video else "no_video", "duration_s": numbers["duration_s"]}
        shown = _shown_in_packets(container, streams)
        return numbers | {"reason": "" if shown else "no_frames", "num_frames": shown, "packet_frames": shown}


def _shown_in_packets(container: InputContainer, streams: Chosen) -> int:
    n_shown = 0
    try:
        for packet in streams.packets(container):
            n_shown += not packet.is_discard
    except FFmpegError:
        # A damaged clip: what could be read is what there is, and the decode check will say what is wrong with it.
        return n_shown
    return n_shown
    return n_shown
