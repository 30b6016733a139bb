"""How many CPUs this process may use.

Belongs here: affinity, control groups and their CPU quota. Does not belong here: memory (`workers.memory`), what Slurm gave
(`workers.slurm_job`), how many workers somebody wants.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from video_assets.workers.slurm_job import job_cpus


def cpu_count(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs that this process may use: its affinity, the CPU quota of its control groups (v1 and v2), its Slurm job; at least 1.

    A quota of 1.5 CPUs counts as 1: a second worker would wait half of the time, and hold its memory all of the time.
    """
    quotas = [quota for group in groups_of("cpu", proc / "cgroup", cgroups) if (quota := _quota(group)) is not None]
    given = job_cpus()
    return max(1, int(min([len(os.sched_getaffinity(0)), *quotas, *([] if given is None else [given])])))


def groups_of(controller: str, membership: Path, cgroups: Path) -> Iterator[Path]:
    """Folders of this process's control groups with `controller` and of all groups around them, as far as they are visible."""
    if not membership.is_file():
        return
    for line in membership.read_text(encoding="utf-8").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = cgroups / controllers
        path = mount / group.lstrip("/")
        # In a container the path can be the host's: then only the mount itself is there, and it is the container's group.
        yield from (folder for folder in (path, *path.parents) if folder.is_relative_to(mount) and folder.is_dir())


def _quota(group: Path) -> float | None:
    if (v2 := group / "cpu.max").is_file():
        quota, period = v2.read_text(encoding="ascii").split()
    elif (v1 := group / "cpu.cfs_quota_us").is_file():
        quota, period = v1.read_text(encoding="ascii"), (group / "cpu.cfs_period_us").read_text(encoding="ascii")
    else:
        return None
    return None if quota.strip() in {"max", "-1"} else int(quota) / int(period)
