"""Trainers that change the frame rate and sort by ratio: diffusion-pipe and musubi-tuner.

Belongs here: these two rules. Does not belong here: fixed sizes (`sized`), classes of pixels (`open_sora`).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from video_assets.census.rules.placing import (
    TOO_FEW_AFTER_RATE,
    TOO_FEW_FRAMES,
    Bucket,
    Clips,
    Placed,
    longest_within,
    nearest,
    one_each,
)


def diffusion_pipe(
    clips: Clips, frame_buckets: Sequence[int], *, rate: float, min_ar: float, max_ar: float, n_ars: int
) -> Placed:
    """The longest bucket within the frames at the model's `rate`; the ratio nearest in logarithms. 1 is for images only."""
    targets = sorted({1, *frame_buckets})
    # The same order of operations as there: a rounding at a whole number must fall the same way.
    frames = (clips.frames * rate / clips.fps).astype(np.int64)
    length = longest_within(frames, targets)
    length[(length >= 0) & (np.asarray(targets)[length] == 1)] = -1
    ars = np.geomspace(min_ar, max_ar, num=n_ars)
    ratio = nearest(np.log(clips.width / clips.height), list(np.log(ars)))
    buckets = [Bucket(f"{ar:.3f} {target}", target, float(1 / ar)) for target in targets for ar in ars]
    chosen = np.where(length >= 0, length * n_ars + ratio, -1)
    used = np.asarray(targets)[length] * clips.fps / rate
    shortest = targets[1] if len(targets) > 1 else 1
    cause = np.where(clips.frames >= shortest, TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES).astype(object)
    return one_each(buckets, chosen, used, cause)


def musubi_tuner(
    clips: Clips, target_frames: Sequence[int], *, size: tuple[int, int], rate: float | None, source_fps: npt.NDArray[np.float64]
) -> Placed:
    """`frame_extraction = "head"`: one item for every target (cut to 4 n + 1) that the clip has frames for.

    `size` is width and height of `resolution`; `rate` is the model's, None when no `source_fps` is set; `source_fps` is that of
    each clip's block.
    """
    targets = sorted({(target - 1) // 4 * 4 + 1 for target in target_frames if target > 1})
    frames = clips.frames if rate is None else resampled(clips.frames, source_fps, rate, longest=targets[-1])
    sizes = sizes_of(*size)
    ratio = nearest(clips.width / clips.height, [width / height for width, height in sizes])
    buckets = [Bucket(f"{width}x{height}x{target}", target, height / width) for target in targets for width, height in sizes]
    items = [(np.flatnonzero(frames >= target), number) for number, target in enumerate(targets)]
    factor = np.ones(len(clips)) if rate is None else np.maximum(source_fps / rate, 1.0)
    short = np.where(clips.frames >= targets[0], TOO_FEW_AFTER_RATE, TOO_FEW_FRAMES).astype(object)
    return Placed(
        buckets,
        clip=np.concatenate([clip for clip, _ in items]),
        bucket=np.concatenate([number * len(sizes) + ratio[clip] for clip, number in items]),
        used=np.concatenate([targets[number] * factor[clip] for clip, number in items]),
        cause=np.where(frames >= targets[0], "", short),
    )


def sizes_of(width: int, height: int, *, step: int = 16) -> list[tuple[int, int]]:
    """Width and height of all buckets of an area, sorted."""
    area = width * height
    side = math.isqrt(area)
    found = set()
    for short in range(side // 2 // step * step, side + step, step):
        other = area // short // step * step
        found |= {(short, other), (other, short)}
    return sorted(found)


def resampled(
    frames: npt.NDArray[np.int64], source_fps: npt.NDArray[np.float64], rate: float, *, longest: int
) -> npt.NDArray[np.int64]:
    """Frames that are left at `rate`: the distinct whole parts of a sum that grows by rate / source_fps per frame.

    A slower source is not repeated: it keeps its frames, but reading stops when the whole part reaches the longest target.
    """
    left = np.zeros(len(frames), dtype=np.int64)
    for own in np.unique(source_fps):
        is_own = source_fps == own
        n_most = int(frames[is_own].max(initial=0))
        # cumsum adds one after another, as the trainer does: its rounding errors count.
        at = np.concatenate([[0.0], np.cumsum(np.full(max(n_most - 1, 0), rate / own))]).astype(np.int64)
        n_distinct = np.concatenate([[0], np.cumsum(np.diff(at, prepend=-1) > 0)])
        counted = n_distinct[frames[is_own]]
        if rate > own:
            counted = np.minimum(counted, int(np.searchsorted(at, longest)))
        left[is_own] = counted
    return left
