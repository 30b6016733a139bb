"""How much memory worker processes may take together, how that is shared out, and what a stage may take for rows.

In a container the whole group dies, or one process of it that the kernel chooses, when its memory limit is reached. So the
limits of the workers and what the program itself needs must fit into it: then one clip costs its worker, never the container.
Belongs here: the control groups' memory limits and the arithmetic. Does not belong here: keeping the limits (`workers.child`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from video_assets.workers.cpus import groups_of
from video_assets.workers.slurm_job import job_memory_bytes

_MIB = 1 << 20
# What the run itself takes: pandas, pyarrow and Dagster 350 MiB, then the tables of its shards.
_MIN_OWN_BYTES, _MAX_OWN_BYTES, _OWN_SHARE = 512 * _MIB, 2048 * _MIB, 0.25
# Less address space is of no use: an idle worker has 125 MiB, a 1080p clip takes 100 to 250 MiB more.
_MIN_WORKER_BYTES = 512 * _MIB


@dataclass(frozen=True)
class Crew:
    """How many workers, and the address space of each, bytes."""

    n_workers: int
    memory_bytes: int


def memory_limit_bytes(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The smallest memory limit of this process's control groups (v1 and v2) and its Slurm job, bytes; None without one."""
    limits = [limit for group in groups_of("memory", proc / "cgroup", cgroups) if (limit := _limit(group)) is not None]
    given = job_memory_bytes()
    return min([*limits, *([] if given is None else [given])], default=None)


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


def own_bytes(limit_bytes: int) -> int:
    """What is kept free for the program that starts the workers: a quarter, at least 512 MiB and at most 2 GiB."""
    return int(min(_MAX_OWN_BYTES, max(_MIN_OWN_BYTES, limit_bytes * _OWN_SHARE)))


def table_bytes(memory_mib: int | None) -> int:
    """What a stage may take for rows at a time: `memory_mib`, else `own_bytes` of the limit or of the machine's memory."""
    if memory_mib is not None:
        return memory_mib * _MIB
    return own_bytes(memory_limit_bytes() or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _limit(group: Path) -> int | None:
    """The limit of one group; v1 says 2^63 less a page for none."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        if (file := group / name).is_file():
            text = file.read_text(encoding="ascii").strip()
            return None if text == "max" or int(text) >= 1 << 60 else int(text)
    return None
