"""What the Slurm engine costs, on a real Slurm of this machine: CPU-seconds per shard on head and node, idle CPUs.

    PYTHONPATH=tests/fakes:tests/builders .venv/bin/python benchmarks/slurm.py [--shards 240] [--clips 20] [--nodes 4] [--cpus 1]
        [--at-a-time 2] [--per-task 1]

A given CPU counts as idle when no process of its task can run at that moment (looked at ten times a second), so that a machine
that is busy with other work tells the same. That holds for tasks of one CPU. Needs what tests/fakes/slurm_cluster.py needs.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Self

import psutil
from prepared_shards import prepare
from slurm_cluster import slurm_cluster

from video_assets.core.sharding import shard_keys
from video_assets.progress import LogProgress
from video_assets.samples.demo.make import make_sample
from video_assets.settings.model import load_settings
from video_assets.slurm.follow import check_shards_on_slurm

CLIPS = ("aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "city-at-night.mp4")


def main() -> None:
    """Prepare, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {"shards": 240, "clips": 20, "nodes": 4, "cpus": 1, "at-a-time": 2, "per-task": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, slurm_cluster(n_nodes=asked.nodes) as cluster:
        sample = make_sample(Path(folder) / "sample")
        clips = [sample.clips / CLIPS[number % len(CLIPS)] for number in range(asked.shards * asked.clips)]
        slurm = {
            "cpus_per_task": asked.cpus,
            "max_tasks": asked.at_a_time,
            "shards_per_task": asked.per_task,
            "mem_per_cpu_mib": 2000,
            "poll_s": 10.0,
        }
        layout = prepare(
            Path(folder) / "site", clips, n_shards=asked.shards, decode={"engine": "slurm", "workers": 0}, slurm=slurm
        )
        os.environ["VIDEO_ASSETS_DATA_ROOT"] = str(layout.root)
        with Runnable() as runnable:
            measure(cluster, layout, load_settings(), runnable)


class Runnable(threading.Thread):
    """Seconds in which at least one process of a job could run, by Slurm's job id: it ran, or waited for a core."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: Counter[str] = Counter()
        self.cpu_s = 0.0
        self._jobs: dict[int, str] = {}
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        """Begin to look."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Until it is over."""
        seen = time.monotonic()
        while not self._is_over.wait(0.1):
            now, pids = time.monotonic(), set(psutil.pids())
            self._jobs = {pid: job for pid, job in self._jobs.items() if pid in pids}
            for pid in sorted(pids - self._jobs.keys()):
                # Workers have an environment of their own, and belong to the job of their parent.
                if job := job_of(pid) or self._jobs.get(parent_of(pid), ""):
                    self._jobs[pid] = job
            for job in {job for pid, job in self._jobs.items() if can_run(pid)}:
                self.seconds[job] += now - seen
            seen, self.cpu_s = now, time.thread_time()


def job_of(pid: int) -> str:
    """Slurm's id of the job that a process belongs to."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((word.partition(b"=")[2].decode() for word in words if word.startswith(b"SLURM_JOB_ID=")), "")


def parent_of(pid: int) -> int:
    """The process that started it, 0 when it is gone."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def can_run(pid: int) -> bool:
    """True when one of its threads runs or waits for a core."""
    try:
        return any(b") R " in stat.read_bytes() for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    except OSError:
        return False


def measure(cluster, layout, settings, runnable) -> None:
    """One run over all shards."""
    shards = shard_keys(settings.decode.n_shards)
    before, looked, began = cpu_s(), runnable.cpu_s, time.monotonic()
    outcomes, seen, given = [], Counter(), 0.0
    progress = LogProgress(lambda line: print(line, file=sys.stderr), interval_s=30.0)
    asking = 0.0
    for outcome in check_shards_on_slurm(layout, shards, settings=settings, progress=progress):
        assert not outcome.failure, outcome.failure
        asked = asking_cpu_s()
        outcomes.append(outcome)
        seen[outcome.job] += 1
        if seen[outcome.job] == settings.slurm.shards_per_task or len(outcomes) == len(shards):  # the task ends
            given += given_s(cluster, outcome.job)
        asking += asking_cpu_s() - asked
    wall_s, head_s = time.monotonic() - began, cpu_s() - before - asking - (runnable.cpu_s - looked)
    n, given = len(outcomes), given * settings.slurm.cpus_per_task
    node_s = sum(outcome.cpu_s for outcome in outcomes)
    decode_s = sum(outcome.decode_seconds for outcome in outcomes)
    print(f"{n} shards in {len(seen)} tasks, {sum(outcome.n_decoded for outcome in outcomes)} clips, {wall_s:.0f} s")
    print(f"head: {head_s / n:.3f} CPU-s per shard")
    print(f"node: {node_s / n:.2f} CPU-s per shard, {decode_s / n:.2f} of them decoding: {(node_s - decode_s) / n:.2f} added")
    could_run = sum(runnable.seconds.values())
    print(f"CPUs given {given:.0f} s, busy {node_s:.0f} s, with something to run {could_run:.0f} s")
    print(
        f"idle: {1 - could_run / given:.1%} of the time given, {1 - node_s / given:.1%} when what waits for a core counts as idle"
    )
    waited = sum(outcome.queue_s or 0 for outcome in outcomes) / n
    print(f"queue: {waited:.0f} s on average; load {os.getloadavg()[0]:.1f} at the end")


def cpu_s() -> float:
    """Of this process and its commands."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def asking_cpu_s() -> float:
    """Of this thread and of commands that have ended."""
    commands = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.thread_time() + commands.ru_utime + commands.ru_stime


def given_s(cluster, job: str) -> float:
    """Seconds from a task's start to its end, whole ones: Slurm's clock."""
    for _ in range(100):
        known = dict(re.findall(r"(JobState|StartTime|EndTime)=(\S+)", cluster.call("scontrol", "-o", "show", "job", job)))
        if known["JobState"] == "COMPLETED":
            break
        time.sleep(0.1)
    start, end = (datetime.fromisoformat(known[name]) for name in ("StartTime", "EndTime"))
    return (end - start).total_seconds()


if __name__ == "__main__":
    main()
