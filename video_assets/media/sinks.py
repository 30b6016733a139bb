"""Decoding of one stream: feed packets, count and time frames, remember what FFmpeg would complain about.

Belongs here: one stream. Does not belong here: the clip and its verdict (`decode`), the arithmetic of times (`clock`).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.error import EOFError as EndOfFileError
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from video_assets.media.clock import AudioClock, InputClock, NullMuxer, StreamClock, VideoClock
from video_assets.media.libav_log import libav_log
from video_assets.media.stillness import Stillness, quiet_bytes
from video_assets.media.traits import Traits, traits_of

_US = 1_000_000
_MAX_KEPT_ERRORS = 100
_NEVER = 1 << 62
_USUAL_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 60000 / 1001, 60.0)
# What nobody sees need not be computed; docs/decode-check.md shows that verdicts and counts stay. "full" leaves nothing out.
_OPTIONS = {"skip_loop_filter": "all"}


def words(error: FFmpegError | OSError) -> str:
    """The error's text and kind, without the file's name."""
    return f"{error.strerror} ({type(error).__name__})"


def _whole_rate(rate: float, *, n_ticks: int) -> float:
    """The usual rate that a mean over `n_ticks` means, since both ends are rounded to ticks; otherwise the mean itself.

    Trainers sort 24.01 frames a second into another bucket than 24.
    """
    usual = min(_USUAL_RATES, key=lambda candidate: abs(candidate - rate))
    return usual if abs(usual - rate) * n_ticks <= rate else rate


class Decoder:
    """One stream's decoder, set up so that it gives the same answer on every run."""

    def __init__(self, stream: VideoStream | AudioStream, clock: StreamClock, *, is_full_decode: bool) -> None:
        context = stream.codec_context
        # More threads change verdicts and counts from run to run; parallelism comes from one process per core.
        context.thread_count = 1
        context.thread_type = "NONE"
        if not is_full_decode:
            context.options = dict(_OPTIONS)
        self._context = context
        self._clock = clock
        self._time_base = stream.time_base or Fraction(1)
        self._end = 0
        self.pts: int | None = None  # of the last packet, as the decoder got it
        self.errors: list[str] = []
        self.is_out_of_memory = False
        self.is_encrypted = False

    def decode(self, packet: Packet | None) -> list[Any]:
        """Frames that come out for one packet; None takes what the decoder still holds."""
        if packet is not None:
            self._fix_times(packet)
        try:
            return self._context.decode(packet)
        except EndOfFileError:
            return []
        except FFmpegError as error:
            if len(self.errors) < _MAX_KEPT_ERRORS:
                self.errors.append(f"[{self._context.name}] {words(error)}")
            self.is_out_of_memory |= isinstance(error, MemoryError)
            # The demuxer says how a packet is encrypted when it has no key. Asked only here: it costs as much as a small packet.
            self.is_encrypted |= packet is not None and packet.has_sidedata("encryption_info")
            return []

    def _fix_times(self, packet: Packet) -> None:
        pts, dts, duration = packet.pts, packet.dts, packet.duration or 0
        fixed_pts, fixed_dts = self._clock.fix(pts, dts, duration)
        if fixed_pts != pts:
            packet.pts = fixed_pts
        self.pts = fixed_pts
        if fixed_dts != dts:
            packet.dts = fixed_dts
        # Some streams (MPEG-4 with B-frames in AVI) say only when a packet is decoded.
        end = (fixed_dts or 0 if fixed_pts is None else fixed_pts) + duration
        if end > self._end:  # noqa: PLR1730 - for every packet, and `max` costs more
            self._end = end

    @property
    def end_s(self) -> float:
        """When the last packet ends, seconds after the clip's start."""
        return float(self._end * self._time_base)


class _Sink:
    """What both kinds of stream tell after decoding."""

    _decoder: Decoder
    _muxer: NullMuxer

    @property
    def errors(self) -> list[str]:
        """What ffmpeg would say about this stream beyond libav's log."""
        return self._decoder.errors + self._muxer.errors

    @property
    def end_s(self) -> float:
        """When the last packet ends, seconds after the clip's start."""
        return self._decoder.end_s

    @property
    def is_out_of_memory(self) -> bool:
        """True when the decoder did not get the memory that it asked for."""
        return self._decoder.is_out_of_memory

    @property
    def is_encrypted(self) -> bool:
        """True when the decoder failed on a packet of which the container says that it is encrypted."""
        return self._decoder.is_encrypted


@dataclass(frozen=True)
class Shape:
    """A decoded frame without its pixels: sides in pixels before rotation, FFmpeg's name of the pixel format, degrees."""

    height: int
    width: int
    pix_fmt: str
    rotation_deg: int

    @property
    def pixels(self) -> tuple[int, int, str]:
        """What frames that are stacked must have in common; the full-range twin of a format is the same layout."""
        return self.height, self.width, self.pix_fmt.replace("yuvj", "yuv")

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.width}x{self.height} {self.pix_fmt}"


class VideoSink(_Sink):
    """Decodes the video stream; knows its frames, its packets (all, and those that are shown), the first frame's shape."""

    def __init__(self, stream: VideoStream, clock: InputClock, *, is_full_decode: bool) -> None:
        time_base = stream.time_base or Fraction(1)
        rate = stream.guessed_rate
        frame_us = round(_US / rate) if rate else 0
        self._decoder = Decoder(stream, StreamClock(clock, time_base=time_base, frame_us=frame_us), is_full_decode=is_full_decode)
        self._clock = VideoClock(time_base=time_base, rate=rate, stream=stream.index)
        self._muxer = self._clock.muxer
        self._time_base, self._guessed_rate, self._stream = time_base, rate, stream
        self.stillness = Stillness(rate)
        self._due = self.stillness.due
        self._newest: VideoFrame | None = None
        self._quiet_bytes, self._last_bytes, self._n_loud = 0, 0, 0
        self.traits: Traits | None = None
        self._first_time: int | None = None
        self._last_time = 0
        self._first_shown, self._last_shown = _NEVER, -_NEVER  # times of packets
        self.steps: set[int] = set()
        self.n_delivered = 0
        self.n_packets = 0
        self.n_frames = 0
        self.shape: Shape | None = None
        self._now: Shape | None = None
        self._width, self._height, self._pix_fmt = 0, 0, ""
        self.n_changes = 0
        self.first_change = ""

    def take(self, packet: Packet | None) -> None:
        """Decode one packet; None takes what the decoder still holds."""
        frames = self._decoder.decode(packet)
        for frame in frames:
            self._frame(frame)
        if packet is not None:
            self._count(packet)
        if frames:
            self._newest = frames[-1]
        if self._newest is not None and (packet is None or (frames and self.n_delivered >= self._due)):
            self._look(self._newest)

    def _count(self, packet: Packet) -> None:
        self.n_delivered += 1
        n_bytes = packet.size
        if n_bytes > self._quiet_bytes and n_bytes != self._last_bytes:
            self._n_loud += 1
        self._last_bytes = n_bytes
        if packet.is_discard:
            return
        self.n_packets += 1
        pts = self._decoder.pts
        if pts is not None:
            if pts < self._first_shown:  # noqa: PLR1730 - for every packet, and `min` costs more
                self._first_shown = pts
            if pts > self._last_shown:  # noqa: PLR1730
                self._last_shown = pts

    def _frame(self, frame: VideoFrame) -> None:
        now = self._clock.take(frame.pts, frame.dts, frame.duration)
        if self.n_frames:
            self.steps.add(now - self._last_time)
        else:
            self._first_time = now
        # Decoders change the pixel format where they start anew, and its name costs more than all the rest here. `_look` asks for
        # it too, once in a stretch, so that a change elsewhere is missed only when it is undone before the stretch ends.
        if frame.width != self._width or frame.height != self._height or frame.key_frame:
            self._take_shape(frame)
        self.n_frames += 1
        self._last_time = now

    def _look(self, frame: VideoFrame) -> None:
        self.stillness.look(frame, n_packets=self.n_delivered, n_loud=self._n_loud)
        self._due, self._n_loud = self.stillness.due, 0
        self._take_shape(frame)

    def _take_shape(self, frame: VideoFrame) -> None:
        """The first frame's, or another one: rare, unlike frames."""
        pix_fmt = frame.format.name
        if frame.width == self._width and frame.height == self._height and pix_fmt == self._pix_fmt:
            return
        self._width, self._height, self._pix_fmt = frame.width, frame.height, pix_fmt
        self._quiet_bytes = quiet_bytes(frame.width, frame.height)
        before, self._now = self._now, Shape(frame.height, frame.width, pix_fmt, frame.rotation)
        if self.shape is None:
            self.shape, self.traits = self._now, traits_of(self._stream, frame)
        elif before is not None and before.pixels != self._now.pixels:
            if not self.n_changes:
                self.first_change = f"frame {self.n_frames}: {before.words}, then {self._now.words}"
            self.n_changes += 1

    @property
    def starts_at_s(self) -> float:
        """When the first picture comes, seconds after the clip's start."""
        return float((self._first_time or 0) * self._time_base)

    @property
    def shown_end_s(self) -> float:
        """When the last picture ends, seconds after the clip's start."""
        return float(self._clock.end * self._time_base)

    @property
    def lost_s(self) -> tuple[float, float]:
        """For how long packets at the start and at the end gave no picture, seconds; 0 where packets have no times.

        Hidden frames and fields in packets of their own lose no time, so they do not count.
        """
        if self._first_time is None or self._last_shown < self._first_shown:
            return 0.0, 0.0
        lost = (self._first_time - self._first_shown, self._last_shown - self._last_time)
        return float(max(0, lost[0]) * self._time_base), float(max(0, lost[1]) * self._time_base)

    @property
    def mean_rate(self) -> float | None:
        """Frames per second by the decoded frames' own times, for streams of which no header knows a rate.

        `(frames - 1) / (last time - first time)`; of a single frame, or of frames without times, what libavformat guesses.
        """
        if self._first_time is not None and self._last_time > self._first_time:
            n_ticks = self._last_time - self._first_time
            return _whole_rate(float((self.n_frames - 1) / (n_ticks * self._time_base)), n_ticks=n_ticks)
        return float(self._guessed_rate) if self._guessed_rate else None


class AudioSink(_Sink):
    """Decodes the audio stream."""

    def __init__(self, stream: AudioStream, clock: InputClock, *, is_full_decode: bool) -> None:
        time_base = stream.time_base or Fraction(1)
        rate, size = stream.codec_context.sample_rate, stream.codec_context.frame_size
        frame_us = size * _US // rate if rate else 0
        self._decoder = Decoder(stream, StreamClock(clock, time_base=time_base, frame_us=frame_us), is_full_decode=is_full_decode)
        self._clock = AudioClock(time_base=time_base, stream=stream.index)
        self._muxer = self._clock.muxer
        self._log = libav_log()
        self._n_packets = 0
        self._was_silent = False

    @property
    def is_late(self) -> bool:
        """True when there were several packets, and nobody complained about anything before the last of them."""
        return self._was_silent and self._n_packets > 1

    def take(self, packet: Packet | None) -> None:
        """Decode one packet; None takes what the decoder still holds."""
        if packet is not None:
            self._n_packets += 1
            self._was_silent = self._log.is_silent and not self._decoder.errors
        for frame in self._decoder.decode(packet):
            self._clock.take(frame.pts, frame.samples, frame.sample_rate)
