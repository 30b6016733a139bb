"""A year of nightly runs on a small graph: how Dagster's SQLite, logs and memory grow, without and with the clean-up.

    .venv/bin/python benchmarks/retention.py --nights 400

Each night: one run of four assets and a check, one of 24 shards, on a real instance in a folder, in this process,
with captured output. After each night the times of all runs are
moved one day back, so that the clean-up (every night, keeps 60 days) sees a year. Each way in a process of its own.
"""

import argparse
import logging
import multiprocessing
import os
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil

SHARDS = dg.StaticPartitionsDefinition([f"{n:05}-of-00024" for n in range(24)])
DAY = timedelta(days=1)


def main() -> None:
    """Both ways, side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--keep-days", type=int, default=60)
    options = parser.parse_args()
    heads = ("night", "runs", "run files", "index MiB", "runs MiB", "all MiB", "RSS MiB", "ms/look")
    print(f"{'':10}" + "".join(f"{head:>11}" for head in heads))
    for way, keep_days in (("keep all", None), ("clean up", options.keep_days)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork"), _silent) as process:
            rows = process.submit(year, options.nights, keep_days).result()
        for row in rows:
            print(
                f"{way:10}{row['night']:>11}{row['runs']:>11,}{row['files']:>11,}{row['index']:>11.1f}{row['runs_db']:>11.1f}"
                f"{row['all']:>11.1f}{row['rss']:>11.0f}{row['look_ms']:>11.0f}",
                flush=True,
            )


def _silent() -> None:
    """What assets print is captured by Dagster, and also passed on."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)


def year(nights: int, keep_days: int | None) -> list[dict]:
    """Run all nights; the sizes at four points."""
    from video_assets.defs.history import clean_up

    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    rows = []
    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        defs = small_graph()
        with dg.DagsterInstance.from_config(home) as instance:
            for night in range(1, nights + 1):
                run_night(defs, instance)
                one_day_back(home)
                if keep_days is not None:
                    clean_up(instance, before=datetime.now(UTC) - timedelta(days=keep_days))
                if night % max(1, nights // 4) == 0:
                    rows.append({"night": night, **sizes(home, instance)})
    return rows


def small_graph() -> dg.Definitions:
    """The shape of the pipeline, without its work."""
    assets = []
    for name, above in (("own_clips", []), ("enriched_metadata", ["own_clips"]), ("size_filtered", ["enriched_metadata"])):
        assets.append(dg.asset(name=name, deps=above)(_work(name)))

    @dg.asset(
        partitions_def=SHARDS, deps=["size_filtered"], backfill_policy=dg.BackfillPolicy.single_run(), output_required=False
    )
    def decode_check(context):
        print("checking")
        for key in context.partition_keys:
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key, partition=key, metadata={"clips": 1000}, tags={"dagster/data_version": "1"}
                )
            )
        yield from ()

    @dg.asset(deps=[decode_check])
    def training_csv():
        print("writing")
        return dg.MaterializeResult(metadata={"funnel": dg.MetadataValue.md("x" * 20_000)})

    @dg.asset_check(asset=training_csv)
    def drop_rate():
        return dg.AssetCheckResult(passed=True, metadata={"share": 0.1})

    jobs = [
        dg.define_asset_job("prepare", ["own_clips", "enriched_metadata", "size_filtered", "training_csv"]),
        dg.define_asset_job("decode", "decode_check"),
    ]
    return dg.Definitions(assets=[*assets, decode_check, training_csv], asset_checks=[drop_rate], jobs=jobs)


def _work(name):
    def asset():
        print(name)
        return dg.MaterializeResult(metadata={"rows": 1000, "preview": dg.MetadataValue.md("x" * 5_000)})

    return asset


def run_night(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """Two runs."""
    keys = SHARDS.get_partition_keys()
    every = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    for job, tags in (("prepare", {}), ("decode", every)):
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        result = defs.resolve_job_def(job).execute_in_process(instance=instance, tags=tags, run_config=quiet)
        assert result.success


def one_day_back(home: str) -> None:
    """Make every run a day older."""
    import sqlite3

    with sqlite3.connect(Path(home, "history", "runs.db")) as runs:
        runs.execute("UPDATE runs SET update_timestamp = datetime(update_timestamp, '-1 day')")
        runs.execute("UPDATE runs SET create_timestamp = datetime(create_timestamp, '-1 day')")
    runs.close()


def sizes(home: str, instance: dg.DagsterInstance) -> dict:
    """Disk in MiB, memory of this process, and how long the question takes that the asset page asks."""
    begin = time.perf_counter()
    instance.get_latest_materialization_event(dg.AssetKey("training_csv"))
    instance.get_materialized_partitions(dg.AssetKey("decode_check"))
    instance.get_run_records(limit=25)
    look_ms = (time.perf_counter() - begin) * 1000
    history = Path(home, "history")
    return {
        "runs": instance.get_runs_count(),
        "files": len(list((history / "runs").glob("*.db"))) - 1,
        "index": mib(history / "runs" / "index.db"),
        "runs_db": mib(history / "runs.db"),
        "all": sum(mib(path) for path in Path(home).rglob("*") if path.is_file()),
        "rss": psutil.Process().memory_info().rss / 2**20,
        "look_ms": look_ms,
    }


def mib(path: Path) -> float:
    """Size on disk."""
    return path.stat().st_size / 2**20


if __name__ == "__main__":
    main()
