"""The clocks of `ffmpeg -i CLIP -f null -`: which time stamps it corrects in silence, and which it complains about.

Belongs here: arithmetic on time stamps. Does not belong here: packets, frames and streams (`decode`).
Facts from FFmpeg's fftools (demuxing, decoding, filtering) and libavformat's muxing, releases 5.1 to 9.0. Times are ticks of
a stream unless the name says microseconds (`_us`).
"""

from collections.abc import Collection
from fractions import Fraction

_US = 1_000_000
_JUMP_US = 10 * _US  # formats that may jump (MPEG transport and program streams): larger jumps are closed
_BACKWARDS_US = _US // 10
_ABSURD_US = 30 * 3600 * _US  # other formats: times further off than this are taken for missing
_FALLBACK_RATE = Fraction(25)
_MAX_KEPT_ERRORS = 10


def nearest(numerator: int, denominator: int) -> int:
    """The quotient, rounded to the nearest integer, halves away from zero, as libavutil rounds.

    >>> nearest(3, 2), nearest(-3, 2), nearest(4, 3)
    (2, -2, 1)
    """
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


class InputClock:
    """What ffmpeg does to packet times before it decodes: takes the start off, closes jumps, drops absurd ones."""

    def __init__(self, *, start_us: int | None, may_jump: bool) -> None:
        self.start_us = start_us or 0
        self.may_jump = may_jump
        self.shift_us = 0
        self.last_us: int | None = None


class StreamClock:
    """The packet times of one stream of an input.

    Args:
        clock: shared by the streams of one clip.
        time_base: seconds per tick.
        frame_us: microseconds that a packet lasts when it does not say so itself.
    """

    def __init__(self, clock: InputClock, *, time_base: Fraction, frame_us: int) -> None:
        self._clock = clock
        self._num, self._den = time_base.numerator * _US, time_base.denominator
        self._start = self._ticks(clock.start_us)
        self._shift_us, self._offset = 0, -self._start
        self._frame_us = frame_us
        self._duration = (0, frame_us)
        self._dts_us: int | None = None
        self._next_us: int | None = None

    # Called for every packet: a million tiny ones cost as much here as in their decoder, so no time is converted twice.
    def fix(self, pts: int | None, dts: int | None, duration: int) -> tuple[int | None, int | None]:
        """The packet's times as ffmpeg hands them to the decoder."""
        clock = self._clock
        if self._shift_us != clock.shift_us:
            self._take_shift()
        pts = pts + self._offset if pts is not None else None
        if dts is None:
            self._predict(self._us(pts) if pts is not None and self._next_us is None else self._next_us, duration)
            return pts, None
        dts += self._offset
        now_us = self._us(dts)
        if clock.may_jump:
            if shift := self._jump(now_us):
                clock.shift_us -= shift
                ticks = self._ticks(shift)
                pts, dts = (pts - ticks if pts is not None else None), dts - ticks
                now_us = self._us(dts)
        elif self._next_us is not None:
            if pts is not None and pts != dts and self._is_absurd(self._us(pts)):
                pts = None
            if self._is_absurd(now_us):
                self._predict(self._next_us, duration)
                return (pts if pts != dts else None), None
        clock.last_us = now_us
        self._predict(now_us, duration)
        return pts, dts

    def _take_shift(self) -> None:
        self._shift_us = self._clock.shift_us
        self._offset = self._ticks(self._shift_us) - self._start

    def _jump(self, now_us: int) -> int:
        if self._next_us is not None and self._dts_us is not None:
            delta = now_us - self._next_us
            return delta if abs(delta) > _JUMP_US or now_us + _BACKWARDS_US < self._dts_us else 0
        if self._clock.last_us is not None:
            delta = now_us - self._clock.last_us
            return delta if abs(delta) > _JUMP_US else 0
        return 0

    def _is_absurd(self, time_us: int) -> bool:
        return self._next_us is not None and abs(time_us - self._next_us) > _ABSURD_US

    def _predict(self, time_us: int | None, duration: int) -> None:
        if self._duration[0] != duration:
            self._duration = duration, self._us(duration) if duration > 0 else self._frame_us
        self._dts_us = time_us or 0
        self._next_us = self._dts_us + self._duration[1]

    def _us(self, ticks: int) -> int:
        product = 2 * ticks * self._num
        return (product + self._den) // (2 * self._den) if ticks >= 0 else -((self._den - product) // (2 * self._den))

    def _ticks(self, microseconds: int) -> int:
        return nearest(microseconds * self._den, self._num)


class BestEffort:
    """libavcodec's best guess of a frame's time: its own stamp, or the packet's decoding time when that is more orderly."""

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = 0
        self._faulty_dts = 0

    def time(self, pts: int | None, dts: int | None) -> int | None:
        """The time; None when there is none."""
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


class NullMuxer:
    """The times that one stream brings to ffmpeg's null muxer, and its complaints.

    A time that is not larger than the last accepted one is refused with an error, unless that one was 0.
    """

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._last: int | None = None
        self.errors: list[str] = []

    def take(self, time: int) -> None:
        """One more frame, in ticks of the output."""
        if self._last and self._last >= time:
            if len(self.errors) < _MAX_KEPT_ERRORS:
                words = "Application provided invalid, non monotonically increasing dts to muxer in stream"
                self.errors.append(f"[null] {words} {self._stream}: {self._last} >= {time}")
            return
        self._last = time


class VideoClock:
    """Frame times of a video stream, rescaled to 1 / (guessed frame rate), 25 per second when unknown."""

    def __init__(self, *, time_base: Fraction, rate: Fraction | None, stream: int) -> None:
        rate = rate or _FALLBACK_RATE
        ratio = time_base * rate
        # ffmpeg keeps some extra bits, and shifts what is not whole away from zero so that halves round up.
        self._extra = 1 << min(max(29 - (rate.numerator.bit_length() - 1), 0), 16)
        self._num, self._den = ratio.numerator * self._extra, ratio.denominator
        self._frame = max(nearest(ratio.denominator, ratio.numerator), 1)
        self._best = BestEffort()
        self._last: int | None = None
        self._duration = 0
        self.muxer = NullMuxer(stream)

    def take(self, pts: int | None, dts: int | None, duration: int) -> int:
        """One more frame; returns its time, which is extrapolated when it has none."""
        time = self._best.time(pts, dts)
        if time is None:
            time = 0 if self._last is None else self._last + self._duration
        step = time - self._last if self._last is not None else 0
        is_made_up = duration == 1 and step > 2
        self._duration = duration if duration > 0 and not is_made_up else (step if step > 0 else self._frame)
        self._last = time
        # `nearest` twice, written out: this is done for every frame.
        fine = (2 * abs(time) * self._num + self._den) // (2 * self._den)
        rounded = (2 * fine + self._extra) // (2 * self._extra)
        self.muxer.take(rounded if time >= 0 else -rounded)
        return time

    @property
    def end(self) -> int:
        """When the last frame ends, in ticks of the stream."""
        return (self._last or 0) + self._duration


class AudioClock:
    """Frame times of an audio stream, rescaled to 1 / sample rate; coarse stamps are smoothed with the number of samples."""

    def __init__(self, *, time_base: Fraction, stream: int) -> None:
        self._num, self._den = time_base.numerator, time_base.denominator
        self._next: int | None = None
        self.muxer = NullMuxer(stream)

    def take(self, pts: int | None, n_samples: int, sample_rate: int) -> None:
        """One more frame of `n_samples`."""
        if pts is None:
            time = self._next or 0
        else:
            scaled = self._num * sample_rate
            time = nearest(pts * scaled, self._den)
            earliest = ((2 * pts - 1) * scaled // self._den) >> 1
            latest = -((-(2 * pts + 1) * scaled // self._den) >> 1)
            is_coarse = scaled > self._den
            if is_coarse and self._next is not None and 2 * earliest - latest <= self._next <= 2 * latest - earliest:
                time = min(max(self._next, earliest), latest)
        self._next = time + n_samples
        self.muxer.take(time)


def is_variable_rate(steps: Collection[int]) -> bool | None:
    """True when frames do not last equally long; None for fewer than two frames.

    Container clocks are coarse (1 ms in Matroska): two neighbouring durations, or a last one, are one rate, rounded.

    Args:
        steps: the different distances between neighbouring frames, in ticks.
    """
    return max(steps) - min(steps) > 1 if steps else None
