"""One small picture of a clip, as it is displayed: rotated, with square pixels.

Belongs here: which frame, and its pixels. Does not belong here: processes and limits (`workers.pool`: a clip is hostile), what
the pictures are put into (`report.contact_sheet`).
"""

import base64
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from video_assets.core.results import Thumbnail
from video_assets.media.choice import Chosen, choose_streams
from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.media.container import open_container, packets
from video_assets.media.libav_log import libav_log

if TYPE_CHECKING:
    import numpy as np

# Key frames may be far apart, and no frame of a broken clip may be whole: look at this many, then take the best.
_MAX_FRAMES = 150


def thumbnail(path: str, *, width_px: int = 213, height_px: int = 120) -> Thumbnail:
    """A frame near the first third of the clip, fitted into a box of so many pixels."""
    result = _try(path, (width_px, height_px), is_from_start=False)
    # Without an index (cut off) or whole packets there, libav cannot jump; the beginning may still be whole.
    return result if result.rgb else _try(path, (width_px, height_px), is_from_start=True)


def _try(path: str, box: tuple[int, int], *, is_from_start: bool) -> Thumbnail:
    try:
        with ClipFile(path) as file, libav_log().capture(), open_container(file) as container:
            streams = choose_streams(container, is_video_only=True)
            video = streams.video
            frame = _frame(container, streams, video, is_from_start=is_from_start) if video is not None else None
            if video is None or frame is None:
                return Thumbnail(trouble="no frame decodes")
            pixels = _fitted(frame, pixel_aspect=float(video.sample_aspect_ratio or 1), box=box)
    except (StorageError, NotAFileError) as error:
        return Thumbnail(trouble=str(error))
    except (FFmpegError, OSError) as error:
        return Thumbnail(trouble=str(error.strerror))
    height, width, _ = pixels.shape
    return Thumbnail(width=width, height=height, rgb=base64.b64encode(pixels.tobytes()).decode())


def _frames(source: Iterable[Packet], video: VideoStream) -> Iterator[VideoFrame]:
    """All frames of the video from these packets on."""
    for packet in source:
        yield from video.decode(packet)
    yield from video.decode(None)


def _frame(container: InputContainer, streams: Chosen, video: VideoStream, *, is_from_start: bool) -> VideoFrame | None:
    """The best frame on the way from a key frame to the first third; the first whole one when `is_from_start`."""
    target = (container.start_time or 0) + (container.duration or 0) // 3
    best: VideoFrame | None = None
    try:
        if is_from_start:
            source = streams.packets(container)
        else:
            container.seek(target)
            source = packets(container, [video])
        for frame in islice(_frames(source, video), _MAX_FRAMES):
            best = frame if best is None or best.is_corrupt or not frame.is_corrupt else best
            is_there = is_from_start or frame.time is None or frame.time * av.time_base >= target
            if is_there and not best.is_corrupt:
                break
    except FFmpegError:
        if best is None:
            raise
    return best


def _fitted(frame: VideoFrame, *, pixel_aspect: float, box: tuple[int, int]) -> "np.ndarray":
    import numpy as np  # a quarter of a worker's start, and most workers make no picture

    quarters = round(frame.rotation / 90) % 4
    shown = (frame.width * pixel_aspect, float(frame.height))
    across, down = shown if quarters % 2 == 0 else shown[::-1]
    scale = min(box[0] / across, box[1] / down)
    width, height = (max(1, math.floor(side * scale + 0.5)) for side in shown)
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation=av.video.reformatter.Interpolation.AREA)
    # Display matrices and numpy both turn counter-clockwise.
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), quarters))
