"""Orders, and distributions of a number of all clips. Pure: arrays in, arrays out.

Belongs here: arithmetic. Does not belong here: which clips are counted or ordered (`look.index`).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

N_BINS = 40
_UNKNOWN = N_BINS
_64_BITS = (1 << 64) - 1
_LONG_TAILED = ("duration_s", "file_size", "num_frames", "resolution")


@dataclass(frozen=True)
class Axis:
    """One number of all clips: bin edges (ascending), clips in each bin, and whether the bins grow by a factor."""

    name: str
    edges: list[float]
    clips: list[int]
    is_logarithmic: bool


def axis_of(name: str, values: np.ndarray) -> Axis | None:
    """The distribution of a number (float64, NaN: not known); None where all clips have the same, or none is known."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return None
    low, high = float(known.min()), float(known.max())
    is_logarithmic = name in _LONG_TAILED and low > 0 and high / low > 20
    axis = Axis(name, _edges(low, high, is_logarithmic=is_logarithmic), [], is_logarithmic)
    return replace(axis, clips=count_bins(bins_of(axis, values)))


def bins_of(axis: Axis, values: np.ndarray) -> np.ndarray:
    """The bin of each value, uint8; `N_BINS` where it is not known."""
    low, high = axis.edges[0], axis.edges[-1]
    is_known = np.isfinite(values)
    places = np.where(is_known, values, low)
    if axis.is_logarithmic:
        places, low, high = np.log(places), math.log(low), math.log(high)
    bins = np.clip((places - low) / (high - low) * N_BINS, 0, N_BINS - 1).astype(np.uint8)
    bins[~is_known] = _UNKNOWN
    return bins


def count_bins(bins: np.ndarray) -> list[int]:
    """Clips in each bin; those of which the number is not known are in none."""
    return np.bincount(bins, minlength=N_BINS + 1)[:N_BINS].tolist()


def first(numbers: np.ndarray, keys: np.ndarray, n: int) -> np.ndarray:
    """The first `n` of `numbers` (rising) in the order of their `keys`. NaN comes last, equal ones stay in their order.

    >>> first(np.array([3, 5, 8, 9]), np.array([2.0, np.nan, 1.0, 2.0]), 3)
    array([8, 3, 9])
    """
    if 0 < n < len(keys):
        bound = np.partition(keys, n - 1)[n - 1]
        if bound == bound:  # noqa: PLR0124 - not NaN, behind which everything would be needed
            is_near = keys <= bound
            numbers, keys = numbers[is_near], keys[is_near]
    return numbers[np.argsort(keys, kind="stable")[:n]]


def shuffled(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Keys of a random order that is the same for the same seed (the mixing function of SplitMix64)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(seed << 32 & _64_BITS)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _edges(low: float, high: float, *, is_logarithmic: bool) -> list[float]:
    if is_logarithmic:
        step = (math.log(high) - math.log(low)) / N_BINS
        return [low, *(math.exp(math.log(low) + step * place) for place in range(1, N_BINS)), high]
    return [low + (high - low) * place / N_BINS for place in range(N_BINS)] + [high]
