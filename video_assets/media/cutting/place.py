"""Where a clip lies in its source video: by the clock, or by counting frames.

A table gives both, and both can be wrong: its seconds when they were computed with a rate cut to a whole number (29 for 29.97),
its frames when the video has another rate now (60 instead of 30).
Belongs here: which of them counts. Does not belong here: finding the frames (`media.cutting.span`).
"""

from dataclasses import dataclass

_SAME_RATE = 0.005  # 29.97 and 30 are different rates in name only: a frame in a thousand
_CUT_SHORT = 0.01


@dataclass(frozen=True)
class Frames:
    """A clip by frames: the rate that the table gives (frames per second), the number of the first frame, how many there are."""

    rate: float
    first: int
    n: int


@dataclass(frozen=True)
class Place:
    """A clip by seconds of the source video, and by frames where those are known."""

    start_s: float
    end_s: float
    frames: Frames | None = None


def why_frames_count(place: Place, rate: float | None) -> str:
    """Why frames and not seconds say where the clip lies in a video of `rate` frames per second; empty when seconds do.

    >>> why_frames_count(Place(0, 123.241, Frames(29, 0, 3574)), 30000 / 1001)
    'the rate of 29 is 29.97 cut short'
    >>> why_frames_count(Place(0, 30.239, Frames(23.97602398, 0, 725)), 24000 / 1001)
    'it starts with the video'
    >>> why_frames_count(Place(0, 30, Frames(30, 0, 900)), 60), why_frames_count(Place(9, 39, Frames(30, 270, 900)), 30)
    ('', '')
    """
    frames = place.frames
    if frames is None or not rate:
        return ""
    if frames.rate == int(frames.rate) and _CUT_SHORT < rate - frames.rate < 1:
        return f"the rate of {frames.rate:g} is {rate:.4g} cut short"
    if frames.first == 0 and abs(rate - frames.rate) <= _SAME_RATE * frames.rate:
        return "it starts with the video"
    return ""
