"""The clock of ffmpeg's null output: which time stamps `ffmpeg -f null -` complains about.

Belongs here: arithmetic on time stamps. Does not belong here: frames and streams (`decode`).
Facts from FFmpeg's fftools and libavformat/mux.c: with `-f null` each frame keeps its own time; video is rescaled to
1 / (guessed frame rate, 25 when unknown), audio to 1 / sample rate, both after the container's start time was taken off.
A time that is not larger than the last accepted one of its stream is an error, unless that one was 0.
"""

from fractions import Fraction

_FALLBACK_RATE = Fraction(25)


class BestEffort:
    """libavcodec's best guess of a frame's time: its own stamp, or the packet's decoding time when that is more orderly."""

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = 0
        self._faulty_dts = 0

    def time(self, pts: int | None, dts: int | None) -> int | None:
        """The time in ticks of the stream; None when there is none."""
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        return pts if pts is not None and (self._faulty_pts <= self._faulty_dts or dts is None) else dts


class NullMuxerClock:
    """Counts the times of one stream that ffmpeg's null muxer refuses."""

    def __init__(self, *, time_base: Fraction, rate: Fraction | int | None, start_s: Fraction, stream: int) -> None:
        self._ticks = time_base * (rate or _FALLBACK_RATE)
        self._offset = start_s * (rate or _FALLBACK_RATE)
        self._stream = stream
        self._last: int | None = None
        self.errors: list[str] = []
        self.n_errors = 0

    def frame(self, time: int) -> None:
        """One more frame, at `time` ticks of the stream's time base."""
        now = round(time * self._ticks - self._offset)
        if self._last and self._last >= now:
            self.n_errors += 1
            if len(self.errors) < 10:
                self.errors.append(
                    f"[null] Application provided invalid, non monotonically increasing dts to muxer in stream {self._stream}: "
                    f"{self._last} >= {now}"
                )
            return
        self._last = now
