"""Cut one clip and prove it: nothing is kept that does not decode to the frames that were wanted.

Belongs here: which way of cutting is tried after which, the proof, the finished file. Does not belong here: the ways themselves
(`cut`, `smart_cut`), where source videos come from (`sources.miradata.cut_task`).
"""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from av.error import FFmpegError

from video_assets.core.codecs import codec_name
from video_assets.media.clip_file import ClipFile
from video_assets.media.container import open_container
from video_assets.media.cutting.exact import cut_exact, encode_clip
from video_assets.media.cutting.place import Place, why_frames_count
from video_assets.media.cutting.result import CutResult
from video_assets.media.cutting.span import (
    COPIED_VIDEO,
    CutError,
    NoVideoError,
    OutOfRangeError,
    Source,
    Span,
    audio_of,
    copy_clip,
    rate_of,
    read_span,
    seconds_of_frames,
    video_of,
)
from video_assets.media.decode import decode_clip
from video_assets.media.libav_log import libav_log

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Opener = Callable[[], ClipFile | BinaryIO]
# The last way may differ from what the packets promise by a frame that the decoder does not give, or gives twice.
_MAX_DIFFERENCE = 2
# A clip that ends this much before its place in the table says so.
_TOLD_S = 0.1
# How to write the span, and how many key frames earlier than necessary its packets begin.
_Way = tuple[Callable[[Path, Span, Source | None], str], int]


def _copy(target: Path, span: Span, audio: Source | None) -> str:
    if codec_name(span.source.stream.codec_context.name) not in COPIED_VIDEO:
        raise CutError("MP4 does not take this codec as it is")
    copy_clip(target, span, audio)
    return "copy"


def _encode(target: Path, span: Span, audio: Source | None) -> str:
    encode_clip(target, span, audio)
    return "encode"


_WAYS: dict[str, tuple[_Way, ...]] = {
    "copy": ((_copy, 0), (_copy, 1), (_encode, 1)),
    "exact": ((cut_exact, 0), (_encode, 0), (_encode, 1)),
}


def cut_clip(video: Opener, audio: Opener, *, target: Path, place: Place, mode: str) -> CutResult:
    """Write the clip at `place` to `target`, whole or not at all.

    Returns:
        The result; its `reason` is empty, `cut_failed`, `out_of_range` or `no_video`.

    Raises:
        StorageError: the source video cannot be read.
        OSError: the clip cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".draft-{os.getpid()}-{target.name}")
    faults: list[str] = []
    try:
        for number, (write, earlier) in enumerate(_WAYS[mode]):
            is_last = number == len(_WAYS[mode]) - 1
            try:
                with libav_log().capture(), _opened(video, audio) as (source, sound):
                    span, note = _span_at(source, place, earlier=earlier)
                    wanted = _wanted(span, note)  # before it is written: that moves the packets' times
                    made = replace(wanted, method=write(draft, span, sound))
            except OutOfRangeError as error:
                return CutResult("out_of_range", str(error))
            except NoVideoError as error:
                return CutResult("no_video", str(error))
            except (FFmpegError, CutError, ValueError) as error:
                faults.append(f"{type(error).__name__}: {error}")
                continue
            made, fault = _proved(draft, made, tolerance=_MAX_DIFFERENCE if is_last else 0)
            fault = fault or _turned(video, draft)
            if not fault:
                return _finished(draft, target, replace(made, detail="; ".join(faults)))
            faults.append(fault)
        return CutResult("cut_failed", "; ".join(dict.fromkeys(faults)))
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _opened(video: Opener, audio: Opener) -> Iterator[tuple[Source, Source | None]]:
    with ExitStack() as stack:
        pictures = video_of(stack.enter_context(open_container(stack.enter_context(video()))))
        sound = audio_of(stack.enter_context(open_container(stack.enter_context(audio()))))
        yield pictures, sound


def _span_at(source: Source, place: Place, *, earlier: int) -> tuple[Span, str]:
    """The clip's span, and how it was found when not by its seconds alone."""
    rate = float(rate_of(source) or 0)
    try:
        return _found(source, place, earlier=earlier, rate=rate)
    except OutOfRangeError as error:
        raise OutOfRangeError(f"{error}; the video has {rate:.5g} frames per second") from None


def _found(source: Source, place: Place, *, earlier: int, rate: float) -> tuple[Span, str]:
    why = why_frames_count(place, rate)
    if place.frames is None or not why:
        span = read_span(source, place.start_s, place.end_s, earlier=earlier)
        early_s = place.end_s - float(span.seconds(span.end))
        return span, f"the video ends {early_s:.2f} s before the clip's end" if early_s > _TOLD_S else ""
    start_s, end_s, n = seconds_of_frames(source, place.frames.first, place.frames.n)
    short = f", the video ends {place.frames.n - n:,} frames earlier" if n < place.frames.n else ""
    return read_span(source, start_s, end_s, earlier=earlier), f"by frames: {why}{short}"


def _wanted(span: Span, note: str) -> CutResult:
    start_s, end_s = float(span.seconds(span.first)), float(span.seconds(span.end))
    return CutResult(start_s=start_s, end_s=end_s, n_wanted=span.n_shown, note=note)


def _proved(draft: Path, made: CutResult, *, tolerance: int) -> tuple[CutResult, str]:
    """The result with the frames that decode, and why the draft is not what was wanted ("" when it is)."""
    verdict = decode_clip(str(draft))
    made = replace(made, n_frames=verdict.num_frames or 0)
    if verdict.verdict != "good":
        return made, f"{made.method}: {verdict.reason or verdict.verdict} ({verdict.errors[:120]})"
    if abs(made.n_frames - made.n_wanted) > tolerance:
        return made, f"{made.method}: {made.n_frames} frames decode, {made.n_wanted} were wanted"
    return made, ""


def _turned(video: Opener, draft: Path) -> str:
    """Why the clip is not shown the way up that its source is ("" when it is): no decoding shows that, players turn pictures."""
    source, clip = (_rotation(opener) for opener in (video, partial(ClipFile, str(draft))))
    return f"turned by {clip} degrees, the source by {source}" if source is not None and source != clip else ""


def _rotation(opener: Opener) -> int | None:
    """Degrees by which the first picture is turned for display; None when it does not decode."""
    with libav_log().capture(), opener() as file, open_container(file) as container:
        source = video_of(container)
        try:
            return next((frame.rotation for frame in container.decode(cast("VideoStream", source.stream))), None)
        except FFmpegError:
            return None


def _finished(draft: Path, target: Path, made: CutResult) -> CutResult:
    with draft.open("rb") as file:
        checksum = 0
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
        os.fsync(file.fileno())
    draft.replace(target)
    status = target.stat()
    return replace(made, n_bytes=status.st_size, mtime_ns=status.st_mtime_ns, crc32=f"{checksum:08x}")
