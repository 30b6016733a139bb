"""Which batch a source video belongs to: for ever the same one, and every batch about the same amount of work.

The authors' numbers are sparse, so slices of them hold 1 to 500 videos. Work is what is downloaded and cut, and the pause between
two videos of a site: seconds of clips count, and so does each video.
Belongs here: that arithmetic. Does not belong here: what batches there are already (`sources.miradata.batches`).
"""

import math
import re
from collections.abc import Iterable, Mapping

VIDEOS_PER_BATCH = 500
"""At most this many source videos, however short their clips."""

INVALID_BATCH = "mira_invalid"
"""Batch of the rows whose id cannot be read: they are accounted for like all others."""

_NUMBERED = re.compile(r"mira_(\d+)")
# Videos do not fill a batch to the last second: with no room for that the rest would be a batch of its own.
_ROOM = 1.02


def assign_batches(wanted: Mapping[int, float], known: Mapping[int, str], *, seconds_per_batch: float) -> dict[int, str]:
    """The batch of every source video of `wanted` and `known`, by the authors' number.

    Videos that have a batch keep it; the others get new ones, in the order of their numbers, each about as full as the next.

    Args:
        wanted: seconds of clips by source video.
        known: batches so far by source video.
        seconds_per_batch: how many seconds of clips a batch should have at most, but for a video that has more by itself.

    >>> assign_batches({7: 60, 8: 60, 90: 120, 4000: 30}, {}, seconds_per_batch=150)
    {7: 'mira_000000', 8: 'mira_000000', 90: 'mira_000001', 4000: 'mira_000001'}
    >>> assign_batches({7: 60, 8: 60}, {7: "mira_000123"}, seconds_per_batch=150)
    {7: 'mira_000123', 8: 'mira_000124'}
    """
    new = sorted(wanted.keys() - known.keys())
    weights = [max(wanted[video] / seconds_per_batch, 1 / VIDEOS_PER_BATCH) for video in new]
    number, batches = _next_number(known.values()), dict(known)
    for video, is_first in zip(new, _firsts(weights), strict=True):
        number += is_first
        batches[video] = f"mira_{number - 1:06d}"
    return batches


def _next_number(names: Iterable[str]) -> int:
    return max((int(match[1]) + 1 for match in map(_NUMBERED.fullmatch, set(names)) if match), default=0)


def _firsts(weights: list[float]) -> list[bool]:
    """Which of these videos begin a batch: none weighs more than 1 unless one video does, and all weigh about the same."""
    total = math.fsum(weights)
    share = total / max(1, math.ceil(total * _ROOM))
    firsts, filled, before, turn = list[bool](), 0.0, 0.0, 0
    for weight in weights:
        middle = before + weight / 2
        is_full = middle > turn * share or filled + weight > 1
        turn = max(turn + 1, int(middle / share) + 1) if is_full else turn
        filled, before = weight if is_full else filled + weight, before + weight
        firsts.append(is_full)
    return firsts
