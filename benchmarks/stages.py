"""What each stage costs on a data root that is there, and where in it: the profile behind `benchmarks/growth.py`.

    .venv/bin/python benchmarks/stages.py DATA_ROOT [--only own_clips training_csv] [--profile FOLDER]

Each stage runs in a process of its own, in the order of `video-assets run` and without Dagster: CPU and wall seconds (imports
included), and the peak memory of that process. A stage finds what the one before wrote, so change the clips or captions first.
With `--profile`, cProfile's statistics of each stage are written there.
"""

import argparse
import cProfile
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from video_assets.core.sharding import shard_keys
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


def main() -> None:
    """Print one line per stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--stage", choices=list(STAGES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        measure(options.stage, options.data_root, options.profile)
        return
    print(f"{'':20}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}", flush=True)
    for stage in options.only:
        command = [sys.executable, __file__, str(options.data_root), "--stage", stage]
        command += ["--profile", str(options.profile)] if options.profile else []
        done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        print(f"{stage:20}{done['cpu_s']:>9.1f}{done['wall_s']:>9.1f}{done['peak_mib']:>10,}", flush=True)


def measure(stage: str, data_root: Path, profile: Path | None) -> None:
    """Run one stage and print what this process took."""
    settings, start = Settings(data_root=data_root), time.monotonic()
    profiler = cProfile.Profile() if profile else nullcontext()
    with profiler:
        STAGES[stage](Layout(data_root), settings)
    if profile and isinstance(profiler, cProfile.Profile):
        profile.mkdir(parents=True, exist_ok=True)
        profiler.dump_stats(profile / f"{stage}.prof")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.monotonic() - start, "peak_mib": usage.ru_maxrss // 1024}
    print(json.dumps(facts))


def own_clips(layout: Layout, settings: Settings) -> None:
    """The listing, and what the UI shows of it."""
    from video_assets.report.about import ledger_facts
    from video_assets.sources.ledgers import refresh_own_clips

    ledger_facts(layout, "own_clips", refresh_own_clips(layout, settings))


def enriched_metadata(layout: Layout, settings: Settings) -> None:
    """Measure and join, with its check."""
    from video_assets.pipeline.enrich import enrich
    from video_assets.publish.audit import audit_metadata
    from video_assets.report.about import stage_facts

    stage_facts(layout, "enriched_metadata", enrich(layout, settings.sources, settings=settings.decode, progress=no_progress))
    audit_metadata(layout, settings.sources)


def size_filtered(layout: Layout, settings: Settings) -> None:
    """The filter."""
    from video_assets.pipeline.size_filter import filter_by_size
    from video_assets.report.about import stage_facts

    stage_facts(layout, "size_filtered", filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes))


def shard_lists(layout: Layout, settings: Settings) -> None:
    """The lists."""
    from video_assets.pipeline.shard_lists import write_shard_lists

    n_shards = settings.decode.n_shards
    list(write_shard_lists(layout, shard_keys(n_shards), n_shards=n_shards))


def decode_check(layout: Layout, settings: Settings) -> None:
    """All shards."""
    from video_assets.pipeline.decode_check import check_shards

    list(check_shards(layout, shard_keys(settings.decode.n_shards), settings=settings.decode, progress=no_progress))


def training_csv(layout: Layout, settings: Settings) -> None:
    """The product."""
    from video_assets.publish.publish import publish
    from video_assets.report.about import product_pictures

    product_pictures(layout, publish(layout, settings))


def training_checks(layout: Layout, settings: Settings) -> None:
    """The checks of the product."""
    from video_assets.publish.audit import audit_training

    audit_training(layout, settings)


def dataset_report(layout: Layout, settings: Settings) -> None:
    """Pictures."""
    from video_assets.explain.reasons import MEANINGS
    from video_assets.report.report import write_report

    write_report(layout, settings, meanings=MEANINGS)


STAGES: dict[str, Callable[[Layout, Settings], None]] = {
    stage.__name__: stage
    for stage in (
        own_clips,
        enriched_metadata,
        size_filtered,
        shard_lists,
        decode_check,
        training_csv,
        training_checks,
        dataset_report,
    )
}


if __name__ == "__main__":
    main()
