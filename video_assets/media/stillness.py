"""Which share of a video stands still, and which is black: the sizes of packets first, small pictures only where those are tiny.

A picture that stays costs next to nothing per frame, whatever the codec. So a stretch of video (a second or so) is looked
at only when nearly all of its packets are tiny, or as large as the one before; after a still stretch one packet may be large, as
key frames are. Then its last picture, scaled down to 64x36 grey dots, is compared with the picture that was shown since the last
change.
Belongs here: that decision, for one video, while it is decoded. Does not belong here: decoding (`sinks`), which clips are left
out for it (`core.filters`).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from video_assets.media.libav_log import quiet

_WIDTH, _HEIGHT = 64, 36
_STRETCH_S = 1
_MAX_STRETCH_PACKETS = 60
_FIRST_STRETCHES = 2  # the first ones are shorter, so that clips of a few frames have some
_MAX_STRETCHES = 512  # of long videos, about: later stretches grow
_LOUD_SHARE = 4  # one packet in four may be larger: key frames
_QUIET_BYTES, _PIXELS_PER_BYTE = 128, 500
# Levels of 255 by which a dot may differ, and all of them on average: what a key frame changes in a picture that stands still.
_SAME, _SAME_ON_AVERAGE = 16, 2
_FEW = 29  # one dot in so many; prime to the width, so that they lie in all columns
_BLACK = 24
_IS_SHARE = 0.95


@dataclass(frozen=True)
class Stills:
    """Shares of the packets of a video in stretches that show one picture, or black, and whether they are nearly all.

    Its fields are columns of VERDICTS.
    """

    static_share: float
    black_share: float
    is_static: bool
    is_black: bool

    @classmethod
    def of(cls, static_share: float, black_share: float) -> Self:
        """From the shares alone."""
        return cls(static_share, black_share, is_static=static_share >= _IS_SHARE, is_black=black_share >= _IS_SHARE)


def quiet_bytes(width: int, height: int) -> int:
    """Packets of at most this size change next to nothing in a picture of so many pixels.

    >>> quiet_bytes(1280, 720), quiet_bytes(64, 48)
    (1971, 134)
    """
    return _QUIET_BYTES + width * height // _PIXELS_PER_BYTE


class Stillness:
    """What was found so far. `due` is the number of packets after which it wants to see a picture."""

    def __init__(self, rate: Fraction | None) -> None:
        self.due = 1
        self._most = min(max(round((rate or 25) * _STRETCH_S), _FIRST_STRETCHES), _MAX_STRETCH_PACKETS)
        self._shown: VideoFrame | None = None
        self._dots: bytes | None = None  # of the frame shown, once they were needed
        self._n_packets = 0
        self._n_judged = self._n_static = self._n_black = 0
        self._is_still = False
        self._reformatter = VideoReformatter()

    def look(self, frame: VideoFrame, *, n_packets: int, n_loud: int) -> None:
        """A stretch ends with this frame, after so many packets of the video; `n_loud` of the stretch's own are large."""
        n_new, self._n_packets = n_packets - self._n_packets, n_packets
        if not n_new:
            return  # the clip ends where a stretch did
        self.due = n_packets + max(min(self._most, n_packets // _FIRST_STRETCHES), n_packets // _MAX_STRETCHES, 1)
        if self._shown is None:
            self._shown = frame
            return
        self._n_judged += n_new
        # One large packet in a stretch after a still one is most likely a key frame. Nothing that moves gets here.
        is_quiet = n_loud * _LOUD_SHARE <= n_new or (self._is_still and n_loud == 1)
        dots = self._small(frame) if is_quiet else None
        self._is_still = dots is not None and self._is_shown(dots)
        if dots is None or not self._is_still:
            # Only a reference: most frames are never scaled.
            self._shown, self._dots = frame, dots
            return
        self._n_static += n_new
        self._n_black += n_new if _is_black(dots) else 0

    @property
    def stills(self) -> Stills | None:
        """The shares; None when no picture was seen. A video of one picture stands still."""
        if self._shown is None:
            return None
        if self._n_judged:
            return Stills.of(round(self._n_static / self._n_judged, 3), round(self._n_black / self._n_judged, 3))
        dots = self._small(self._shown)
        return Stills.of(1.0, 1.0 if dots is not None and _is_black(dots) else 0.0)

    def _is_shown(self, dots: bytes) -> bool:
        if self._dots is None and self._shown is not None:
            self._dots = self._small(self._shown)
        return self._dots is not None and is_same_picture(self._dots, dots)

    def _small(self, frame: VideoFrame) -> bytes | None:
        """The picture as grey dots, row by row; None when libswscale cannot read its pixel format."""
        with quiet():  # what is said here is not about the clip
            try:
                small = self._reformatter.reformat(
                    frame, width=_WIDTH, height=_HEIGHT, format="gray", interpolation=Interpolation.AREA, threads=1
                )
            except (FFmpegError, ValueError):
                return None
        plane = small.planes[0]
        data = bytes(plane)
        if plane.line_size == _WIDTH:
            return data
        return b"".join(data[row * plane.line_size :][:_WIDTH] for row in range(_HEIGHT))


def is_same_picture(one: bytes, other: bytes) -> bool:
    """True when no dot differs by more than encoders change in a picture that stands still.

    >>> is_same_picture(b"abcd", b"abch"), is_same_picture(b"abcd", b"abcz"), is_same_picture(b"abcd", b"defg")
    (True, False, False)
    """
    if one == other:
        return True
    # A few dots first: where pictures differ, one of them nearly always does.
    return _is_near(one[::_FEW], other[::_FEW], on_average=_SAME) and _is_near(one, other, on_average=_SAME_ON_AVERAGE)


def _is_near(one: bytes, other: bytes, *, on_average: int) -> bool:
    steps = [abs(a - b) for a, b in zip(one, other, strict=True)]
    return max(steps) <= _SAME and sum(steps) <= on_average * len(steps)


def _is_black(dots: bytes) -> bool:
    return max(dots) <= _BLACK
