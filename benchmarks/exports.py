"""Exporting a published table of 1.3 million clips: wall, CPU and peak memory by target; memory must not grow with the rows.

    .venv/bin/python benchmarks/exports.py --rows 1300000 --targets open-sora-1.2 videox-fun

Tables are those of benchmarks/training_csv.py, without clips: a target that opens them leaves all of them out. With --clips each
clip is an empty file of the right size, which takes no room: for targets that link clips. Each target runs in a process of its
own, and its export is deleted then.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from training_csv import generate, peak_mib, run_publish, settings_of

from video_assets.exports.export import export
from video_assets.exports.rows import newest_version
from video_assets.storage.layout import Layout


def main() -> None:
    """Generate, publish, export to each target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--targets", nargs="+", default=["open-sora-1.2", "videox-fun"])
    parser.add_argument("--folder", type=Path, help="keep the tables here and use them again; default: a temporary folder")
    parser.add_argument("--clips", action="store_true", help="make the clips as well, as sparse files")
    parser.add_argument("--target", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.target:
        run_target(options.target, options.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "ready").exists():
            generate(folder, options.rows, **({"clips_folder": str(folder / "clips")} if options.clips else {}))
            run_publish(folder)
            if options.clips:
                make_clips(folder)
        print(f"{'':24}{'rows':>11}{'kept':>11}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}")
        for target in options.targets:
            command = [sys.executable, __file__, "--target", target, "--folder", str(folder)]
            facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            counts = f"{facts['rows']:>11,}{facts['kept']:>11,}"
            print(f"{target:24}{counts}{facts['wall_s']:>9.1f}{facts['cpu_s']:>8.1f}{facts['peak_mib']:>10.0f}", flush=True)


def make_clips(folder: Path) -> None:
    """A file of nothing but a size for every row."""
    made: set[Path] = set()
    with pq.ParquetFile(newest_version(Layout(folder)).table) as file:
        for batch in file.iter_batches(columns=["path", "file_size"]):
            for path, file_size in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                clip = folder / path
                if clip.parent not in made:
                    clip.parent.mkdir(parents=True, exist_ok=True)
                    made.add(clip.parent)
                with clip.open("wb") as empty:
                    empty.truncate(file_size)


def run_target(target: str, folder: Path) -> None:
    """Do it and print what it took as JSON."""
    start = time.perf_counter()
    exported = export(Layout(folder), settings_of(folder), target)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"wall_s": time.perf_counter() - start, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": peak_mib()}
    print(json.dumps({"rows": exported.manifest["rows"], "kept": exported.n_kept, **facts}))
    shutil.rmtree(exported.folder)


if __name__ == "__main__":
    main()
