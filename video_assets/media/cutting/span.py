"""Cut a clip out of a source video: the packets of the span, and what of them may be copied.

`copy` does what `ffmpeg -ss START -t DURATION -i SOURCE -c copy` aims at: packets from the key frame before START on, with an
edit list that hides the frames before START. Unlike that command it also hides what comes after the end (frames that others refer
to), and leaves out frames that refer to what is before that key frame; so exactly the frames of the span are shown. `exact` hides
nothing: what cannot be copied so is encoded (`media.cutting.exact`).
Belongs here: choosing packets, copying them, muxing. Does not belong here: encoding, boxes of MP4 (`edit_lists`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from video_assets.media.choice import choose_streams
from video_assets.media.container import is_picture, packets
from video_assets.media.cutting.edit_lists import set_shown

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

COPIED_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video"})
"""FFmpeg's names of codecs that MP4 takes as they are."""
_COPIED_AUDIO = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus", "flac", "alac"})
_AAC_RATES = frozenset({96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350})
_USUAL_RATE = 48_000
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
MOVIE_TIMESCALE = 1_000_000
_US = 1_000_000
# A clip's place is given in rounded seconds: a frame that is less than this before the start belongs to the clip.
_EARLY = Fraction(1, 500)
# How much of a clip may be missing at the end of the video: clocks run apart over the length of a clip.
_MAX_MISSING_S, _MAX_MISSING_SHARE = Fraction(1), Fraction(1, 20)
# With less than this share of its frames it is another video.
_MIN_FRAMES_SHARE = 0.5
_REORDERED = 64  # packets may come this much later than their frames are shown


class OutOfRangeError(Exception):
    """The source video has no frames in the span, or ends clearly before its end."""


class NoVideoError(Exception):
    """The source video has no pictures: sound alone, or sound with a cover."""


class CutError(Exception):
    """The span cannot be cut."""


@dataclass(frozen=True)
class Source:
    """An open source video and the one of its streams that counts; `origin_s` is the time of its start."""

    container: InputContainer
    stream: VideoStream | AudioStream
    origin_s: Fraction

    @property
    def tick_s(self) -> Fraction:
        """Seconds per tick of the stream."""
        return self.stream.time_base or Fraction(1, 90_000)


def video_of(container: InputContainer) -> Source:
    """The video stream that FFmpeg would take.

    Raises:
        NoVideoError: there is none.
        CutError: there is no decoder for it.
    """
    stream = choose_streams(container).video
    if stream is None or is_picture(stream):
        raise NoVideoError("the file has no video stream")
    if stream.codec_context is None:
        raise CutError("there is no decoder for its video stream")
    return Source(container, stream, _origin_s(container))


def audio_of(container: InputContainer) -> Source | None:
    """The audio stream that FFmpeg would take; None when there is none, or only its name (transport streams): it has no rate."""
    stream = choose_streams(container).audio
    if stream is None or stream.codec_context is None or not cast("AudioCodecContext", stream.codec_context).sample_rate:
        return None
    return Source(container, stream, _origin_s(container))


def _origin_s(container: InputContainer) -> Fraction:
    return Fraction(container.start_time or 0, _US)


@dataclass(frozen=True)
class Span:
    """The video packets of a clip in the order of decoding, from a key frame on. Times are ticks of the stream.

    Shown are the frames with `first` <= time < `end`. `hidden` says that packets hold other frames too.
    """

    source: Source
    packets: list[Packet]
    first: int
    end: int

    def is_shown(self, packet: Packet) -> bool:
        """True when the packet's frame is one of the clip's."""
        return packet.pts is not None and self.first <= packet.pts < self.end and not packet.is_discard

    @property
    def n_shown(self) -> int:
        """Frames of the clip."""
        return sum(self.is_shown(packet) for packet in self.packets)

    @property
    def has_hidden(self) -> bool:
        """True when some packets only serve others."""
        return not all(self.is_shown(packet) for packet in self.packets)

    def seconds(self, ticks: int) -> Fraction:
        """Seconds from the start of the source video."""
        return ticks * self.source.tick_s - self.source.origin_s


def read_span(source: Source, start_s: float, end_s: float, *, earlier: int = 0) -> Span:
    """Packets that are needed to show the frames from `start_s` on and before `end_s` (seconds of the source video).

    Args:
        source: the source video.
        start_s: start.
        end_s: end.
        earlier: begin this many key frames before the last one that would do, for streams whose key frames do not hold alone.

    Raises:
        OutOfRangeError: no frames there, or the source video ends more than a second and a twentieth of the span before `end_s`.
        av.error.FFmpegError: the demuxer gave up.
    """
    low = _ticks(source, Fraction(start_s) - _EARLY)
    high = _ticks(source, Fraction(end_s) - _EARLY)
    read = _read(source, low, high, earlier)
    shown = [packet for packet in read if packet.pts is not None and low <= packet.pts < high and not packet.is_discard]
    if not shown:
        raise OutOfRangeError(f"no frame between {start_s:.3f} s and {end_s:.3f} s")
    last = max(shown, key=lambda packet: packet.pts or 0)
    end = (last.pts or 0) + (last.duration or 0)
    missing_s = (high - end) * source.tick_s
    if missing_s > _MAX_MISSING_S + _MAX_MISSING_SHARE * Fraction(end_s - start_s):
        raise OutOfRangeError(f"the source video ends {float(missing_s):.1f} s before the clip's end at {end_s:.3f} s")
    until = max(number for number, packet in enumerate(read) if packet.pts is not None and packet.pts < high)
    first = min(packet.pts or 0 for packet in shown)
    return Span(source, read[: until + 1], first, max(end, (last.pts or 0) + 1))


def seconds_of_frames(source: Source, first: int, n: int) -> tuple[float, float, int]:
    """Start and end, seconds of the source video, of `n` frames from frame `first` on, and how many of them there are.

    Raises:
        OutOfRangeError: less than half of them.
        av.error.FFmpegError: the demuxer gave up.
    """
    rate = rate_of(source) or Fraction(25)
    low = _ticks(source, Fraction(first) / rate - _EARLY)
    source.container.seek(max(low, 0), stream=source.stream, backward=True)
    found: list[tuple[int, int]] = []
    for packet in packets(source.container, [source.stream]):
        if packet.pts is not None and packet.pts >= low and not packet.is_discard:
            found.append((packet.pts, packet.duration or 0))
        if len(found) > n + _REORDERED:
            break
    found.sort()
    if len(found) < max(1, n * _MIN_FRAMES_SHARE):
        raise OutOfRangeError(f"{len(found):,} of {n:,} frames from frame {first:,} on")
    end = found[n][0] if len(found) > n else found[-1][0] + max(found[-1][1], 1)
    start_s, end_s = (float(ticks * source.tick_s - source.origin_s) for ticks in (found[0][0], end))
    return start_s, end_s, min(n, len(found))


def rate_of(source: Source) -> Fraction | None:
    """Frames per second on average, None when the file does not say."""
    return cast("VideoStream", source.stream).average_rate


def _ticks(source: Source, seconds: Fraction) -> int:
    """The first tick that is not before `seconds` of the source video."""
    return -int(-((seconds + source.origin_s) / source.tick_s) // 1)


def _read(source: Source, low: int, high: int, earlier: int) -> list[Packet]:
    """Packets from the chosen key frame until all frames before `high` have come; none that refer to what is before it."""
    for other in source.container.streams:
        other.discard = Discard.default if other is source.stream else Discard.all
    margin = round(2 * _EARLY / source.tick_s)
    for back in (low + margin, 0):
        source.container.seek(max(back, 0), stream=source.stream, backward=True)
        found = list(_until(packets(source.container, [source.stream]), high))
        first = min((p.pts for p in found if p.pts is not None and p.pts >= low), default=high)
        keys = [n for n, packet in enumerate(found) if packet.is_keyframe and packet.pts is not None and packet.pts <= first]
        if len(keys) > earlier:
            break
    if not found:
        return []
    key = keys[max(0, len(keys) - 1 - earlier)] if keys else next((n for n, p in enumerate(found) if p.is_keyframe), 0)
    start = found[key].pts or 0
    return [packet for packet in found[key:] if packet.pts is not None and packet.pts >= start]


def _until(source: Iterable[Packet], high: int) -> Iterable[Packet]:
    for packet in source:
        when = packet.dts if packet.dts is not None else packet.pts
        if when is not None and when >= high:
            return
        yield packet


# --- writing --------------------------------------------------------------------------------------------------------------------


def copy_clip(target: Path, span: Span, audio: Source | None) -> None:
    """Write the span without re-encoding; frames that only serve others are in the file, and hidden.

    Raises:
        av.error.FFmpegError: MP4 does not take the stream.
    """
    with new_mp4(target) as out:
        stream = out.add_stream_from_template(span.source.stream, opaque=True)
        video = [_shifted(packet, span.first) for packet in _with_decoding_times(span.packets)]
        for packet in video:
            packet.stream = stream
        sound = add_audio(out, audio, span)
        mux(out, [*video, *sound])
    show_only(target, span)


def _with_decoding_times(found: list[Packet]) -> list[Packet]:
    """After a seek in Matroska the first packets have none: libav tells them when it has seen how frames are reordered."""
    known = next((n for n, packet in enumerate(found) if packet.dts is not None), 0)
    for packet, following in reversed(list(pairwise(found[: known + 1]))):
        packet.dts = (following.dts or 0) - max(packet.duration or 0, 1)
    return found


def show_only(target: Path, span: Span) -> None:
    """Hide what is before the clip's first frame and after its last."""
    shown_s = (span.end - span.first) * span.source.tick_s
    set_shown(target, shown=round(shown_s * MOVIE_TIMESCALE))


def new_mp4(target: Path) -> OutputContainer:
    """An MP4 to write: its index in front, times exact to a microsecond."""
    return av.open(str(target), "w", format="mp4", options={"movflags": "+faststart", "movie_timescale": str(MOVIE_TIMESCALE)})


def _shifted(packet: Packet, ticks: int) -> Packet:
    packet.pts, packet.dts = (None if value is None else value - ticks for value in (packet.pts, packet.dts))
    return packet


def mux(out: OutputContainer, every: Sequence[Packet]) -> None:
    """Write packets of all streams in the order of their decoding times."""
    for packet in sorted(every, key=lambda packet: (packet.dts or 0) * (packet.time_base or Fraction(1))):
        out.mux_one(packet)


def add_audio(out: OutputContainer, audio: Source | None, span: Span) -> list[Packet]:
    """The sound that goes with the span, with a stream for it; no packets without sound. MP4 gets what it takes, else AAC."""
    if audio is None:
        return []
    start_s, end_s = span.seconds(span.first), span.seconds(span.end)
    zero = round((start_s + audio.origin_s) / audio.tick_s)
    found = _audio_packets(audio, start_s, end_s)
    if not found:
        return []
    if audio.stream.codec_context.name in _COPIED_AUDIO:
        stream = out.add_stream_from_template(audio.stream, opaque=True)
        for packet in found:
            _shifted(packet, zero).stream = stream
        return found
    return _as_aac(out, audio, found, zero)


def _audio_packets(audio: Source, start_s: Fraction, end_s: Fraction) -> list[Packet]:
    for other in audio.container.streams:
        other.discard = Discard.default if other is audio.stream else Discard.all
    low, high = (round((second + audio.origin_s) / audio.tick_s) for second in (start_s, end_s))
    audio.container.seek(max(low, 0), stream=audio.stream, backward=True)
    found = []
    for packet in packets(audio.container, [audio.stream]):
        if packet.pts is None:
            continue
        if packet.pts >= high:
            break
        if packet.pts + max(packet.duration or 0, 1) > low:
            found.append(packet)
    return found


def _as_aac(out: OutputContainer, audio: Source, found: list[Packet], zero: int) -> list[Packet]:
    context = cast("AudioCodecContext", audio.stream.codec_context)
    # Some files count channels and do not say which they are ("2 channels"): FFmpeg's usual ones then.
    is_named = all(channel.name != "NONE" for channel in context.layout.channels)
    layout = context.layout.name if is_named else _USUAL_LAYOUTS.get(context.channels, "stereo")
    rate = context.sample_rate if context.sample_rate in _AAC_RATES else _USUAL_RATE
    stream = out.add_stream("aac", rate=rate, layout=layout)
    made: list[Packet] = []
    for packet in [*found, None]:
        for frame in context.decode(packet):
            frame.pts = None if frame.pts is None else max(0, frame.pts - zero)
            made += stream.encode(frame)
    return [*made, *stream.encode(None)]
