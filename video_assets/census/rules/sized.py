"""Trainers whose buckets are width x height x frames: finetrainers, the LTX trainer, and plain "so many frames at this rate".

Belongs here: these three rules. Does not belong here: rules with classes of pixels (`open_sora`), with free ratios (`ratios`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from video_assets.census.rules.placing import TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES, Bucket, Clips, Placed, longest_within, one_each

Size = tuple[int, int, int]
"""Frames, height, width."""


def finetrainers(clips: Clips, sizes: Sequence[Size]) -> Placed:
    """The largest number of frames that the clip has, then the nearest ratio, then the taller, then the wider.

    A clip with fewer frames than any bucket is not dropped there, but keeps its own number of frames and breaks batches; here it
    falls out with that cause. Frames are spread over the whole clip.
    """
    targets = sorted({size[0] for size in sizes})
    longest = longest_within(clips.frames, targets)
    chosen = np.full(len(clips), -1, dtype=np.int64)
    for position, frames in enumerate(targets):
        is_here = longest == position
        of_length = [number for number, size in enumerate(sizes) if size[0] == frames]
        of_length.sort(key=lambda number: (-sizes[number][1], -sizes[number][2]))
        shape = clips.width[is_here] / clips.height[is_here]
        distance = np.stack([np.abs(sizes[number][2] / sizes[number][1] - shape) for number in of_length])
        chosen[is_here] = np.asarray(of_length)[distance.argmin(axis=0)]
    return one_each(
        _buckets(sizes), chosen, clips.frames.astype(float), _causes(clips, "fewer frames than every bucket: breaks batches")
    )


def ltx(clips: Clips, sizes: Sequence[Size]) -> Placed:
    """Of the buckets with no more frames than the clip: the nearest ratio (in logarithms), then most frames, then the largest.

    Raises:
        ValueError: a side is no multiple of 32, or frames are not 8 n + 1; names the bucket.
    """
    for frames, height, width in sizes:
        if height % 32 or width % 32 or frames % 8 != 1:
            raise ValueError(f"bucket {width}x{height}x{frames}: LTX needs sides that are multiples of 32, and 8 n + 1 frames")
    order = sorted(range(len(sizes)), key=lambda number: (-sizes[number][0], -sizes[number][1] * sizes[number][2]))
    shape = np.log(clips.width) - np.log(clips.height)
    chosen = np.full(len(clips), -1, dtype=np.int64)
    least = np.full(len(clips), np.inf)
    for number in order:
        frames, height, width = sizes[number]
        distance = np.abs(shape - (np.log(width) - np.log(height)))
        is_better = (clips.frames >= frames) & (distance < least)
        chosen[is_better], least[is_better] = number, distance[is_better]
    used = np.where(chosen >= 0, np.asarray([size[0] for size in sizes])[chosen], 0).astype(float)
    return one_each(_buckets(sizes), chosen, used, _causes(clips, TOO_FEW_FRAMES))


def fixed(clips: Clips, size: Size, *, fps: float | None) -> Placed:
    """One bucket: so many frames, at `fps` when that is given (frames are then int(frames * fps / own rate))."""
    frames, *_ = size
    factor = np.ones(len(clips)) if fps is None else fps / clips.fps
    available = (clips.frames * factor).astype(np.int64)
    chosen = np.where(available >= frames, 0, -1).astype(np.int64)
    cause = np.where(clips.frames >= frames, TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES).astype(object)
    return one_each(_buckets([size]), chosen, frames / factor, cause)


def _buckets(sizes: Sequence[Size]) -> list[Bucket]:
    return [Bucket(f"{width}x{height}x{frames}", frames, height / width) for frames, height, width in sizes]


def _causes(clips: Clips, cause: str) -> npt.NDArray[np.object_]:
    return np.full(len(clips), cause, dtype=object)
