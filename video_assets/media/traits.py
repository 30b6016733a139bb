"""Traits of a video that some readers handle otherwise than others: fields, pixel aspect, transfer function, transparency.

Belongs here: reading them off the stream and its first frame. Does not belong here: which reader minds (`report.previews`).
"""

from dataclasses import dataclass

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
    18: "arib-std-b67",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Of the first frame that decodes; the columns of VERDICTS with these names."""

    is_interlaced: bool
    pixel_aspect: float | None
    color_transfer: str | None
    has_alpha: bool


def traits_of(stream: VideoStream, frame: VideoFrame) -> Traits:
    """The traits of a video, from its stream and its first frame."""
    aspect = stream.sample_aspect_ratio
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    is_alpha_track = tags.get("alpha_mode") == "1"  # WebM keeps the transparency beside the picture
    return Traits(
        is_interlaced=frame.interlaced_frame,
        pixel_aspect=float(aspect) if aspect else None,
        color_transfer=_TRANSFERS.get(int(frame.color_trc)),
        has_alpha=is_alpha_track or any(component.is_alpha for component in frame.format.components),
    )
