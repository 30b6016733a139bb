"""What a run costs when a data root grows: nothing new, a few new clips, one changed caption, one clip gone, a take-down.

    .venv/bin/python benchmarks/growth.py --known 100000 [--new 20] [--folder /tmp/growth] [--anchors]

Makes a folder of clips (hard links to one real clip, so they take no space), a captions table of which a quarter is long (350
words), and a data root in which every clip was measured and judged before: no clip but the new ones is opened. Then runs
`video-assets run` once per case (or `diff`, `takedown`) and prints CPU and wall seconds, the peak memory of all its processes,
and which files below the data root it wrote. A folder that was made before is gone on with. `--empty` makes files of holes
instead of links, for tens of millions of them. `--anchors` adds what Polars and DuckDB take for the same join, filter, sort and
CSV written by hand, where they are installed (`uv pip install polars duckdb`).
"""

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import tomlkit
import xxhash

from video_assets.checking.check import ClipTask, decode_clips, probe_clips
from video_assets.core.schema import CLIPS, DROPPED, VERDICTS
from video_assets.core.sharding import assign_shards
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.samples.demo.clips import CLIPS as SAMPLE
from video_assets.samples.demo.make import encode_sample_clip
from video_assets.settings.model import Decode
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageNote, write_stage
from video_assets.storage.tables import write_table

LINKS_PER_FILE = 20_000  # ext4 allows 65,000 names per file
CLIPS_PER_FOLDER = 1_000
N_SHARDS = 24
WORDS = tuple(f"word{number % 97}{'xyz'[number % 3]}" for number in range(331))
LONG = tuple(", " + " ".join(WORDS[(number * step) % len(WORDS)] for number in range(340)) for step in range(1, 200))


@dataclass(frozen=True)
class Cost:
    """What one run took; `files` were written or removed below the data root, Dagster's own left out."""

    label: str
    kept: int | None
    cpu_s: float
    wall_s: float
    peak_mib: float
    written_mib: float
    n_files: int

    def __str__(self) -> str:
        """One line of the table."""
        seconds = f"{self.cpu_s:>9.1f}{self.wall_s:>9.1f}"
        kept = "" if self.kept is None else f"{self.kept:,}"
        return f"{self.label:24}{kept:>12}{seconds}{self.peak_mib:>10,.0f}{self.written_mib:>13,.1f}{self.n_files:>8,}"


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=20)
    parser.add_argument("--shards", type=int, default=N_SHARDS)
    parser.add_argument("--folder", type=Path, help="on the disk to measure, kept and used again; default: a temporary one")
    parser.add_argument(
        "--empty", action="store_true", help="files of holes instead of links: faster to make, 10 million and more"
    )
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--anchors", action="store_true", help="also Polars and DuckDB by hand")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as temporary:
        folder = Folder(options.folder or Path(temporary), options.known, options.new, options.shards)
        folder.make(is_empty=options.empty)
        print(f"{'':24}{'clips':>12}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'written MiB':>13}{'files':>8}", flush=True)
        for label in options.cases:
            CASES[label](folder)
            print(measure(label, folder.data_root, COMMANDS.get(label, RUN)), flush=True)
        if options.anchors:
            run_anchors(folder)


class Folder:
    """Clips, captions and a data root that knows them."""

    def __init__(self, folder: Path, n_known: int, n_new: int, n_shards: int = N_SHARDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clips, self.data_root = folder / "clips", folder / "data"
        self.n_new, self.n_shards = n_new, n_shards
        self.names = [f"{number // CLIPS_PER_FOLDER:05d}/{number:08d}.mp4" for number in range(n_known)]
        self.base = folder / "windmill-no-sound.mp4"
        if not self.base.exists():
            encode_sample_clip(self.base, next(clip for clip in SAMPLE if clip.name == self.base.name))

    def make(self, *, is_empty: bool) -> None:
        """Write everything, unless it is there. Files are two days old, so that none counts as being copied."""
        if self.data_root.exists():
            self.names = sorted(path.relative_to(self.clips).as_posix() for path in self.clips.rglob("*.mp4"))
            return
        for number, name in enumerate(self.names):
            target = self.clips / name
            if number % CLIPS_PER_FOLDER == 0:
                target.parent.mkdir(parents=True)
            if is_empty:
                with target.open("wb") as file:
                    file.truncate(self.base.stat().st_size)
                os.utime(target, ns=(10**18, 10**18))
            elif number % LINKS_PER_FILE == 0:
                linked = shutil.copy2(self.base, target)
                os.utime(linked, ns=(10**18, 10**18))
            else:
                os.link(linked, target)
        self.write_captions()
        settings = {
            "own_clips": {"folder": str(self.clips), "captions": str(self.captions)},
            "decode": {"n_shards": self.n_shards},
            "training": {"duplicates": "keep"},
        }
        self.data_root.mkdir(parents=True)
        (self.data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))
        self._write_knowledge()

    @property
    def captions(self) -> Path:
        """The captions table."""
        return self.clips / "captions.csv"

    def write_captions(self, *, changed: int | None = None) -> None:
        """The table anew; row `changed` has another caption."""
        with self.captions.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "text", "aesthetic"])
            for number, name in enumerate(self.names):
                told = "what is seen now in" if number == changed else "what is seen in"
                writer.writerow([name, f"{told} {name}{_words(number)}", f"{number % 10}.5"])
        os.utime(self.captions, ns=(time.time_ns() - 10**12, time.time_ns() - 10**12))

    def _write_knowledge(self) -> None:
        """What an earlier listing left: every clip measured and judged, nothing published."""
        layout, first = Layout(self.data_root), self.clips / self.names[0]
        task = ClipTask(clip_key="", path=str(self.base), cost=0.0)
        [(_, probe)] = probe_clips([task], settings=Decode(workers=1))
        [(_, verdict)] = decode_clips([task], settings=Decode(workers=1))
        found = first.stat()
        same = {"file_size": found.st_size, "mtime_ns": found.st_mtime_ns}
        keys = pd.Series([f"own_clips/{name}" for name in self.names], dtype="string[pyarrow]")
        rows = _repeated({**probe.as_record, **same, "source": "own_clips", "path": "", "text": "", "extras": "{}"}, keys)
        note = StageNote(versions={"prober": PROBER_VERSION})
        write_stage(layout.enriched_metadata, CLIPS, kept=CLIPS.frame(rows), dropped=DROPPED.frame(), note=note)
        rows = _repeated({**verdict.as_record, **same}, keys)
        rows["content_hash"] = [xxhash.xxh3_128_hexdigest(key.encode()) for key in keys]  # as if no clip had the bytes of another
        for shard, mine in rows.groupby(assign_shards(keys, n_shards=self.n_shards)):
            write_table(layout.verdicts(str(shard)), VERDICTS, mine)


def _repeated(record: dict[str, object], keys: pd.Series) -> pd.DataFrame:
    """One record for every key."""
    return pd.DataFrame({**{name: [value] * len(keys) for name, value in record.items()}, "clip_key": keys})


def _words(number: int) -> str:
    """A quarter of the captions is long."""
    return "" if number % 4 else LONG[number // 4 % len(LONG)]


def add_new(folder: Folder) -> None:
    """Clips that nobody has seen, with captions."""
    for number in range(folder.n_new):
        name = f"new/{len(folder.names):08d}-{number}.mp4"
        (folder.clips / name).parent.mkdir(exist_ok=True)
        shutil.copy2(folder.base, folder.clips / name)
        os.utime(folder.clips / name, ns=(10**18, 10**18))
        folder.names.append(name)
    folder.write_captions()


def _nothing(folder: Folder) -> None:
    """As it is."""
    del folder


def remove_one(folder: Folder) -> None:
    """One clip less, in folder and table."""
    (folder.clips / folder.names.pop(0)).unlink()
    folder.write_captions()


def ask_for_takedown(folder: Folder) -> None:
    """A request that names ten clips, among all others."""
    names = folder.names[:: max(1, len(folder.names) // 10)][:10]
    (folder.data_root.parent / "request.txt").write_text("".join(f"own_clips/{name}\n" for name in names))


CASES: dict[str, Callable[[Folder], None]] = {
    "first": _nothing,
    "nothing new": _nothing,
    "nothing new, every job": _nothing,
    "new clips": add_new,
    "one caption changed": lambda folder: folder.write_captions(changed=1),
    "one clip gone": remove_one,
    "the last two versions": _nothing,
    "ten clips taken down": ask_for_takedown,
}
RUN = ("run",)
COMMANDS = {
    "nothing new, every job": (*RUN, "--every-job"),
    "the last two versions": ("diff", "previous", "latest"),
    "ten clips taken down": ("takedown", "request.txt", "--yes"),
}


def measure(label: str, data_root: Path, command: tuple[str, ...] = RUN) -> Cost:
    """`video-assets COMMAND`, and what it took; files named in it lie beside the data root."""
    seen, before, start = _files(data_root), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    line = [sys.executable, "-m", "video_assets.cli.app", *command, "--data-root", str(data_root), "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIDEO_ASSETS_")}
    program = subprocess.Popen(
        line, cwd=data_root.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    with peak_of(program.pid) as peak:
        output, errors = program.communicate()
    if program.returncode and not (command[0] == "diff" and output):  # 1: they differ
        raise RuntimeError(f"{output}\n{errors}")
    after, now = resource.getrusage(resource.RUSAGE_CHILDREN), _files(data_root)
    changed = {path: size for path, (size, *stamp) in now.items() if seen.get(path) != (size, *stamp)}
    return Cost(
        label=label,
        kept=json.loads(output).get("kept"),
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall_s=time.monotonic() - start,
        peak_mib=peak[0] / 2**20,
        written_mib=sum(changed.values()) / 2**20,
        n_files=len(changed) + len(seen.keys() - now.keys()),
    )


def _files(data_root: Path) -> dict[str, tuple[int, ...]]:
    """Size, number and time of every file below the data root but Dagster's own; links of one file count once."""
    found: dict[int, tuple[str, tuple[int, ...]]] = {}
    for path in data_root.rglob("*"):
        if ".dagster" not in path.parts and path.is_file():
            stat = path.stat()
            found[stat.st_ino] = (str(path), (stat.st_size, stat.st_ino, stat.st_mtime_ns))
    return dict(found.values())


@contextmanager
def peak_of(pid: int) -> Iterator[list[int]]:
    """The largest sum of resident bytes of a process and its children while the block runs, looked at ten times a second."""
    peak, is_done = [0], threading.Event()

    def watch() -> None:
        while not is_done.wait(0.1):
            peak[0] = max(peak[0], _resident(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        is_done.set()
        thread.join()


def _resident(pid: int) -> int:
    try:
        parent = psutil.Process(pid)
        return sum(_rss(process) for process in [parent, *parent.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def run_anchors(folder: Folder) -> None:
    """The join of captions, measurements and verdicts, filtered, sorted, as CSV: by hand, nothing checked."""
    for label, program in ANCHORS.items():
        line = [sys.executable, "-c", program, str(folder.captions), str(folder.data_root), str(folder.clips)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        anchor = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
        with peak_of(anchor.pid) as peak:
            _, errors = anchor.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if anchor.returncode:
            print(f"{label:24}{errors.strip().splitlines()[-1]}")
            continue
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{label:24}{'':12}{cpu_s:>9.1f}{time.monotonic() - start:>9.1f}{peak[0] / 2**20:>10,.0f}")


ANCHORS = {
    "Polars by hand": """
import sys, polars as pl
captions, data, clips = sys.argv[1:]
text = pl.scan_csv(captions).select(("own_clips/" + pl.col("path")).alias("clip_key"), "text")
probes = pl.scan_parquet(f"{data}/metadata/enriched_metadata.parquet").drop("text")
verdicts = pl.scan_parquet(f"{data}/decode/verdicts/*.parquet").select("clip_key", "file_size", "mtime_ns", "verdict")
rows = text.join(probes, on="clip_key").join(verdicts, on=["clip_key", "file_size", "mtime_ns"])
kept = rows.filter((pl.col("verdict") == "good") & (pl.col("file_size") <= 50 << 20)).sort("clip_key")
names = ["num_frames", "height", "width", "aspect_ratio", "fps", "resolution", "file_size"]
kept.select(pl.lit(clips + "/") + pl.col("clip_key").str.slice(10), "text", *names).sink_csv(f"{data}/../polars.csv")
""",
    "DuckDB by hand": """
import sys, duckdb
captions, data, clips = sys.argv[1:]
duckdb.sql("SET threads = 2")
duckdb.sql(f'''COPY (
  SELECT '{clips}/' || c.path, c.text, p.num_frames, p.height, p.width, p.aspect_ratio, p.fps, p.resolution, p.file_size
  FROM read_csv('{captions}', header = true) c
  JOIN '{data}/metadata/enriched_metadata.parquet' p ON p.clip_key = 'own_clips/' || c.path
  JOIN '{data}/decode/verdicts/*.parquet' v ON v.clip_key = p.clip_key AND v.file_size = p.file_size AND v.mtime_ns = p.mtime_ns
  WHERE v.verdict = 'good' AND p.file_size <= 52428800 ORDER BY p.clip_key
) TO '{data}/../duckdb.csv' (HEADER)''')
""",
}


if __name__ == "__main__":
    main()
