"""Shards that lost far more clips than their siblings, told apart from accidents of few clips.

Belongs here: that statistics. Does not belong here: what is done about it (`publish.rules.checks`), pictures (`report.plots`).
"""

import math
import statistics
from dataclasses import dataclass

import pandas as pd

from video_assets.core.units import count, share

# A false alarm in a thousand runs is what a user bears.
_FALSE_ALARM = 0.001


@dataclass(frozen=True)
class Outlier:
    """A shard that lost far more than its siblings; shares are parts of 1."""

    shard: str
    listed: int
    dropped: int
    median_share: float

    @property
    def message(self) -> str:
        """What is odd, in numbers, and where to look. Clips are spread by hash: bad ones are spread too, bad machines are not."""
        return (
            f"shard {self.shard}: {share(self.dropped, self.listed)} of {count(self.listed, 'clips')} dropped, "
            f"median shard {share(self.median_share, 1)}: look at the mount, not at the clips"
        )


def shard_outliers(counts: pd.DataFrame, *, max_excess: float) -> list[Outlier]:
    """Shards whose dropped share is more than `max_excess` above the median shard's, when that is no accident of few clips.

    Shards are random samples of all clips, so the clips a healthy shard drops follow a binomial law with the share of the other
    shards. A shard is reported only when its count has a probability below 0.001 over all shards (Bonferroni). So one bad clip of
    two is no alarm.

    Args:
        counts: columns shard, listed, dropped (clips); shards without clips are passed over.
        max_excess: part of 1.
    """
    rows = [(str(s), int(n), int(d)) for s, n, d in zip(counts["shard"], counts["listed"], counts["dropped"], strict=True) if n]
    if len(rows) < 2:
        return []
    median = statistics.median(dropped / listed for _, listed, dropped in rows)
    all_listed, all_dropped = sum(row[1] for row in rows), sum(row[2] for row in rows)
    log_alarm = math.log(_FALSE_ALARM / len(rows))
    odd: list[Outlier] = []
    for shard, listed, dropped in rows:
        # Laplace's rule keeps the expected share off 0 and 1, where a single clip would be a miracle.
        expected = (all_dropped - dropped + 1) / (all_listed - listed + 2)
        if dropped / listed > median + max_excess and log_tail(listed, dropped / listed, expected) < log_alarm:
            odd.append(Outlier(shard=shard, listed=listed, dropped=dropped, median_share=median))
    return odd


def log_tail(n: int, observed: float, expected: float) -> float:
    """Upper bound (Chernoff) of the log probability to see at least the share `observed` in `n` draws when `expected` is true.

    `-n * KL(observed || expected)`; shares are parts of 1, `expected` is neither 0 nor 1.
    """
    if observed <= expected:
        return 0.0
    rest = (1.0 - observed) * math.log((1.0 - observed) / (1.0 - expected)) if observed < 1.0 else 0.0
    return -n * (observed * math.log(observed / expected) + rest)
