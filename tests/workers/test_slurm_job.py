"""What Slurm gave counts, not what the node has."""

import pytest

from video_assets.workers.cpus import cpu_count
from video_assets.workers.memory import memory_limit_bytes
from video_assets.workers.slurm_job import job_cpus, job_memory_bytes

MIB = 1 << 20


@pytest.mark.parametrize(
    ("variables", "cpus", "memory_mib"),
    [
        ({}, None, None),
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_NODE": "8000"}, 16, 8000),
        ({"SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_CPU": "2048"}, 4, 8192),
        ({"SLURM_CPUS_ON_NODE": "2", "SLURM_MEM_PER_CPU": "1000"}, 2, 2000),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "0"}, 2, None),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "8G"}, 2, None),
    ],
)
def test_cpus_and_memory_of_a_job(variables, cpus, memory_mib):
    job = {"SLURM_JOB_ID": "7", **variables} if variables else {}
    assert job_cpus(job) == cpus
    assert job_memory_bytes(job) == (memory_mib * MIB if memory_mib else None)


def test_variables_that_are_left_over_without_a_job_say_nothing():
    left_over = {"SLURM_CPUS_ON_NODE": "1", "SLURM_MEM_PER_NODE": "100"}
    assert (job_cpus(left_over), job_memory_bytes(left_over)) == (None, None)


def test_the_smallest_of_all_limits_counts(monkeypatch, tmp_path):
    groups = {"proc": tmp_path, "cgroups": tmp_path}
    before = cpu_count(**groups)
    for name, value in {"JOB_ID": "7", "CPUS_PER_TASK": "1", "MEM_PER_NODE": "300"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert (cpu_count(**groups), memory_limit_bytes(**groups)) == (1, 300 * MIB)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1000")
    assert cpu_count(**groups) == before
