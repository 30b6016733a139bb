"""What the worker pool costs: parent CPU per task, growth over many tasks, throughput of N workers against one.

    python benchmarks/workers.py --tasks 100000 --decodes 3000

Makes its own clips in a temporary folder; prints plain numbers.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np
import psutil

sys.path.append(str(Path(__file__).parents[1] / "tests" / "fakes"))  # the trivial function

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.settings.steps import Decode
from video_assets.workers.cpus import cpu_count
from video_assets.workers.pool import Limits, Task, WorkerPool

LIMITS = Limits(timeout_s=60, cpu_s=60, memory_bytes=4 << 30)


def make_clip(path, *, seconds):
    """Moving noise, 360p H.264."""
    random = np.random.default_rng(0)
    field = random.integers(0, 255, (360, 1280, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, width=640, height=360, pix_fmt="yuv420p", options={"preset": "veryfast"}
        )
        for number in range(25 * seconds):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(field[:, number * 2 % 640 :][:, :640]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def state():
    """Descriptors and resident MiB of this process."""
    process = psutil.Process()
    return process.num_fds(), process.memory_info().rss / (1 << 20)


def trivial(n_tasks):
    """Growth and parent CPU over many tasks that do nothing."""
    with WorkerPool("hostile:behave", n_workers=2, limits=LIMITS) as pool:
        list(pool.run(Task(str(number), {}) for number in range(1000)))
        before, cpu, wall = state(), time.process_time(), time.perf_counter()
        n_done = sum(outcome.status == "done" for outcome in pool.run(Task(str(number), {}) for number in range(n_tasks)))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        after = state()
    print(f"{n_done:,} trivial tasks: {n_done / wall:,.0f}/s, parent CPU {cpu / n_tasks * 1e6:.0f} us per task")
    print(f"  parent: descriptors {before[0]} -> {after[0]}, resident {before[1]:.1f} -> {after[1]:.1f} MiB")


def decode(clip, n_clips, n_workers):
    """Seconds of wall, of the workers' CPU and of this process's CPU for `n_clips` real decodes."""
    tasks = (ClipTask(str(number), str(clip), 1.0) for number in range(n_clips))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cpu = time.perf_counter(), time.process_time()
    verdicts = [verdict.verdict for _, verdict in decode_clips(tasks, settings=Decode(workers=n_workers))]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert set(verdicts) == {"good"}, set(verdicts)
    return wall, after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime, cpu


def dispatch():
    """Throughput on tasks that only sleep: what the pool's own delays cost, whatever else the machine does."""
    seconds = {n_workers: _sleep_tasks(n_workers) for n_workers in (1, 2, 8)}
    ratios = {n_workers: round(seconds[1] / (n_workers * wall), 3) for n_workers, wall in seconds.items()}
    print(f"tasks that sleep 30 ms, throughput against N x one worker: {ratios}")


def _sleep_tasks(n_workers):
    """Wall seconds per task."""
    with WorkerPool("hostile:behave", n_workers=n_workers, limits=LIMITS) as pool:
        list(pool.run(Task(f"start {number}", {"how": "sleep", "seconds": 0.3}) for number in range(n_workers)))
        wall, n_tasks = time.perf_counter(), 100 * n_workers
        list(pool.run(Task(str(number), {"how": "sleep", "seconds": 0.03}) for number in range(n_tasks)))
        return (time.perf_counter() - wall) / n_tasks


BARE = """
import sys
from video_assets.media.decode import decode_clip
assert {decode_clip(sys.argv[1]).verdict for _ in range(int(sys.argv[2]))} == {"good"}
"""


def bare(clip, n_clips, n_workers):
    """Wall seconds of as many processes that decode in a loop, without a pool: what the machine gives just now."""
    wall = time.perf_counter()
    command = [sys.executable, "-c", BARE, str(clip), str(n_clips // n_workers)]
    processes = [subprocess.Popen(command) for _ in range(n_workers)]
    assert not any(process.wait() for process in processes)
    return time.perf_counter() - wall


def scaling(clip, n_clips, n_rounds):
    """One worker, as many as there are CPUs, and as many processes without a pool, alternating, on the same clips."""
    n_workers = cpu_count()
    single, many, without = [], [], []
    for _ in range(n_rounds):
        single.append(decode(clip, n_clips, 1))
        many.append(decode(clip, n_clips, n_workers))
        without.append(bare(clip, n_clips, n_workers))
    ratios = [one[0] / (n_workers * several[0]) for one, several in zip(single, many, strict=True)]
    pooled = [wall / several[0] for wall, several in zip(without, many, strict=True)]
    parent = statistics.median(several[2] / n_clips for several in many)
    clip_cpu = statistics.median(one[1] for one in single) / n_clips
    print(
        f"{n_clips:,} decodes of {clip_cpu * 1e3:.1f} ms CPU each, {n_workers} workers (rounds in brackets), throughput against"
    )
    print(f"  {n_workers} x one worker: {statistics.median(ratios):.3f} {[round(ratio, 3) for ratio in ratios]}")
    print(f"  {n_workers} processes without a pool: {statistics.median(pooled):.3f} {[round(ratio, 3) for ratio in pooled]}")
    print(f"  parent CPU per clip: {parent * 1e6:.0f} us")


def growth(clips, n_decodes):
    """Resident memory and descriptors over many decodes of `clips` in turn, without replacing the workers."""
    limits = Limits(timeout_s=60, cpu_s=60_000, memory_bytes=4 << 30, max_tasks=n_decodes + 1, max_growth_bytes=4 << 30)
    tasks = (Task(str(n), {"step": "decode", "path": str(clips[n % len(clips)])}) for n in range(n_decodes))
    with WorkerPool("video_assets.checking.task:work", n_workers=2, limits=limits) as pool:
        before, seen, verdicts = state(), [], Counter()
        for number, outcome in enumerate(pool.run(tasks)):
            verdicts[outcome.result["verdict"] if outcome.result else outcome.status] += 1
            if number % max(1, n_decodes // 12) == n_decodes // 24:
                workers = psutil.Process().children()
                seen.append((max(w.memory_info().rss for w in workers) >> 20, max(w.num_fds() for w in workers)))
        after = state()
    print(f"{n_decodes:,} decodes of {len(clips):,} clips: {dict(verdicts)}")
    print(f"  workers' resident MiB, descriptors on the way {seen}")
    print(f"  parent: descriptors {before[0]} -> {after[0]} (2 workers started), resident {before[1]:.1f} -> {after[1]:.1f} MiB")


def main():
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000, help="trivial tasks")
    parser.add_argument("--decodes", type=int, default=3_000, help="real decodes for the growth")
    parser.add_argument("--folder", type=Path, help="decode these clips for the growth, good and bad ones, over and over")
    parser.add_argument("--clips", type=int, default=200, help="real decodes per round of the scaling")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-growth", action="store_true", help="nothing but the real decodes")
    options = parser.parse_args()
    if not options.only_growth:
        trivial(options.tasks)
        dispatch()
    with tempfile.TemporaryDirectory() as folder:
        if not options.only_growth:
            scaling(make_clip(Path(folder, "clip.mp4"), seconds=3), options.clips, options.rounds)
        short = [make_clip(Path(folder, "short.mp4"), seconds=1)]
        growth(sorted(p for p in options.folder.rglob("*") if p.is_file()) if options.folder else short, options.decodes)


if __name__ == "__main__":
    main()
