"""Which streams of a clip ffmpeg would decode.

Belongs here: ffmpeg's choice of streams, and the packets that have to be read for it. Does not belong here: opening
(`container`), what the headers say of the chosen streams (`headers`), decoding (`decode`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from video_assets.media.container import is_default, is_mp4, is_picture, packets

_PACKETS_BONUS = 100_000_000
_DEFAULT_BONUS = 5_000_000
# As far as libavformat looks for streams when it opens a file: bytes of packets, and seconds of one stream.
_LOOK_BYTES = 5_000_000
_LOOK_S = 5.0
_LOOK_S_OF = {"flv": 90.0, "mpeg": 7.0, "mpegts": 7.0}
_Stream = VideoStream | AudioStream
_AnyStream = TypeVar("_AnyStream", VideoStream, AudioStream)


@dataclass
class _Look:
    """What was read to see which streams have packets, and what went wrong then."""

    seen: set[int] = field(default_factory=set)
    held: list[Packet] = field(default_factory=list)
    rest: Iterator[Packet] | None = None
    error: FFmpegError | None = None


@dataclass(frozen=True)
class Chosen:
    """The streams that ffmpeg would decode. `idle_video` is a video track that there is, but without packets."""

    video: VideoStream | None
    audio: AudioStream | None
    idle_video: VideoStream | None = None
    _look: _Look = field(default_factory=_Look, repr=False)

    @property
    def all(self) -> list[_Stream]:
        """Those that exist."""
        return [stream for stream in (self.video, self.audio) if stream is not None]

    def packets(self, container: InputContainer) -> Iterator[Packet]:
        """All their packets, those that were read for the choice included. To be called once.

        Raises:
            av.error.FFmpegError: the demuxer gave up, or asked to try again without end.
        """
        look = self._look
        if look.rest is None:
            yield from packets(container, self.all)
            return
        wanted = {stream.index for stream in self.all}
        yield from (packet for packet in look.held if packet.stream_index in wanted)
        look.held.clear()
        if look.error is not None:
            raise look.error
        yield from (packet for packet in look.rest if packet.stream_index in wanted)


def choose_streams(container: InputContainer, *, is_video_only: bool = False) -> Chosen:
    """The video and audio stream that ffmpeg would take; all others are discarded.

    Those with packets first, then default ones, then by pixels or channels (a cover picture counts 1); the first of equals. A
    stream without packets and without pixels or channels is never taken. Where several streams of a kind could be taken, the
    first packets are read to see which of them are alive; they come again from `Chosen.packets`.

    Args:
        container: just opened.
        is_video_only: choose no audio stream.
    """
    audios: Sequence[AudioStream] = () if is_video_only else container.streams.audio
    videos = container.streams.video
    look = _look(container, [*_rivals(videos), *_rivals(audios)])
    video, audio = _best(videos, look.seen), _best(audios, look.seen)
    for stream in container.streams:
        if stream is not video and stream is not audio:
            stream.discard = Discard.all
    idle = None if video is not None and not is_picture(video) else _first_track(videos)
    return Chosen(video, audio, idle, look)


def _first_track(videos: Sequence[VideoStream]) -> VideoStream | None:
    return next((stream for stream in videos if not is_picture(stream)), None)


def _rivals(streams: Sequence[_AnyStream]) -> list[_AnyStream]:
    """Those among which packets decide: none when there is but one."""
    tracks = [stream for stream in streams if not is_picture(stream)]
    return tracks if len(tracks) > 1 else []


def _look(container: InputContainer, rivals: Sequence[_Stream]) -> _Look:
    """Which streams have packets: all without rivals do, since outside MP4 a stream is usually found by its packets."""
    tracks: list[_Stream] = [*container.streams.video, *container.streams.audio]
    if is_mp4(container):  # its header tells, packets need not be read
        return _Look({stream.index for stream in tracks if len(stream.index_entries)})
    unseen = {stream.index for stream in rivals}
    look = _Look({stream.index for stream in tracks} - unseen)
    if unseen:
        _read(container, look, unseen)
    return look


def _read(container: InputContainer, look: _Look, unseen: set[int]) -> None:
    """Read until every rival has come, at most as far as libavformat reads to find them."""
    look.rest = packets(container, [*container.streams.video, *container.streams.audio])
    first_s: dict[int, float] = {}
    limit_s = _LOOK_S_OF.get(container.format.name, _LOOK_S)
    n_bytes = 0
    try:
        for packet in look.rest:
            look.held.append(packet)
            look.seen.add(packet.stream_index)
            unseen.discard(packet.stream_index)
            n_bytes += packet.size
            if not unseen or n_bytes >= _LOOK_BYTES or _span_s(packet, first_s) >= limit_s:
                return
    except FFmpegError as error:
        look.error = error


def _span_s(packet: Packet, first_s: dict[int, float]) -> float:
    """Seconds since the first packet of the same stream."""
    if packet.dts is None or packet.time_base is None:
        return 0.0
    now_s = float(packet.dts * packet.time_base)
    return now_s - first_s.setdefault(packet.stream_index, now_s)


def _best(streams: Sequence[_AnyStream], seen: set[int]) -> _AnyStream | None:
    scores = [(_score(stream, has_packets=stream.index in seen), stream) for stream in streams]
    candidates = [(score + _DEFAULT_BONUS * _counts_default(stream), stream) for score, stream in scores if score > 0]
    return max(candidates, key=lambda pair: pair[0], default=(0, None))[1]


def _counts_default(stream: _Stream) -> bool:
    return is_default(stream) and not is_picture(stream)


def _score(stream: _Stream, *, has_packets: bool) -> int:
    """Ffmpeg's score of a stream, less the bonus of default ones."""
    if is_picture(stream):
        return 1
    return _size(stream) + (_PACKETS_BONUS if has_packets else 0)


def _size(stream: _Stream) -> int:
    if stream.codec_context is None:
        return 0
    if isinstance(stream, VideoStream):
        return stream.codec_context.width * stream.codec_context.height
    return stream.codec_context.channels
