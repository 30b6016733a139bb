"""A backfill with one run per shard that is cancelled in the middle goes on where it stopped, and decodes nothing twice.

It goes on by Dagster's command line, as the docs say, and by the API.

Shards that fail and are backfilled after mending: tests/browser (by clicks), test_undisturbed.py (on storage that fails).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tomlkit
from dagster_server import PATIENTLY_S, server, wait_for
from faulty_mount import faulty_mount, why_no_mount

from video_assets.core.schema import VERDICTS
from video_assets.core.sharding import shard_keys, shard_of
from video_assets.samples.demo.make import Sample
from video_assets.storage.layout import Layout
from video_assets.storage.parts import read_parts
from video_assets.storage.tables import read_table

N_SHARDS = 4
SHARDS = shard_keys(N_SHARDS)
CLIPS = ("aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "city-at-night.mp4", "broken/bad-disk.mp4")


def lay_out(sample: Sample, folder: Path) -> int:
    """Two clips per shard. Returns how many there are."""
    n_clips = 0
    folder.mkdir()
    for shard in SHARDS:
        names = (f"clip-{number}.mp4" for number in range(1000))
        mine = (name for name in names if shard_of(f"own_clips/{name}", n_shards=N_SHARDS) == shard)
        for name in (next(mine), next(mine)):
            target = folder / name
            shutil.copy2(sample.clips / CLIPS[n_clips % len(CLIPS)], target)
            target.with_suffix(".txt").write_text(f"what is seen in {name}")
            n_clips += 1
    return n_clips


def write_settings(data_root: Path, folder: Path) -> None:
    settings = {
        "own_clips": {"folder": str(folder), "settle_s": 0},
        "decode": {"n_shards": N_SHARDS, "retries": 0, "workers": 1},
        "training": {"duplicates": "keep"},
        "automation": {"is_enabled": False, "backfill": "run_per_shard"},
    }
    data_root.mkdir(parents=True)
    (data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))


def waits_while_the_settings_cannot_be_used(data_root: Path) -> None:
    """The backfill that is going on: Dagster's daemon would fail it."""
    file = data_root / "video_assets.toml"
    usable = file.read_text()
    file.write_text(usable + "[[[")
    (log,) = (data_root / ".dagster").glob("ui-*.log")
    wait_for(lambda: "The backfill will resume once it is available" in log.read_text(), timeout_s=300)
    file.write_text(usable)


def backfill_by_command(data_root: Path, shard: str) -> None:
    """The command of docs/unattended.md."""
    root = Path(__file__).parents[2]
    line = [Path(sys.executable).with_name("dagster"), "job", "backfill", "-w", root / "workspace.yaml", "-j", "decode"]
    environment = {**os.environ, "VIDEO_ASSETS_DATA_ROOT": str(data_root), "DAGSTER_HOME": str(data_root / ".dagster")}
    subprocess.run([*line, "--partitions", shard, "--noprompt"], check=True, capture_output=True, env=environment)


def decided(data_root: Path) -> dict[str, float]:
    """Seconds that each decoded clip took: a clip that was decoded again took others."""
    layout = Layout(data_root)
    tables = [read_table(path, VERDICTS).rows for path in layout.verdicts_folder.glob("*.parquet")]
    records = [VERDICTS.frame(read_parts(folder)[0]) for folder in layout.verdicts_folder.glob("*.parts")]
    rows = pd.concat([VERDICTS.frame([]), *tables, *records])
    return dict(zip(rows["clip_key"], rows["decode_seconds"], strict=True))


@pytest.mark.slow(250)
@pytest.mark.timeout(2400)
@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "a FUSE mount works here")
def test_a_backfill_cancelled_in_the_middle_goes_on_where_it_stopped_with_one_run_per_shard(
    sample: Sample, tmp_path: Path
) -> None:
    data_root = tmp_path / "data"
    n_clips = lay_out(sample, tmp_path / "disk")
    with faulty_mount(tmp_path / "disk", tmp_path / "mount") as mount:
        write_settings(data_root, mount.folder)
        with server(data_root) as ui:
            assert ui.run_job("prepare") == "SUCCESS"
            mount.slow(3.0)
            backfill = ui.launch(["shard_lists", "decode_check"], SHARDS)
            wait_for(lambda: list(Layout(data_root).verdicts_folder.glob("*.part*")), timeout_s=900, every_s=0.2)
            waits_while_the_settings_cannot_be_used(data_root)
            ui.cancel(backfill)
            assert ui.wait_for_backfill(backfill) == "CANCELED"
            wait_for(lambda: ui.n_runs("STARTED", "CANCELING") == 0, timeout_s=300)
            before = decided(data_root)
            assert 0 < len(before) < n_clips

            mount.mend()
            shard = next(shard for shard in SHARDS if shard not in ui.partitions("decode_check")["materialized"])
            backfill_by_command(data_root, shard)
            wait_for(lambda: shard in ui.partitions("decode_check")["materialized"], timeout_s=900, every_s=PATIENTLY_S)
            checked = ui.partitions("decode_check")["materialized"]
            n_before, left = ui.n_runs("SUCCESS"), [shard for shard in SHARDS if shard not in checked]
            assert len(left) > 1, "it was cancelled early"
            assert ui.backfill(["decode_check"], left) == "COMPLETED_SUCCESS"
            assert ui.partitions("decode_check")["materialized"] == SHARDS
            assert ui.n_runs("SUCCESS") == n_before + len(left), "one run per shard"
    after = decided(data_root)
    assert len(after) == n_clips
    assert {key: after[key] for key in before} == before, "nothing is decoded twice"
