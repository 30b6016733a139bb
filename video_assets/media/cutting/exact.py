"""Cut exactly, without hidden frames, and encode no more than that takes.

Of an H.264 source only the frames before the first key frame inside the clip, and those after the last one when they refer to
what comes after the end, are encoded; what lies between is copied. The encoded parts bring parameter sets of another number in
their own stream, so nothing that is copied changes its meaning. Whatever else there is, is encoded as a whole.
Belongs here: which packets are copied, encoding the others. Does not belong here: choosing packets (`cut`), whether the result is
right (`sources.miradata.cut_task` decodes it).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from video_assets.media.cutting.span import Source, Span, add_audio, copy_clip, mux, new_mp4

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_QUALITY = {"preset": "veryfast", "crf": "17"}
_PIX_FMTS = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuvj420p"})
_LONG_START, _START = b"\0\0\0\1", b"\0\0\1"
_IDR = 5


@dataclass(frozen=True)
class Parts:
    """The span's packets: those whose frames are encoded, copied, encoded again."""

    head: list[Packet]
    body: list[Packet]
    tail: list[Packet]


def cut_exact(target: Path, span: Span, audio: Source | None) -> str:
    """Write the span with nothing hidden; returns "copy" when no frame had to be encoded, "smart" when some, else "encode".

    Raises:
        av.error.FFmpegError: libav refused.
        ValueError: the pieces do not go together.
    """
    if not span.has_hidden:
        copy_clip(target, span, audio)
        return "copy"
    parts = split(span)
    if parts is None:
        encode_clip(target, span, audio)
        return "encode"
    _join(target, span, parts, audio)
    return "smart"


def split(span: Span) -> Parts | None:
    """What can be copied; None when that is nothing, or cannot be joined with encoded frames."""
    stream = span.source.stream
    if stream.codec_context.name != "h264" or not _has_long_lengths(stream.codec_context.extradata):
        return None
    keys = [n for n, packet in enumerate(span.packets) if packet.is_keyframe and _is_idr(packet) and span.is_shown(packet)]
    if not keys:
        return None
    begin, end = keys[0], len(span.packets)
    if not all(span.is_shown(packet) for packet in span.packets[keys[-1] :]):
        end = keys[-1]
    if begin >= end:
        return None
    parts = Parts(head=span.packets[:begin], body=span.packets[begin:end], tail=span.packets[end:])
    return parts if all(span.is_shown(packet) for packet in parts.body) else None


def encode_clip(target: Path, span: Span, audio: Source | None) -> None:
    """Write the span with every frame encoded as H.264.

    Raises:
        av.error.FFmpegError: libav refused.
    """
    frames = _decoded(span, span.packets)
    with new_mp4(target) as out:
        first = next(frames, None)
        if first is None:
            raise ValueError("no frame of the span decodes")
        rate = cast("VideoStream", span.source.stream).average_rate or Fraction(25)
        stream = cast("VideoStream", out.add_stream("libx264", rate=rate, options=dict(_QUALITY)))
        _shape(stream.codec_context, first, span.source.tick_s)
        if first.rotation:
            stream.set_display_rotation(first.rotation)
        video = [packet for frame in (first, *frames) for packet in stream.encode(_plain(frame, span))]
        mux(out, [*video, *stream.encode(None), *add_audio(out, audio, span)])


def _join(target: Path, span: Span, parts: Parts, audio: Source | None) -> None:
    spare = _spare_number(span.source.stream.codec_context.extradata or b"")
    with new_mp4(target) as out:
        stream = out.add_stream_from_template(span.source.stream)
        video = [
            *_encoded(span, parts.head, spare, _delay(parts.body[0])),
            *(_moved(packet, span.first) for packet in parts.body),
            *(_encoded(span, parts.tail, spare, _delay(parts.tail[0])) if parts.tail else []),
        ]
        for packet in video:
            packet.stream = stream
        mux(out, [*video, *add_audio(out, audio, span)])


def _moved(packet: Packet, ticks: int) -> Packet:
    packet.pts, packet.dts = (None if value is None else value - ticks for value in (packet.pts, packet.dts))
    return packet


def _delay(packet: Packet) -> int:
    return (packet.pts or 0) - (packet.dts if packet.dts is not None else packet.pts or 0)


def _encoded(span: Span, packets: list[Packet], number: int, delay: int) -> Iterator[Packet]:
    """Packets of the shown frames, encoded without reordering, so that they leave a decoder before what follows comes in."""
    context: VideoCodecContext | None = None
    times = {packet.pts: packet.duration or 0 for packet in packets}
    for frame in _decoded(span, packets):
        if context is None:
            context = cast("VideoCodecContext", VideoCodecContext.create("libx264", "w"))
            context.options = {**_QUALITY, "x264-params": f"sps-id={number}:bframes=0:repeat-headers=1:annexb=1"}
            context.framerate = cast("VideoStream", span.source.stream).average_rate or Fraction(25)
            _shape(context, frame, span.source.tick_s)
        duration = times.get(frame.pts, 0)
        yield from (_finished(packet, span, delay, duration) for packet in context.encode(_plain(frame, span)))
    if context is not None:
        yield from (_finished(packet, span, delay, 0) for packet in context.encode(None))


def _finished(packet: Packet, span: Span, delay: int, duration: int) -> Packet:
    """The packet as MP4 holds it: lengths before its units, times of the clip."""
    made = Packet(_with_lengths(bytes(packet)))
    made.time_base, made.is_keyframe = span.source.tick_s, packet.is_keyframe
    made.pts, made.dts = packet.pts, (packet.pts or 0) - delay
    made.duration = packet.duration or duration
    return made


def _decoded(span: Span, packets: list[Packet]) -> Iterator[VideoFrame]:
    """The frames of `packets` that are shown, in order."""
    context = cast("VideoCodecContext", span.source.stream.codec_context)
    context.flush_buffers()
    for packet in (*packets, None):
        for frame in context.decode(packet):
            if frame.pts is not None and span.first <= frame.pts < span.end:
                yield frame
    context.flush_buffers()


def _shape(context: VideoCodecContext, frame: VideoFrame, tick_s: Fraction) -> None:
    context.width, context.height = frame.width, frame.height
    context.pix_fmt = _format_of(frame)
    context.time_base = tick_s
    context.color_range, context.colorspace = frame.color_range, frame.colorspace


def _format_of(frame: VideoFrame) -> str:
    """What the frame is encoded as: as it is where x264 takes that; of odd sizes it takes 4:4:4 alone."""
    if frame.width % 2 or frame.height % 2:
        return "yuv444p"
    return frame.format.name if frame.format.name in _PIX_FMTS else "yuv420p"


def _plain(frame: VideoFrame, span: Span) -> VideoFrame:
    """The frame with the clip's time, and without the source's decision about what it is coded as."""
    wanted = _format_of(frame)
    made = frame if frame.format.name == wanted else frame.reformat(format=wanted)
    made.pts, made.time_base, made.pict_type = (frame.pts or 0) - span.first, span.source.tick_s, 0
    return made


# --- H.264 ----------------------------------------------------------------------------------------------------------------------


def _has_long_lengths(extradata: bytes | None) -> bool:
    """True for the way in which MP4 and Matroska hold H.264, with four bytes of length before each unit."""
    return bool(extradata) and len(extradata or b"") > 6 and extradata[0] == 1 and extradata[4] & 3 == 3  # type: ignore[index]


def _is_idr(packet: Packet) -> bool:
    data, at = bytes(packet), 0
    while at + 5 <= len(data):
        if data[at + 4] & 0x1F == _IDR:
            return True
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return False


def _spare_number(avcc: bytes) -> int:
    """A number of a parameter set that the source does not use."""
    used, at = set(), 6
    for _ in range(avcc[5] & 31):
        size = int.from_bytes(avcc[at : at + 2], "big")
        used.add(_golomb(avcc[at + 6 : at + 2 + size]))
        at += 2 + size
    return next(number for number in range(9, 32) if number not in used)


def _golomb(data: bytes) -> int:
    """The unsigned Exp-Golomb number that `data` begins with."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


def _with_lengths(data: bytes) -> bytes:
    """Units with their lengths before them, from units with start codes between them."""
    units = [unit for unit in data.replace(_LONG_START, _START).split(_START) if unit]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
