"""One outcome in numbers: clips, hours and bytes kept, clips dropped by stage and reason, all of it by source.

Belongs here: adding up. Does not belong here: who is dropped (`what_if.rules.fates`), how it looks (`cli.pages`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from video_assets.core.funnel import Funnel, funnel_from_counts
from video_assets.what_if.rules.fates import KEPT, Codes

Dropped = tuple[str, str, str, int]
"""Source, stage, reason, clips."""


@dataclass(frozen=True)
class SourceOutcome:
    """What one source gives: clips listed and kept, hours and bytes of those that are kept."""

    listed: int
    kept: int
    hours: float
    bytes: int


@dataclass(frozen=True)
class Outcome:
    """What the table would be. `dropped` is by stage and reason, as in the manifest."""

    kept: int
    hours: float
    bytes: int
    dropped: dict[str, dict[str, int]]
    sources: dict[str, SourceOutcome]

    @property
    def funnel(self) -> Funnel:
        """From listed to kept."""
        return funnel_from_counts(self.kept, self.dropped)

    def as_record(self) -> dict[str, Any]:
        """JSON-able."""
        return {"listed": self.funnel.listed, **asdict(self)}


@dataclass(frozen=True)
class Measured:
    """Columns of the clips in the shards: number of their source, bytes, seconds."""

    source: Codes
    n_bytes: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]


def add_up(
    clips: Measured, fates: Codes, *, words: Sequence[tuple[str, str]], sources: Sequence[str], before: Iterable[Dropped]
) -> Outcome:
    """The outcome of these fates, and of what stages `before` dropped.

    Args:
        clips: all clips of the shards.
        fates: one for each, a number into `words`.
        words: stage and reason by number.
        sources: names by number; every source of `before` is one of them.
        before: clips that did not come into the shards.
    """
    n = len(sources)
    table = np.bincount(clips.source.astype(np.int64) * len(words) + fates, minlength=n * len(words)).reshape(n, len(words))
    listed = table.sum(axis=1)
    dropped: dict[str, dict[str, int]] = {}
    for (stage, reason), clips_lost in zip(words, table.sum(axis=0).tolist(), strict=True):
        if stage and clips_lost:
            _count(dropped, stage, reason, clips_lost)
    for source, stage, reason, clips_lost in before:
        _count(dropped, stage, reason, clips_lost)
        listed[sources.index(source)] += clips_lost
    is_kept = fates == KEPT
    of = clips.source[is_kept]
    hours = np.bincount(of, weights=clips.seconds[is_kept], minlength=n) / 3600
    n_bytes = np.bincount(of, weights=clips.n_bytes[is_kept].astype(np.float64), minlength=n)
    return Outcome(
        kept=int(is_kept.sum()),
        hours=float(hours.sum()),
        bytes=int(clips.n_bytes[is_kept].sum()),
        dropped=dropped,
        sources={
            name: SourceOutcome(int(listed[i]), int(table[i, KEPT]), float(hours[i]), int(n_bytes[i]))
            for i, name in sorted(enumerate(sources), key=lambda pair: pair[1])
        },
    )


def _count(dropped: dict[str, dict[str, int]], stage: str, reason: str, clips: int) -> None:
    reasons = dropped.setdefault(stage, {})
    reasons[reason] = reasons.get(reason, 0) + clips
