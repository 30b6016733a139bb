"""What engines for tables take for the work of the stages, operation by operation: pyarrow, Polars, DuckDB.

    uv pip install polars duckdb
    .venv/bin/python benchmarks/engines.py --rows 1300000 [--folder /tmp/engines]

Three Parquet tables are generated: captions (a quarter of them 350 words), measurements, verdicts; all but the captions are in
the order of the clip key. Each operation of each engine runs in a process of its own with two threads and writes its result to a
file. CPU and wall seconds and peak memory include loading the engine. `DuckDB, 500MB` may use only that much and spills.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LONG = " ".join(f"word{number % 97}," for number in range(350))
ENGINES = {
    "pyarrow": (
        """
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq, pyarrow.csv
pa.set_cpu_count(2)
captions, clips, verdicts = (
    lambda name=name: pq.read_table(f"{folder}/{name}.parquet") for name in ("captions", "clips", "verdicts"))
""",
        {
            "join": 'pq.write_table(captions().join(clips(), "key").join(verdicts(), "key"), out)',
            "filter": 'pq.write_table(captions().filter(pc.field("n") % 10 != 0), out)',
            "sort": 'pq.write_table(captions().sort_by("key"), out)',
            "distinct": 'pq.write_table(verdicts().group_by("hash").aggregate([("key", "min")]), out)',
            "csv": "pa.csv.write_csv(captions(), out)",
        },
    ),
    "Polars": (
        """
import polars as pl
captions, clips, verdicts = (
    lambda name=name: pl.scan_parquet(f"{folder}/{name}.parquet") for name in ("captions", "clips", "verdicts"))
""",
        {
            "join": 'captions().join(clips(), on="key").join(verdicts(), on="key").sink_parquet(out)',
            "filter": 'captions().filter(pl.col("n") % 10 != 0).sink_parquet(out)',
            "sort": 'captions().sort("key").sink_parquet(out)',
            "distinct": 'verdicts().group_by("hash").agg(pl.col("key").min()).sink_parquet(out)',
            "csv": "captions().sink_csv(out)",
        },
    ),
    "DuckDB": (
        """
import duckdb
duckdb.sql(f"SET threads = 2; SET temp_directory = '{folder}/spill'; SET memory_limit = '{memory}'")
def copy(query, how="PARQUET"):
    duckdb.sql(f"COPY ({query.format(folder=folder)}) TO '{out}' (FORMAT {how})")
""",
        {
            "join": "copy(\"SELECT * FROM '{folder}/captions.parquet' JOIN '{folder}/clips.parquet' USING (key) "
            "JOIN '{folder}/verdicts.parquet' USING (key)\")",
            "filter": "copy(\"SELECT * FROM '{folder}/captions.parquet' WHERE n % 10 != 0\")",
            "sort": "copy(\"SELECT * FROM '{folder}/captions.parquet' ORDER BY key\")",
            "distinct": "copy(\"SELECT hash, min(key) FROM '{folder}/verdicts.parquet' GROUP BY hash\")",
            "csv": "copy(\"SELECT * FROM '{folder}/captions.parquet'\", 'CSV')",
        },
    ),
}
MODULES = {"pyarrow": "pyarrow", "Polars": "polars", "DuckDB": "duckdb"}


def main() -> None:
    """Generate, run each engine, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--folder", type=Path, help="the tables are kept here and used again; default: a temporary folder")
    parser.add_argument("--memory", nargs="+", default=["4GB", "500MB"], help="limits that DuckDB gets, one after the other")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="engines-") as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "verdicts.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            generate(folder, options.rows)
        print(f"{'':18}{'':10}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}")
        for engine, (_, operations) in ENGINES.items():
            if importlib.util.find_spec(MODULES[engine]) is None:
                print(f"{engine:18}not installed")
                continue
            for memory in options.memory if engine == "DuckDB" else [""]:
                for operation in operations:
                    run(f"{engine}{', ' if memory else ''}{memory}", engine, operation, folder, memory)


def generate(folder: Path, n_rows: int) -> None:
    """The three tables; a fiftieth of the contents occur twice."""
    numbers = np.arange(n_rows)
    keys = pa.array([f"own_clips/{number // 1000:05d}/{number:08d}.mp4" for number in numbers])
    texts = pa.array([f"clip {number}" + (f", {LONG}" if number % 4 == 0 else "") for number in numbers])
    captions = pa.table({"key": keys, "text": texts, "n": numbers})
    shuffled = np.random.default_rng(0).permutation(n_rows)
    pq.write_table(captions.take(pa.array(shuffled)), folder / "captions.parquet", compression="zstd", row_group_size=16_384)
    measured = dict.fromkeys(("frames", "height", "width", "size", "mtime"), numbers % 97 + 1)
    pq.write_table(pa.table({"key": keys, **measured}), folder / "clips.parquet", compression="zstd", row_group_size=16_384)
    hashes = pa.array([f"{number % (n_rows - n_rows // 50):032x}" for number in numbers])
    verdicts = pa.table({"key": keys, "verdict": pa.array(["good"] * n_rows), "hash": hashes})
    pq.write_table(verdicts, folder / "verdicts.parquet", compression="zstd", row_group_size=16_384)


def run(label: str, engine: str, operation: str, folder: Path, memory: str) -> None:
    """One operation in a process of its own."""
    start, operations = ENGINES[engine]
    out = folder / "out"
    program = f"folder, out, memory = {str(folder)!r}, {str(out)!r}, {memory!r}\n{start}\n{operations[operation]}"
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env=environment)
    errors = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    out.unlink(missing_ok=True)
    if status:
        print(f"{label:18}{operation:10}{errors.strip().splitlines()[-1][:100]}", flush=True)
        return
    cpu_s = usage.ru_utime + usage.ru_stime
    print(f"{label:18}{operation:10}{cpu_s:>9.1f}{wall_s:>9.1f}{usage.ru_maxrss / 1024:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
