"""What the Slurm engine costs, on a real Slurm of this machine: CPU-seconds per shard on head and node, idle CPUs.

    PYTHONPATH=tests/fakes:tests/builders .venv/bin/python benchmarks/slurm.py [--shards 240] [--clips 20] [--nodes 4] [--cpus 1]
        [--at-a-time 2]

Run it on an idle machine, with no more tasks at a time than cores: what waits for a core counts as idle here.
Needs what tests/fakes/slurm_cluster.py needs.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

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
    for name, default in {"shards": 240, "clips": 20, "nodes": 4, "cpus": 1, "at-a-time": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, slurm_cluster(n_nodes=asked.nodes) as cluster:
        sample = make_sample(Path(folder) / "sample")
        clips = [sample.clips / CLIPS[number % len(CLIPS)] for number in range(asked.shards * asked.clips)]
        slurm = {"cpus_per_task": asked.cpus, "max_tasks": asked.at_a_time, "mem_per_cpu_mib": 2000, "poll_s": 10.0}
        layout = prepare(
            Path(folder) / "site", clips, n_shards=asked.shards, decode={"engine": "slurm", "workers": 0}, slurm=slurm
        )
        os.environ["VIDEO_ASSETS_DATA_ROOT"] = str(layout.root)
        measure(cluster, layout, load_settings())


def measure(cluster, layout, settings) -> None:
    """One run over all shards."""
    shards = shard_keys(settings.decode.n_shards)
    before, began, tasks = cpu_s(), time.monotonic(), []
    progress = LogProgress(lambda line: print(line, file=sys.stderr), interval_s=30.0)
    asking = 0.0
    for outcome in check_shards_on_slurm(layout, shards, settings=settings, progress=progress):
        assert not outcome.failure, outcome.failure
        asked = cpu_s()
        tasks.append((outcome, given_s(cluster, outcome.job)))
        asking += cpu_s() - asked
    wall_s, head_s = time.monotonic() - began, cpu_s() - before - asking
    n, cpus = len(tasks), settings.slurm.cpus_per_task
    node_s = sum(outcome.cpu_s for outcome, _ in tasks)
    decode_s = sum(outcome.decode_seconds for outcome, _ in tasks)
    given = cpus * sum(seconds for _, seconds in tasks)
    print(f"{n} shards, {sum(outcome.n_decoded for outcome, _ in tasks)} clips, {wall_s:.0f} s")
    print(f"head: {head_s / n:.3f} CPU-s per shard")
    print(f"node: {node_s / n:.2f} CPU-s per shard, {decode_s / n:.2f} of them decoding: {(node_s - decode_s) / n:.2f} added")
    print(f"CPUs given {given:.0f} s, busy {node_s:.0f} s: {1 - node_s / given:.1%} idle")
    waited = sum(outcome.queue_s or 0 for outcome, _ in tasks) / n
    print(f"queue: {waited:.0f} s on average; load {os.getloadavg()[0]:.1f} at the end")


def cpu_s() -> float:
    """Of this process and its commands."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


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
