"""What 20 new clips cost among 100,000 known ones: CPU and wall seconds of `video-assets run`; and a run with nothing new.

    .venv/bin/python benchmarks/incremental.py --folder /tmp/incremental [--known 100000] [--new 20]

Known clips are hard links to a few real ones whose probe and verdict are written down beforehand: making them takes seconds.
"""

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import tomlkit

from video_assets.checking.check import ClipTask, decode_clips, probe_clips
from video_assets.core.schema import VERDICTS
from video_assets.core.sharding import assign_shards
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.samples.demo.make import make_sample
from video_assets.settings.sections import Decode
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter
from video_assets.storage.tables import write_table

_LINKS_PER_FILE = 20_000  # ext4 allows 65,000 names per file
_CLIPS_PER_FOLDER = 1_000
_N_SHARDS = 24


def make_known(folder: Path, base: Path, *, n_clips: int) -> Path:
    """A clips folder with captions table and a data root that knows every clip already; returns the data root."""
    clips, data_root = folder / "clips", folder / "data"
    names = []
    for number in range(n_clips):
        name = f"{number // _CLIPS_PER_FOLDER:04d}/{number:06d}.mp4"
        target = clips / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if number % _LINKS_PER_FILE == 0:
            linked = shutil.copy2(base, target)
        else:
            os.link(linked, target)
        names.append(name)
    write_captions(clips, names)
    _write_settings(data_root, clips)
    _write_knowledge(data_root, clips / names[0], [f"own_clips/{name}" for name in names])
    return data_root


def add_new(folder: Path, base: Path, *, n_clips: int) -> None:
    """Put clips that nobody has seen beside the known ones, with captions."""
    clips = folder / "clips"
    names = [path.relative_to(clips).as_posix() for path in sorted(clips.glob("[0-9]*/*.mp4"))]
    for number in range(n_clips):
        target = clips / "new" / f"{number:06d}.mp4"
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(base, target)
        names.append(target.relative_to(clips).as_posix())
    write_captions(clips, names)


def write_captions(clips: Path, names: list[str]) -> None:
    """captions.csv in the clips folder."""
    with (clips / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "text"])
        writer.writerows([name, f"what is seen in {name}"] for name in names)


def _write_settings(data_root: Path, clips: Path) -> None:
    settings = {
        "own_clips": {"folder": str(clips), "captions": str(clips / "captions.csv"), "settle_s": 0},
        "decode": {"n_shards": _N_SHARDS},
        "training": {"duplicates": "keep"},
    }
    data_root.mkdir(parents=True)
    (data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))


def _write_knowledge(data_root: Path, clip: Path, keys: list[str]) -> None:
    """What a killed run would have left: probes as parts, verdicts as tables."""
    layout, task = Layout(data_root), ClipTask(clip_key="", path=str(clip), cost=0.0)
    [(_, probe)] = probe_clips([task], settings=Decode(workers=1))
    [(_, verdict)] = decode_clips([task], settings=Decode(workers=1))
    with PartWriter(layout.probe_parts, batch=len(keys)) as part:
        for key in keys:
            part.append({"clip_key": key, "prober_version": PROBER_VERSION, **probe})
    rows = VERDICTS.frame([{**verdict, "clip_key": key} for key in keys])
    for shard, mine in rows.groupby(assign_shards(rows["clip_key"], n_shards=_N_SHARDS)):
        write_table(layout.verdicts(str(shard)), VERDICTS, mine)


def run(data_root: Path) -> dict[str, object]:
    """`video-assets run`; returns its summary, with the seconds that it took."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    line = [sys.executable, "-m", "video_assets.cli.app", "run", "--data-root", str(data_root), "--json"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout), "cpu_s": round(cpu_s, 1), "wall_s": round(time.monotonic() - start, 1)}


def main() -> None:
    """Print one line per run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=20)
    options = parser.parse_args()
    sample = make_sample(options.folder / "sample")
    base = sample.clips / "windmill-no-sound.mp4"
    data_root = make_known(options.folder, base, n_clips=options.known)
    for label in ("first run", "nothing new"):
        result = run(data_root)
        print(f"{label}: {result['kept']:,} clips, {result['cpu_s']} CPU s, {result['wall_s']} s")
    add_new(options.folder, base, n_clips=options.new)
    result = run(data_root)
    print(f"{options.new} new clips: {result['kept']:,} clips, {result['cpu_s']} CPU s, {result['wall_s']} s")


if __name__ == "__main__":
    main()
