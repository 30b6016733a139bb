"""How many worker processes work at a time, and with how much memory each, so that together they fit into the memory there is.

Belongs here: that arithmetic. Does not belong here: how many CPUs (`workers.cpus`) and how much memory there is
(`workers.memory`), starting workers (`workers.pool`).
"""

from dataclasses import dataclass

from video_assets.workers.memory import own_bytes

# Less address space is of no use: an idle worker has 125 MiB, a 1080p clip takes 100 to 250 MiB more.
_MIN_WORKER_BYTES = 512 << 20


@dataclass(frozen=True)
class Crew:
    """How many workers, and the address space of each, bytes."""

    n_workers: int
    memory_bytes: int


def plan_crews(*, n_workers: int, memory_bytes: int, limit_bytes: int | None) -> list[Crew]:
    """Workers for all clips and, when those get less than `memory_bytes` each, fewer workers for the clips that need more.

    Each crew fits into `limit_bytes`; the second works when the first has gone home. It has the full `memory_bytes` where that
    fits at all, so what a clip may take does not depend on how many CPUs a container has.
    """
    if limit_bytes is None:
        return [Crew(n_workers, memory_bytes)]
    room = max(_MIN_WORKER_BYTES, limit_bytes - own_bytes(limit_bytes))
    n_first = max(1, min(n_workers, room // min(memory_bytes, _MIN_WORKER_BYTES)))
    n_second = min(n_first, max(1, room // memory_bytes))
    crews = [Crew(n, min(memory_bytes, room // n)) for n in (n_first, n_second)]
    return crews[:1] if crews[0] == crews[1] else crews
