"""A clip opened as ffmpeg would open it, except that nothing but that file can be opened; and its packets.

Belongs here: opening and demuxing. Does not belong here: which streams (`choice`), what the headers say (`headers`), decoding
(`decode`), counting (`probe`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as TryAgainError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from video_assets.core.ffmpeg_messages import reason_of_open_error, reason_of_text
from video_assets.media.clip_file import MAX_WINDOW_BYTES, ClipFile
from video_assets.media.iso_boxes import is_cut

# No protocol has this name, so libav refuses whatever a playlist, an edit or a track refers to: files, pipes, sockets.
_NO_PROTOCOL = "none"
_MIN_PROBE_BYTES = "32"
_MP4 = "mov,"
_HEAD_BYTES = 1024
_GENERATE_PTS = 0x0001
_MAX_TRY_AGAIN = 1000


@contextmanager
def open_container(
    file: ClipFile | BinaryIO, *, is_full_decode: bool = False, is_header_only: bool = False
) -> Iterator[InputContainer]:
    """The clip as an open container, closed at the end of the block whatever happens.

    libav looks at the streams' first frames as ffmpeg does, unless `is_header_only`.

    Raises:
        av.error.FFmpegError: libav cannot read the container.
        OSError: reading the file failed; `file.trouble` says how.
    """
    options = {} if is_full_decode else {"skip_loop_filter": "all"}
    limits = {}
    if is_header_only:
        options, limits = {"skip_frame": "all"}, {"probesize": _MIN_PROBE_BYTES}
    container = av.open(
        file,
        mode="r",
        options=options,
        container_options={"protocol_whitelist": _NO_PROTOCOL, "scan_all_pmts": "1"} | limits,
        metadata_errors="ignore",
        buffer_size=MAX_WINDOW_BYTES,
    )
    try:
        container.flags &= ~_GENERATE_PTS  # PyAV sets it; ffmpeg does not
        yield container
    finally:
        container.close()


def unopened_reason(file: ClipFile, lines: Sequence[str]) -> str:
    """Why libav could not open the clip: what its first bytes and boxes say, else what libav says.

    Raises:
        StorageError: the storage did not deliver the bytes.
    """
    if reason := reason_of_text(file.peek(_HEAD_BYTES)):
        return reason
    return "truncated" if is_cut(file.peek, file.size) else reason_of_open_error(lines)


def is_picture(stream: VideoStream | AudioStream) -> bool:
    """True for a cover picture."""
    return isinstance(stream, VideoStream) and bool(stream.disposition & Disposition.attached_pic)


def is_default(stream: VideoStream | AudioStream) -> bool:
    """True for a stream that players take unless told otherwise."""
    return bool(stream.disposition & Disposition.default)


def is_mp4(container: InputContainer) -> bool:
    """True for MP4, QuickTime and their kin, whose header lists every packet."""
    return container.format.name.startswith(_MP4)


def packets(container: InputContainer, streams: Sequence[VideoStream | AudioStream]) -> Iterator[Packet]:
    """All packets of the streams that hold something. Streams that first appear in mid-file are ignored, as ffmpeg ignores them.

    Raises:
        av.error.FFmpegError: the demuxer gave up, or asked to try again without end.
    """
    for attempt in range(_MAX_TRY_AGAIN):
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    yield packet
                elif not packet.buffer_ptr:
                    # The end: PyAV's first packet that only flushes (libav gives even an empty one a buffer). PyAV up to 18.1.0
                    # must not be asked for more: its loop reads past an array when streams have appeared since.
                    return
        except TryAgainError:
            if attempt == _MAX_TRY_AGAIN - 1:
                raise
        else:
            return
