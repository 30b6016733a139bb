"""How long the user's own clips take to list: files of one byte and a captions table, on a local disk.

    .venv/bin/python benchmarks/listing.py                       # 100,000 files in a folder with a table, a quarter long captions
    .venv/bin/python benchmarks/listing.py --rows 1300000 --files 0   # rows whose files are missing: the table alone

Prints CPU seconds, wall seconds and peak memory of the first and of a second listing (nothing new), each in a fresh process.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LONG_CAPTION = " ".join(f"word{n % 97}," for n in range(350))


def main() -> None:
    """Make the clips, list them twice, print what it took."""
    options = _options()
    if options.measure:
        _measure(Path(options.measure), options.kind)
        return
    with tempfile.TemporaryDirectory(prefix="listing-", dir=options.tmp) as name:
        folder = Path(name)
        _make_clips(folder / "clips", options.files, options.kind)
        table = _make_table(folder, options.rows)
        print(f"{options.files:,} files, {options.rows:,} rows, table of {table.stat().st_size / 1e6:,.0f} MB, {options.kind}")
        for label in ("first", "again"):
            command = [sys.executable, __file__, "--measure", name, "--kind", options.kind]
            print(f"{label:>6}: {subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kind", choices=["folder+table", "table", "folder", "sidecars"], default="folder+table")
    parser.add_argument("--tmp", default=None)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


def _make_clips(folder: Path, n_files: int, kind: str) -> None:
    folder.mkdir()
    for index in range(n_files):
        path = folder / _name(index)
        if index % 1000 == 0:
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (1e9, 1e9))
        if kind == "sidecars":
            path.with_suffix(".txt").write_text(f"a short caption of clip {index}\n")
            os.utime(path.with_suffix(".txt"), (1e9, 1e9))


def _name(index: int) -> str:
    return f"part{index // 1000:05d}/a_clip_with_a_name_of_usual_length_{index:08d}.mp4"


def _make_table(folder: Path, n_rows: int) -> Path:
    table = folder / "clips" / "captions.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "text", "aesthetic", "motion"])
        for index in range(n_rows):
            text = LONG_CAPTION if index % 4 == 0 else f"a short caption of clip {index}"
            writer.writerow([_name(index), text, f"{index % 10}.5", "0.25"])
    return table


def _measure(folder: Path, kind: str) -> None:
    from video_assets.core.schema import LEDGER
    from video_assets.settings.sources import OwnClips
    from video_assets.sources.own_clips.listing import list_own_clips
    from video_assets.storage.tables import read_table, write_table

    table = folder / "clips" / "captions.csv" if "table" in kind else None
    settings = OwnClips(folder=None if kind == "table" else folder / "clips", captions=table)
    ledger = folder / "ledger.parquet"
    previous = read_table(ledger, LEDGER).rows if ledger.exists() else None
    wall, cpu = time.monotonic(), time.process_time()
    rows = list_own_clips(settings, previous=previous, now_ns=time.time_ns(), ignore=())
    taken = {"cpu_s": round(time.process_time() - cpu, 2), "wall_s": round(time.monotonic() - wall, 2)}
    taken["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**taken, "n_lines": len(rows), "n_ok": int((rows["status"] == "ok").sum())}))
    write_table(ledger, LEDGER, rows)


if __name__ == "__main__":
    main()
