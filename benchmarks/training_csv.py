"""Building the training CSV of 1.3 million clips from 24 shards: wall, CPU and peak memory, beside pandas as one would write it.

    .venv/bin/python benchmarks/training_csv.py --rows 1300000

Tables are generated first (a quarter of the captions has 350 words, the others 15), by the pipeline's own functions except that
no clip is probed or decoded. Each way then runs in a process of its own and ends with a CSV of the same rows, in the same order,
fsynced.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.schema import CHECKED, CLIPS, DROPPED, LEDGER, TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.core.verdicts import CHECKER_VERSION
from video_assets.pipeline.recipes import decode_check_recipe
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageNote, read_stage, stage_hash, write_stage
from video_assets.storage.tables import write_table

N_SHARDS = 24
CLIPS_FOLDER = "/shared/text-to-video/clips/own"


def main() -> None:
    """Generate, run both ways, print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--folder", type=Path, help="keep the tables here and use them again; default: a temporary folder")
    parser.add_argument("--way", choices=["publish", "pandas", "again"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_way(options.way, options.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "ready").exists():
            generate(folder, options.rows)
        compare(folder)


def compare(folder: Path) -> None:
    """One process for each way; ratios to the first."""
    shutil.rmtree(Layout(folder).training, ignore_errors=True)
    results = {way: in_child(way, folder) for way in ("publish", "pandas", "again")}
    first = results["publish"]
    titles = {
        "publish": "video_assets: checked, CSV, twin, manifest",
        "pandas": "pandas: concat, sort_values, to_csv",
        "again": "video_assets again, nothing new",
    }
    print(f"{'':44}{'rows':>11}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}{'wall':>8}{'memory':>8}")
    for way, facts in results.items():
        ratios = f"{facts['wall_s'] / first['wall_s']:>7.2f}x{facts['peak_mib'] / first['peak_mib']:>7.2f}x"
        numbers = f"{facts['rows']:>11,}{facts['wall_s']:>9.1f}{facts['cpu_s']:>8.1f}{facts['peak_mib']:>10.0f}"
        print(f"{titles[way]:44}{numbers}{ratios}")
    print(f"CSV: {first['bytes'] / 2**20:,.0f} MiB; pandas' has the same rows: {results['pandas']['is_same']}")


def in_child(way: str, folder: Path) -> dict:
    """Run one way in a fresh interpreter."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_way(way: str, folder: Path) -> None:
    """Do it and print what it took as JSON."""
    start = time.perf_counter()
    facts = {"publish": run_publish, "again": run_publish, "pandas": run_pandas}[way](folder)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    facts |= {"wall_s": time.perf_counter() - start, "cpu_s": cpu_s, "peak_mib": peak_mib()}
    if way == "pandas":
        # Compared after the clock has stopped. Text differs (number formats), values must not.
        ours = pd.read_parquet(Layout(folder).training_table("training"), columns=["path", "num_frames"])
        theirs = pd.read_csv(folder / "pandas.csv", usecols=["path", "num_frames"])
        facts["is_same"] = bool((ours.to_numpy() == theirs.to_numpy()).all())
    print(json.dumps(facts))


def peak_mib() -> float:
    """Peak resident memory of this program. Not `ru_maxrss`, which remembers the size of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def run_publish(folder: Path) -> dict:
    """The program."""
    from video_assets.publish.publish import publish

    published = publish(Layout(folder), settings_of(folder))
    return {"rows": published.n_kept, "bytes": published.csv_bytes}


def run_pandas(folder: Path) -> dict:
    """The same rows as one would write them by hand: no checks, no twin, no manifest."""
    layout = Layout(folder)
    columns = ["clip_key", *TRAINING.names]
    rows = pd.concat([pd.read_parquet(layout.checked(shard), columns=columns) for shard in shard_keys(N_SHARDS)])
    rows = rows.sort_values("clip_key")[TRAINING.names]
    with (folder / "pandas.csv").open("wb") as file:
        rows.to_csv(file, index=False)
        os.fsync(file.fileno())
    return {"rows": len(rows), "bytes": (folder / "pandas.csv").stat().st_size}


def settings_of(folder: Path) -> Settings:
    """Default settings on this data root."""
    return Settings(data_root=folder, own_clips={"folder": "/clips"}, decode={"n_shards": N_SHARDS})


def generate(folder: Path, n_rows: int, *, clips_folder: str = CLIPS_FOLDER) -> None:
    """All tables up to decode_check; 2 % of the clips have no caption, 1 % is too large, 3 % does not decode."""
    layout, rng = Layout(folder), np.random.default_rng(0)
    clips = CLIPS.frame(columns_of(rng, n_rows, clips_folder))
    fate = pd.Series(rng.choice(["kept", "uncaptioned", "large", "bad"], n_rows, p=[0.94, 0.02, 0.01, 0.03]))
    clips["file_size"] = clips["file_size"].mask((fate == "large").to_numpy(), 200 << 20)
    constants = {"status": "ok", "reason": "", "detail": "", "origin": "captions.csv"}
    ledger_hash = write_table(layout.ledger("own_clips"), LEDGER, clips.assign(**constants))
    is_empty = (fate == "uncaptioned").to_numpy()
    empty = clips[is_empty].assign(stage="enriched_metadata", reason="empty_caption", detail="empty")
    note = StageNote(inputs={"own_clips": ledger_hash})
    write_stage(layout.enriched_metadata, CLIPS, kept=clips[~is_empty], dropped=DROPPED.frame(empty), note=note)
    bad = set(clips["clip_key"][(fate == "bad").to_numpy()])
    del clips, empty
    filter_by_size(layout, max_bytes=settings_of(folder).filter.max_file_size_bytes)
    for done in write_shard_lists(layout, shard_keys(N_SHARDS), n_shards=N_SHARDS):
        check(layout, done.shard, bad)
    (folder / "ready").touch()


def check(layout: Layout, shard: str, bad: set[str]) -> None:
    """What the decode check would write."""
    stage = read_stage(layout.shard_list(shard), CLIPS)
    is_bad = stage.kept["clip_key"].isin(bad).to_numpy(dtype=bool)
    errors = "[h264] error while decoding MB 12 7, bytestream -7"
    dropped = stage.kept[is_bad].assign(stage="decode_check", reason="corrupt_video", detail=errors)
    versions = {"checker_version": CHECKER_VERSION, "ffmpeg_versions": "libavcodec 62"}
    kept = stage.kept[~is_bad].assign(verdict="good", reason="", errors="", **versions)
    kept["content_hash"] = [
        f"{position:>032x}" for position in np.random.default_rng(int(shard[:5])).integers(0, 2**62, len(kept))
    ]
    settings = settings_of(layout.root).decode
    facts = {"n_clips": len(stage.kept), "n_kept": len(kept), "n_decoded": 0, "n_bytes": 0, "decode_seconds": 0.0}
    recipe = decode_check_recipe(settings)
    note = StageNote(
        inputs={"shard_lists": stage_hash(layout.shard_list(shard))},
        settings=recipe.settings,
        versions=recipe.versions,
        outcome={**facts, "failure": "", "dropped": {"corrupt_video": int(is_bad.sum())}},
    )
    every = pd.concat([stage.dropped, DROPPED.frame(dropped)], ignore_index=True)
    write_stage(layout.checked(shard), CHECKED, kept=kept, dropped=every, note=note)


def columns_of(rng: np.random.Generator, n_rows: int, clips_folder: str = CLIPS_FOLDER) -> pd.DataFrame:
    """CLIPS with plausible values."""
    height = rng.choice([360, 480, 720, 1080, 2160], n_rows)
    width = height * 16 // 9
    names = [f"{number % 997:03d}/clip {number:08d}_{number * 7919 % 104729:06d}.mp4" for number in range(n_rows)]
    columns = {
        "clip_key": [f"own_clips/{name}" for name in names],
        "source": "own_clips",
        "path": [f"{clips_folder}/{name}" for name in names],
        "text": captions(rng, n_rows),
        "num_frames": rng.integers(24, 600, n_rows),
        "height": height,
        "width": width,
        "aspect_ratio": height / width,
        "fps": rng.choice([24.0, 25.0, 30000 / 1001, 30.0, 50.0, 59.94005994005994], n_rows),
        "resolution": height * width,
        "file_size": rng.integers(1 << 18, 50 << 20, n_rows),
        "duration_s": rng.random(n_rows) * 20,
        "probe_status": "ok",
        "probe_detail": "",
        "mtime_ns": rng.integers(1_600_000_000 * 10**9, 1_700_000_000 * 10**9, n_rows),
        "extras": "{}",
    }
    return pd.DataFrame(columns)


def captions(rng: np.random.Generator, n_rows: int) -> pd.Series:
    """A quarter with 350 words (ten pieces of 35), the others with 15; commas, and quotes in some."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array([*("".join(rng.choice(letters, size)) for size in rng.integers(2, 10, 3000)), '"sign"', "dog,", "café"])
    n_texts = min(20_000, n_rows)
    pieces = pa.array([" ".join(rng.choice(words, 35)) for _ in range(n_texts)])
    long = [pieces.take(pa.array(rng.integers(0, len(pieces), n_rows // 4))) for _ in range(10)]
    short = pa.array([" ".join(rng.choice(words, 15)) for _ in range(n_texts)])
    texts = pa.chunked_array(
        [
            pc.call_function("binary_join_element_wise", [*long, pa.scalar(" ")]),
            short.take(pa.array(rng.integers(0, len(short), n_rows - n_rows // 4))),
        ]
    )
    mixed = texts.take(pa.array(rng.permutation(n_rows)))
    return pd.Series(pd.array(mixed, dtype=pd.ArrowDtype(pa.string())))


if __name__ == "__main__":
    main()
