"""What all bucket rules take and give.

Belongs here: clips as arrays, buckets, where each clip goes. Does not belong here: a trainer's rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TOO_FEW_PIXELS = "too few pixels"
TOO_FEW_FRAMES = "too few frames"
TOO_FEW_AFTER_RATE = "too few frames after the change of rate"


@dataclass(frozen=True)
class Clips:
    """Columns of the table: decoded frames, pixels before rotation, frames per second."""

    frames: npt.NDArray[np.int64]
    height: npt.NDArray[np.int64]
    width: npt.NDArray[np.int64]
    fps: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Bucket:
    """One bucket: its name, frames of a sample, and its aspect ratio as height / width."""

    name: str
    frames: int
    ratio: float


@dataclass(frozen=True)
class Placed:
    """Items: `clip[i]` goes into `buckets[bucket[i]]` and gives `used[i]` of its frames at the clip's own rate.

    A clip can be in several buckets, or in none: then `cause` (one per clip) says why; it is "" of the others.
    """

    buckets: Sequence[Bucket]
    clip: npt.NDArray[np.int64]
    bucket: npt.NDArray[np.int64]
    used: npt.NDArray[np.float64]
    cause: npt.NDArray[np.object_]


def one_each(
    buckets: Sequence[Bucket], bucket: npt.NDArray[np.int64], used: npt.NDArray[np.float64], cause: npt.NDArray[np.object_]
) -> Placed:
    """At most one bucket per clip; -1 is none."""
    clip = np.flatnonzero(bucket >= 0)
    return Placed(buckets, clip, bucket[clip], used[clip], np.where(bucket >= 0, "", cause))


def nearest(values: npt.NDArray[np.float64], keys: Sequence[float]) -> npt.NDArray[np.int64]:
    """The position of the key that is nearest to each value; of equally near ones the first."""
    best = np.zeros(len(values), dtype=np.int64)
    least = np.full(len(values), np.inf)
    for position, key in enumerate(keys):
        distance = np.abs(key - values)
        is_nearer = distance < least
        best[is_nearer], least[is_nearer] = position, distance[is_nearer]
    return best


def longest_within(frames: npt.NDArray[np.int64], targets: Sequence[int]) -> npt.NDArray[np.int64]:
    """The position of the largest target that is not above each clip's frames; -1 where there is none. Targets ascend."""
    return np.searchsorted(np.asarray(targets), frames, side="right") - 1
