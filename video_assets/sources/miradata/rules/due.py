"""Which batches are worked on next.

Sites differ: one may block us for weeks while the others give. So every site takes its turn, the one that was worked on longest
ago first; a site in a pause is passed over, and one that has blocked us lately gets one batch, to see whether it still does.
Belongs here: that choice, from what is known of each batch. Does not belong here: finding that out (`sources.miradata.ledgers`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest


@dataclass(frozen=True)
class BatchState:
    """A batch: clips that are still to be asked for by site, when it was worked on last, and what there is to do.

    `worked_at` is seconds since 1970, None for never. `is_complete`: its ledger is there. `has_waiting`: some clips of it can be
    asked for again at any time. `lost_at` is when the oldest loss was noted that is not asked for before its time, None for none.
    """

    name: str
    sites: Mapping[str, int] = field(default_factory=dict)
    worked_at: float | None = None
    is_complete: bool = False
    has_waiting: bool = False
    lost_at: float | None = None

    def is_due(self, *, lost_before: float) -> bool:
        """True when there is something to ask for; losses count when they were noted before `lost_before`."""
        is_old = self.lost_at is not None and self.lost_at < lost_before
        return not self.is_complete or self.has_waiting or is_old


def choose_batches(
    states: Sequence[BatchState], *, paused: Collection[str], suspects: Collection[str], lost_before: float, limit: int
) -> list[str]:
    """At most `limit` batches, those that were never completed before the others.

    Args:
        states: all batches, in the order of their numbers.
        paused: sites that are left alone now.
        suspects: sites that have sent us away and have given nothing since.
        lost_before: seconds since 1970; losses that are older are asked for again.
        limit: how many.

    >>> batches = [BatchState("a", {"y": 9}), BatchState("b", {"y": 9}), BatchState("c", {"p": 1})]
    >>> choose_batches(batches, paused=["y"], suspects=[], lost_before=0, limit=2)
    ['c']
    >>> choose_batches(batches, paused=[], suspects=["y"], lost_before=0, limit=2)
    ['c', 'a']
    """
    last = _last_worked(states)
    open_ = [_without(state, paused) for state in states if state.is_due(lost_before=lost_before)]
    free = [state for state in open_ if state is not None]
    again = sorted((state for state in free if state.is_complete), key=lambda state: state.worked_at or 0.0)
    new = [state for state in free if not state.is_complete]
    chosen = [*_by_turns(new, last, suspects), *_by_turns(again, last, suspects)]
    return [state.name for state in chosen[:limit]]


def _without(state: BatchState, paused: Collection[str]) -> BatchState | None:
    """The batch without the sites that are left alone; None when they are all that it has."""
    sites = {site: n for site, n in state.sites.items() if site not in paused}
    return replace(state, sites=sites) if sites or not state.sites else None


def _main_site(state: BatchState) -> str:
    return max(state.sites, key=lambda site: (state.sites[site], site), default="")


def _last_worked(states: Iterable[BatchState]) -> dict[str, float]:
    """When each site was worked on last."""
    last: dict[str, float] = {}
    for state in states:
        if state.worked_at is not None:
            site = _main_site(state)
            last[site] = max(last.get(site, 0.0), state.worked_at)
    return last


def _by_turns(states: Sequence[BatchState], last: Mapping[str, float], suspects: Collection[str]) -> list[BatchState]:
    """Every site's first batch, every site's second one, and so on.

    Of a suspect the first alone; its others, and batches of which no site is known, come after all else.
    """
    queues: dict[str, list[BatchState]] = {}
    for state in states:
        queues.setdefault(_main_site(state), []).append(state)
    order = sorted(queues, key=lambda site: (last.get(site, 0.0), site in suspects))
    n_turns = {site: 0 if not site else 1 if site in suspects else len(queues[site]) for site in order}
    turns = [queues[site][: n_turns[site]] for site in order]
    late = [state for site in order for state in queues[site][n_turns[site] :]]
    return [*(state for turn in zip_longest(*turns) for state in turn if state is not None), *late]
