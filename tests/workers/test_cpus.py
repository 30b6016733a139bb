"""CPUs by affinity and by the quota of real and made-up control groups."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from video_assets.workers.cpus import cpu_count

ASK = "from video_assets.workers.cpus import cpu_count; print(cpu_count())"


def made_up(folder, membership, **files):
    """A proc folder with this membership and a tree of control groups with these files ("__" stands for "/")."""
    (folder / "cgroup").write_text(membership)
    for name, text in files.items():
        path = folder / "groups" / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"proc": folder, "cgroups": folder / "groups"}


@pytest.fixture
def _many_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)))


def test_without_control_groups_the_affinity_counts(tmp_path):
    assert cpu_count(proc=tmp_path, cgroups=tmp_path) == len(os.sched_getaffinity(0))


def test_an_affinity_of_one_cpu_is_one_cpu():
    one = str(min(os.sched_getaffinity(0)))
    assert subprocess.check_output(["taskset", "-c", one, sys.executable, "-c", ASK], text=True) == "1\n"


@pytest.mark.usefixtures("_many_cpus")
@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu_max": "250000 100000\n"}, 2),
        ("0::/\n", {"cpu_max": "max 100000\n"}, 64),
        ("0::/\n", {"cpu_max": "50000 100000\n"}, 1),
        ("0::/pod/app\n", {"pod__cpu_max": "400000 100000\n", "pod__app__cpu_max": "max 100000\n"}, 4),
        ("0::/of/the/host\n", {"cpu_max": "300000 100000\n"}, 3),
        (
            "4:cpu,cpuacct:/app\n3:memory:/\n0::/\n",
            {"cpu,cpuacct__app__cpu_cfs_quota_us": "350000\n", "cpu,cpuacct__app__cpu_cfs_period_us": "100000\n"},
            3,
        ),
        ("4:cpu:/\n", {"cpu__cpu_cfs_quota_us": "-1\n", "cpu__cpu_cfs_period_us": "100000\n"}, 64),
    ],
)
def test_the_smallest_quota_around_this_process_counts(membership, files, expected, tmp_path):
    assert cpu_count(**made_up(tmp_path, membership, **files)) == expected


def test_a_real_quota_of_one_cpu_is_one_cpu():
    root = next((path for path in (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None)
    if root is None or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("no control groups, or only one CPU")
    group = root / f"video-assets-test-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a control group: {error}")
    try:
        quota = group / ("cpu.max" if (group / "cpu.max").exists() else "cpu.cfs_quota_us")
        if not quota.exists():
            pytest.skip("the CPU controller is not available to new groups")
        quota.write_text("100000 100000" if quota.name == "cpu.max" else "100000")
        join = f"echo $$ > {group}/cgroup.procs && exec {sys.executable} -c '{ASK}'"
        asked = subprocess.run(["sh", "-c", join], capture_output=True, text=True, check=False)
        if "echo" in asked.stderr:
            pytest.skip(f"processes cannot join the control group: {asked.stderr.strip()}")
        assert asked.stdout == "1\n"
    finally:
        group.rmdir()
