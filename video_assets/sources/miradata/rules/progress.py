"""How far the work on MiraData is, day by day: what was cut, what was lost and why, when it ends at this rate.

Belongs here: counting and the estimate. Does not belong here: reading ledgers (`sources.miradata.progress`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

RATE_DAYS = 7
"""The estimate goes by the last week: nights without a run count, older rates do not."""


@dataclass(frozen=True)
class Progress:
    """Clips of the table: `n_clips` that are wanted, those cut by day (ISO date, UTC), those lost for good by day and reason.

    `paused`: sites that are left alone, each until when (seconds since 1970).
    """

    n_clips: int
    cut: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)
    today: str = "1970-01-01"

    @property
    def n_cut(self) -> int:
        """Clips that are here."""
        return sum(self.cut.values())

    @property
    def n_lost(self) -> int:
        """Clips that cannot be had, as far as is known."""
        return sum(sum(reasons.values()) for reasons in self.lost.values())

    @property
    def n_left(self) -> int:
        """Clips that nothing is known of."""
        return max(0, self.n_clips - self.n_cut - self.n_lost)

    @property
    def per_day(self) -> float:
        """Clips decided a day, cut or lost, over the last `RATE_DAYS` days, or fewer when the work began later."""
        if not self.days:
            return 0.0
        today = date.fromisoformat(self.today)
        first = max(date.fromisoformat(self.days[0]), today - timedelta(days=RATE_DAYS - 1))
        n_days = max(1, (today - first).days + 1)
        recent = [day for day in self.days if date.fromisoformat(day) >= first]
        return sum(self.cut.get(day, 0) + sum(self.lost.get(day, {}).values()) for day in recent) / n_days

    @property
    def days_left(self) -> float | None:
        """Days until nothing is left, at this rate; None when nothing was done lately."""
        if not self.n_left:
            return 0.0
        return self.n_left / self.per_day if self.per_day else None

    @property
    def ends_on(self) -> str:
        """The day on which that is, or why none can be told."""
        if self.days_left is None:
            return f"unknown: nothing was done in the last {RATE_DAYS} days"
        if self.days_left > 365_000:
            return "unknown: at this rate, not in this millennium"
        return (date.fromisoformat(self.today) + timedelta(days=round(self.days_left))).isoformat()

    @property
    def days(self) -> list[str]:
        """Days on which something was decided, in order."""
        return sorted({*self.cut, *self.lost})

    def lost_shares(self) -> dict[str, list[float]]:
        """By reason, the commonest first: its share of all that was decided up to the end of each of `days`."""
        totals = Counter[str]()
        for reasons in self.lost.values():
            totals.update(reasons)
        shares: dict[str, list[float]] = {reason: [] for reason, _ in totals.most_common()}
        so_far, n_decided = Counter[str](), 0
        for day in self.days:
            so_far.update(self.lost.get(day, {}))
            n_decided += self.cut.get(day, 0) + sum(self.lost.get(day, {}).values())
            for reason, told in shares.items():
                told.append(so_far[reason] / n_decided)
        return shares


def count_days(
    lines: Iterable[tuple[str, str, bool, str]], *, ignored: frozenset[str]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Clips cut by day, and lost by day and reason.

    Args:
        lines: (status, reason, is_permanent, finished_at) of clips.
        ignored: reasons that say nothing of the web.
    """
    cut: Counter[str] = Counter()
    lost: dict[str, Counter[str]] = {}
    for status, reason, is_permanent, finished_at in lines:
        day = finished_at[:10]
        if status == "ok" and day:
            cut[day] += 1
        elif status == "failed" and is_permanent and reason not in ignored and day:
            lost.setdefault(day, Counter())[reason] += 1
    return dict(sorted(cut.items())), {day: dict(reasons) for day, reasons in sorted(lost.items())}


def paused_markdown(progress: Progress) -> str:
    """The sites that are left alone, and until when."""
    if not progress.paused:
        return "no site is in a pause"
    lines = [
        f"| {site} | {datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M} UTC |" for site, when in sorted(progress.paused.items())
    ]
    return "\n".join(["| site | left alone until |", "|---|---|", *lines])
