"""What the headers of a clip say of it: its numbers, and how long it lasts.

Belongs here: reading headers. Does not belong here: which streams (`choice`), what a whole clip would have to hold (`promise`).
"""

from fractions import Fraction

from av.container import InputContainer
from av.video.stream import VideoStream

from video_assets.core.results import ClipNumbers
from video_assets.media.clip_file import ClipFile
from video_assets.media.container import is_mp4
from video_assets.media.flv_tags import last_tag_s

_AV_TIME_BASE = 1_000_000
_MATROSKA = "matroska"
_STORE_END = (_MATROSKA, "nut", "asf")
_FLV = "flv"
_MAX_RATE_FACTOR = 1.5
_MIN_RATE_FRAMES = 3


def stream_numbers(container: InputContainer, video: VideoStream | None, file: ClipFile) -> ClipNumbers:
    """What the headers say: duration, rate, size, codec; `header_frames` is None when the container claims no count.

    Height and width in pixels as coded, before rotation; fps is the average rate, frames per second.

    Raises:
        StorageError: the storage did not deliver the end of an FLV.
    """
    duration_s = _duration_s(container, file)
    if video is None:
        return ClipNumbers(duration_s=duration_s)
    context = video.codec_context
    return ClipNumbers(
        duration_s=duration_s,
        fps=float(video.average_rate) if video.average_rate else None,
        header_frames=video.frames or None,
        height=context.height if context is not None else None,
        width=context.width if context is not None else None,
        video_codec=context.name if context is not None else None,
        pix_fmt=context.pix_fmt if context is not None else None,
    )


def _duration_s(container: InputContainer, file: ClipFile) -> float | None:
    """How long the clip lasts. Some containers store when it ends instead, which differs for a clip that does not start at 0."""
    if container.duration is None:
        return None
    stored_s, start_s = container.duration / _AV_TIME_BASE, (container.start_time or 0) / _AV_TIME_BASE
    if is_mp4(container):
        return length_s(stored_s, start_s, _tracks_end_s(container)) if start_s >= 1 else stored_s
    if container.format.name == _FLV:
        return length_s(stored_s, start_s, last_tag_s(file.peek, file.size)) if start_s > 0 else stored_s
    if container.format.name.startswith(_STORE_END):
        return length_s(stored_s, start_s, stored_s)
    return stored_s  # counted by libavformat from the first time to the last


def length_s(stored_s: float, start_s: float, end_s: float | None) -> float:
    """How long a clip lasts whose header stores a length or an end, whichever is nearer to what is known of its end.

    >>> length_s(8.0, 4.0, 8.0), length_s(4.0, 4.0, 8.0), length_s(2.0, 4.0, 2.0)
    (4.0, 4.0, 2.0)

    Args:
        stored_s: what the header says.
        start_s: time of the first packet.
        end_s: time of the last packet, or where it must be at the latest; None when unknown.
    """
    if start_s <= 0 or stored_s <= start_s or end_s is None or end_s <= start_s:
        return stored_s
    is_end = abs(stored_s - end_s) <= abs(stored_s - (end_s - start_s))
    return round(stored_s - start_s, 6) if is_end else stored_s


def _tracks_end_s(container: InputContainer) -> float | None:
    ends = [
        float((stream.start_time + stream.duration) * stream.time_base)
        for stream in (*container.streams.video, *container.streams.audio)
        if stream.start_time is not None and stream.duration and stream.time_base
    ]
    return max(ends, default=None)


def is_longer(duration_s: float | None, max_duration_s: float | None) -> bool:
    """True when both are known and the clip lasts longer than the limit."""
    return duration_s is not None and max_duration_s is not None and duration_s > max_duration_s


def trusted_rate(header_fps: float | None, times_fps: float | None, *, n_frames: int) -> float | None:
    """The container's frame rate, unless the decoded times say another one by more than half.

    Containers claim clock rates (1000, 90000), field rates, or the rate at which a recorder looked for new pictures.

    >>> trusted_rate(1000.0, 30.0, n_frames=60), trusted_rate(30.0, 24.0, n_frames=60), trusted_rate(None, 24.0, n_frames=60)
    (30.0, 30.0, 24.0)
    """
    if header_fps is None or times_fps is None:
        return header_fps or times_fps
    is_other = max(header_fps, times_fps) > _MAX_RATE_FACTOR * min(header_fps, times_fps)
    return times_fps if is_other and n_frames >= _MIN_RATE_FRAMES else header_fps


def places(end_s: float, time_base: Fraction | None) -> float:
    """How many ticks of the stream's clock have passed: in an AVI, frames and dropped frames."""
    return end_s / float(time_base) if time_base else 0.0
