"""How much memory this program may have, what it keeps for itself, and what a stage may take for rows.

In a container the whole group dies, or one process of it that the kernel chooses, when its memory limit is reached. So the
limits of the workers and what the program itself needs must fit into it: then one clip costs its worker, never the container.
Belongs here: the control groups' memory limits and shares of them. Does not belong here: how many workers fit into them
(`workers.crews`), keeping the limits (`workers.child`).
"""

import os
from pathlib import Path

from video_assets.workers.cpus import groups_of
from video_assets.workers.slurm_job import job_memory_bytes

_MIB = 1 << 20
# What the run itself takes: pandas, pyarrow and Dagster 350 MiB, then the tables of its shards.
_MIN_OWN_BYTES, _MAX_OWN_BYTES, _OWN_SHARE = 512 * _MIB, 2048 * _MIB, 0.25


def memory_limit_bytes(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The smallest memory limit of this process's control groups (v1 and v2) and its Slurm job, bytes; None without one."""
    limits = [limit for group in groups_of("memory", proc / "cgroup", cgroups) if (limit := _limit(group)) is not None]
    given = job_memory_bytes()
    return min([*limits, *([] if given is None else [given])], default=None)


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
