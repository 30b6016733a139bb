"""Files without moving pictures: a cover on a song, subtitles alone, one still.

Belongs here: what PyAV has to mux packet by packet, for the broken-clip kit. Does not belong here: clips (`encode`).
"""

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext

from video_assets.media.making.encode import AudioTrack, VideoTrack, encode_sound_into, make_video_frame

_BITEXACT = {"fflags": "+bitexact"}


def still(track: VideoTrack) -> bytes:
    """The first picture of a track as a JPEG file."""
    codec = av.CodecContext.create("mjpeg", "w")
    if not isinstance(codec, VideoCodecContext):
        raise TypeError("mjpeg is not a video codec in this FFmpeg")
    codec.width, codec.height, codec.pix_fmt = track.width, track.height, "yuvj420p"
    codec.time_base, codec.thread_count = 1 / track.rate, 1
    codec.flags |= Flags.bitexact
    frame = make_video_frame(next(iter(track.frames)), track, pix_fmt="yuvj420p")
    frame.pts, frame.time_base = 0, 1 / track.rate
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def song_with_cover(muxer: str, audio: AudioTrack, cover: bytes, *, size: tuple[int, int]) -> bytes:
    """A song with a picture: an attached picture in mp4, an attachment in Matroska."""

    def fill(container: OutputContainer) -> None:
        if muxer == "matroska":
            container.add_attachment("cover.jpg", "image/jpeg", cover)
            encode_sound_into(container, audio)
            return
        picture = container.add_mux_stream("mjpeg", rate=25, width=size[0], height=size[1])
        picture.disposition = Disposition.attached_pic
        packet = Packet(cover)
        packet.stream, packet.pts, packet.dts, packet.time_base = picture, 0, 0, Fraction(1, 25)
        packet.is_keyframe = True
        encode_sound_into(container, audio, first=packet)

    return _muxed(muxer, fill)


def subtitles(muxer: str, codec: str, payload: bytes) -> bytes:
    """One subtitle of half a second and nothing else."""

    def fill(container: OutputContainer) -> None:
        stream = container.add_mux_stream(codec)
        stream.time_base = Fraction(1, 1_000)
        packet = Packet(payload)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1_000)
        packet.duration, packet.is_keyframe = 500, True
        container.mux_one(packet)

    return _muxed(muxer, fill)


def _muxed(muxer: str, fill: Callable[[OutputContainer], None]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="video-assets-kit-") as folder:
        path = Path(folder) / "clip"
        with av.open(str(path), "w", format=muxer, options=_BITEXACT) as container:
            fill(container)
        return path.read_bytes()
