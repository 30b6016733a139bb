"""What the first listing of many clips costs: probing in one process with its workers, as `enriched_metadata` does it.

    .venv/bin/python benchmarks/probing.py [--clips 10000] [--workers 1,2] [--folder CLIPS]

The clips are those of CLIPS, or two good MP4 files of the sample, each taken as often as it needs. The page cache holds them, so
storage is not measured; what it would have to deliver is: bytes and reads per clip, without those of the start (one clip for each
worker is probed first to know them). Prints clips per second, and CPU per clip of the workers and of the one process that hands
clips out: its share says how many workers it can keep busy.
"""

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

from video_assets.checking.check import ClipTask, probe_clips
from video_assets.samples.demo.clips import CLIPS
from video_assets.samples.demo.make import encode_sample_clip
from video_assets.settings.steps import Decode


def main() -> None:
    """One line per number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        clips = sorted(asked.folder.rglob("*.mp4")) if asked.folder else make_two(Path(temporary))
        tasks = [ClipTask(str(number), str(clip), 1.0) for number, clip in zip(range(asked.clips), itertools.cycle(clips))]
        print(f"{len(tasks):,} probes of {len(clips)} clips")
        for n_workers in map(int, asked.workers.split(",")):
            print(measure(tasks, n_workers))
            print(f"   {read_per_clip(tasks, n_workers)}")


def make_two(folder: Path) -> list[Path]:
    """Two clips of the sample."""
    chosen = [clip for clip in CLIPS if clip.name in {"aquarium.mp4", "mountains.mp4"}]
    for clip in chosen:
        encode_sample_clip(folder / clip.name, clip)
    return [folder / clip.name for clip in chosen]


def measure(tasks: list[ClipTask], n_workers: int) -> str:
    """One pass over all tasks."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before, began = [cpu_s(usage) for usage in who], time.monotonic()
    n_read = sum(probe.num_frames is not None for _, probe in probe_clips(tasks, settings=Decode(workers=n_workers)))
    wall_s = time.monotonic() - began
    head_ms, workers_ms = (1000 * (cpu_s(usage) - was) / len(tasks) for usage, was in zip(who, before, strict=True))
    return (
        f"{n_workers} workers: {len(tasks) / wall_s:,.0f} clips/s, {wall_s:.1f} s; CPU per clip: workers {workers_ms:.2f} ms, "
        f"handing out {head_ms:.2f} ms; {n_read:,} measured"
    )


def read_per_clip(tasks: list[ClipTask], n_workers: int) -> str:
    """Bytes and calls of read of another pass, by what Linux counts for this process and its workers that have ended."""
    start, whole = (reads_of(some, n_workers) for some in (tasks[:n_workers], tasks))
    n_bytes, calls = ((all_of - first) / (len(tasks) - n_workers) for all_of, first in zip(whole, start, strict=True))
    return f"read per clip: {n_bytes / 1000:.1f} KB in {calls:.1f} calls"


def reads_of(tasks: list[ClipTask], n_workers: int) -> list[int]:
    """Bytes and calls while these are probed."""
    before = read_so_far()
    for _ in probe_clips(tasks, settings=Decode(workers=n_workers)):
        pass
    return [now - was for now, was in zip(read_so_far(), before, strict=True)]


def read_so_far() -> tuple[int, int]:
    """Bytes and calls of this process and of children that have ended."""
    counted = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counted["rchar"]), int(counted["syscr"])


def cpu_s(who: int) -> float:
    """Of this process, or of its workers that have ended."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
