"""What a clip's container says, without decoding it: exact counts wherever the container allows.

Belongs here: reading headers and packets. Does not belong here: verdicts (`decode`), isolation and limits (`io.workers`).
"""

from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard

from video_assets.core.verdicts import first_lines, reason_of_open_error, reason_of_text
from video_assets.io.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.io.media.container import choose_streams, is_picture, open_container, packets, stream_numbers
from video_assets.io.media.libav_log import libav_log

_HEAD_BYTES = 1024
_COLUMNS = (
    "probe_status", "probe_detail", "num_frames", "height", "width", "fps", "duration_s", "video_codec", "pix_fmt",
    "rotation_deg", "header_frames", "packet_frames", "file_size", "mtime_ns",
)  # fmt: skip


def probe_clip(path: str) -> dict[str, Any]:
    """Read one clip's container; return its numbers and `probe_status`: "ok", a reason why not, or "unreadable_now".

    `num_frames` counts the video packets that a player shows (edit lists applied). One clip at a time per process.

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
            with open_container(file) as container:
                numbers = _numbers(container)
        except (FFmpegError, OSError) as error:
            error_text = str(error.strerror)
    lines = [*log.lines(), error_text]
    reason = numbers.pop("reason", "")
    if error_text:
        reason = reason_of_text(file.head(_HEAD_BYTES)) or reason_of_open_error(lines)
    return numbers | {"probe_status": reason or "ok", "probe_detail": first_lines(lines) if reason else ""}


def _numbers(container: InputContainer) -> dict[str, Any]:
    video = choose_streams(container).video
    numbers = stream_numbers(container, video)
    if video is None or is_picture(video):
        return {"reason": "no_video", "duration_s": numbers["duration_s"]}
    for stream in container.streams.audio:
        stream.discard = Discard.all
    n_packets = sum(not packet.is_discard for packet in packets(container, [video]))
    return numbers | {
        "reason": "" if n_packets else "no_frames",
        "num_frames": n_packets,
        "packet_frames": n_packets,
        "rotation_deg": None,
    }
