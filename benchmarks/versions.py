"""Comparing and growing training tables of 1.3 million rows: wall, CPU and peak memory, each in a process of its own.

    .venv/bin/python benchmarks/versions.py --rows 1300000

The later table lacks 1,000 rows of the earlier one, has 1,000 other captions and 5,000 new rows. `grow` puts rows that come in
the order of the clip key into the order of a table that grew in 100 steps.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from training_csv import columns_of, peak_mib

from video_assets.core.schema import TRAINING
from video_assets.publish.compare import compare_tables
from video_assets.publish.rules.rows import csv_header, csv_rows
from video_assets.publish.shard_rows import in_order

CHUNK = 16_384
STEPS = 100


def main() -> None:
    """Generate, run each way, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--way", choices=["parquet", "csv", "grow"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary), options.rows)
        print(f"{'':10}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}  result")
        for way in ("parquet", "csv", "grow"):
            command = [sys.executable, __file__, "--way", way, "--folder", temporary]
            facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"{way:10}{facts['cpu_s']:>9.1f}{facts['wall_s']:>9.1f}{facts['peak_mib']:>10.0f}  {facts['result']}")


def measure(way: str, folder: Path) -> dict:
    """Do it; what it took."""
    import time

    start, cpu = time.perf_counter(), time.process_time()
    result = grow(folder) if way == "grow" else difference(folder, way)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - start,
        "peak_mib": peak_mib(),
        "result": result,
    }


def difference(folder: Path, suffix: str) -> str:
    """Compare the two tables."""
    compared = compare_tables(folder / f"before.{suffix}", folder / f"after.{suffix}")
    counts = compared.diff.counts
    return ", ".join(f"{name} {getattr(counts, name):,}" for name in ("added", "dropped", "changed", "stable_rows"))


def grow(folder: Path) -> str:
    """Write the later table anew in a grown order."""
    with pq.ParquetFile(folder / "after.parquet") as file:
        n_rows = file.metadata.num_rows
        step = np.random.default_rng(1).integers(0, STEPS, n_rows)
        step[np.random.default_rng(2).random(n_rows) < 0.7] = 0
        order = np.argsort(step, kind="stable")
        tables = (pa.Table.from_batches([batch]) for batch in file.iter_batches(batch_size=CHUNK))
        n_written = sum(len(csv_rows(table)) for table in in_order(tables, order, folder / "rows.arrow"))
    return f"{n_written / 2**20:,.0f} MiB of CSV in the order of {STEPS} steps"


def generate(folder: Path, n_rows: int) -> None:
    """Both tables, as Parquet and as CSV."""
    clips = columns_of(np.random.default_rng(0), n_rows + 5_000)
    rows = TRAINING.frame(clips.assign(num_frames=90, height=720, width=1280, aspect_ratio=0.5625, resolution=921_600, fps=29.97))
    old = rows.iloc[5_000:].reset_index(drop=True)
    new = rows.drop(index=range(6_000, 7_000)).reset_index(drop=True)
    new.loc[10_000:10_999, "text"] = "another caption"
    for name, frame in (("before", old), ("after", new)):
        table = pa.Table.from_pandas(frame, schema=TRAINING.arrow, preserve_index=False)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=CHUNK)
        with (folder / f"{name}.csv").open("wb") as file:
            file.write(csv_header())
            for batch in table.to_batches(max_chunksize=CHUNK):
                file.write(csv_rows(pa.Table.from_batches([batch])))


if __name__ == "__main__":
    main()
