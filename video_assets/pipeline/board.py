"""How far a run of the decode check is, shard by shard: what a person wants to see while a long shard goes on.

Belongs here: counting, rates, the table as text. Does not belong here: a data root as a whole, also of other runs
(`explain.status`), how Dagster is told (`defs.decode`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

TELL_EVERY_S = 60.0
_MAX_ROWS = 20


@dataclass
class ShardCount:
    """One shard that this run has opened. `known` clips had a verdict before; `decided` ones got it since `begun`."""

    shard: str
    clips: int
    known: int
    begun: float
    decided: int = 0
    n_bytes: int = 0
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """Wall seconds of work, until now or its end."""
        return max(1e-3, (time.monotonic() if self.ended is None else self.ended) - self.begun)

    @property
    def clips_per_s(self) -> float:
        """Verdicts a second."""
        return self.decided / self.seconds

    @property
    def bytes_per_s(self) -> float:
        """Bytes of clips decided a second."""
        return self.n_bytes / self.seconds

    @property
    def left(self) -> int:
        """Clips without a verdict."""
        return max(0, self.clips - self.known - self.decided)


class Board:
    """The shards of a run."""

    def __init__(self, tell: Callable[[str], None] = lambda _table: None, *, interval_s: float | None = None) -> None:
        """Call `tell` with the table, at most once in `interval_s` seconds (default: a minute), while clips are decided."""
        self._tell, self._interval_s = tell, TELL_EVERY_S if interval_s is None else interval_s
        self._begun = self._told = time.monotonic()
        self._n_shards = self._n_clips = self._n_complete = self._n_complete_clips = 0
        self.shards: dict[str, ShardCount] = {}

    def begin(self, n_shards: int, n_clips: int) -> None:
        """What the run was asked for; a second call is about shards that were left to others at first."""
        self._n_shards, self._n_clips = max(self._n_shards, n_shards), max(self._n_clips, n_clips)

    def complete(self, n_clips: int) -> None:
        """A shard turned out to be complete as it is."""
        self._n_complete, self._n_complete_clips = self._n_complete + 1, self._n_complete_clips + n_clips

    def open(self, shard: str, *, clips: int, known: int) -> None:
        """Work on a shard begins."""
        self.shards[shard] = ShardCount(shard, clips, known, time.monotonic())

    def decide(self, shard: str, n_bytes: int) -> None:
        """A clip has a verdict."""
        count = self.shards[shard]
        count.decided, count.n_bytes = count.decided + 1, count.n_bytes + n_bytes
        if time.monotonic() - self._told >= self._interval_s:
            self._told = time.monotonic()
            self._tell(self.table())

    def close(self, shard: str) -> None:
        """Work on a shard has ended."""
        self.shards[shard].ended = time.monotonic()

    @property
    def line(self) -> str:
        """The run in one line."""
        counts = list(self.shards.values())
        decided, known = sum(each.decided for each in counts), sum(each.known for each in counts)
        checked, seconds = self._n_complete_clips + known + decided, max(1e-3, time.monotonic() - self._begun)
        at_work = sum(each.ended is None for each in counts)
        done = self._n_complete + len(counts) - at_work
        rate = decided / seconds
        left = f", about {max(0, self._n_clips - checked) / rate:,.0f} s left" if rate and checked < self._n_clips else ""
        share = f" ({checked / self._n_clips:.0%})" if self._n_clips else ""
        return (
            f"{done:,} of {self._n_shards:,} shards ended, {at_work:,} in work; {checked:,} of {self._n_clips:,} clips{share}, "
            f"{rate:,.1f} clips/s, {sum(each.n_bytes for each in counts) / seconds / 1e6:,.1f} MB/s{left}"
        )

    def table(self) -> str:
        """The line, and a row for each shard in work."""
        rows = [each for each in self.shards.values() if each.ended is None]
        return "\n".join(
            [self.line, *_rows(rows[:_MAX_ROWS]), *([f"and {len(rows) - _MAX_ROWS:,} more"] if rows[_MAX_ROWS:] else [])]
        )


def _rows(counts: list[ShardCount]) -> Iterator[str]:
    yield f"{'shard':<16}{'checked':>12}{'clips':>12}{'clips/s':>10}{'MB/s':>10}{'left, s':>10}"
    for each in counts:
        left = f"{each.left / each.clips_per_s:,.0f}" if each.decided else ""
        yield (
            f"{each.shard:<16}{each.clips - each.left:>12,}{each.clips:>12,}{each.clips_per_s:>10,.1f}"
            f"{each.bytes_per_s / 1e6:>10,.1f}{left:>10}"
        )
