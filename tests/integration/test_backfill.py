"""Shards on storage that fails turn red, the others green; after mending, a backfill of the failed ones makes all green."""

import json
import shutil
from pathlib import Path

import pytest
import tomlkit
from dagster_server import server
from faulty_mount import faulty_mount, why_no_mount

from video_assets.core.sharding import shard_keys, shard_of
from video_assets.io.sample import Sample

N_SHARDS = 6
SHARDS = shard_keys(N_SHARDS)
FLAKY = [SHARDS[2], SHARDS[4]]
CLIPS = ("aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "city-at-night.mp4", "broken/bad-disk.mp4")


def lay_out(sample: Sample, folder: Path) -> int:
    """Two clips per shard; those of the flaky shards lie in the folder `flaky`. Returns how many there are."""
    n_clips = 0
    for shard in SHARDS:
        place = "flaky" if shard in FLAKY else "solid"
        names = (f"{place}/clip-{number}.mp4" for number in range(1000))
        mine = (name for name in names if shard_of(f"own_clips/{name}", n_shards=N_SHARDS) == shard)
        for name in (next(mine), next(mine)):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(sample.clips / CLIPS[n_clips % len(CLIPS)], target)
            target.with_suffix(".txt").write_text(f"what is seen in {name}")
            n_clips += 1
    return n_clips


def write_settings(data_root: Path, folder: Path) -> None:
    settings = {
        "own_clips": {"folder": str(folder), "settle_s": 0},
        "decode": {"n_shards": N_SHARDS, "retries": 0},
        "training": {"duplicates": "keep"},
        "automation": {"is_enabled": False},
    }
    data_root.mkdir(parents=True)
    (data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "a FUSE mount works here")
def test_failed_shards_are_backfilled_from_the_ui_and_nothing_is_decoded_twice(sample: Sample, tmp_path: Path) -> None:
    data_root = tmp_path / "data"
    n_clips = lay_out(sample, tmp_path / "disk")
    with faulty_mount(tmp_path / "disk", tmp_path / "mount") as mount:
        write_settings(data_root, mount.folder)
        with server(data_root) as ui:
            assert ui.run_job("prepare") == "SUCCESS"
            mount.fail("EIO", name="flaky")
            # Both at once, as "Materialize all" does: they must not end up in one run, which would skip the second.
            assert ui.backfill(["shard_lists", "decode_check"], SHARDS) == "COMPLETED_FAILED"
            state = ui.partitions("decode_check")
            assert state["failed"] == FLAKY
            assert state["materialized"] == [shard for shard in SHARDS if shard not in FLAKY]
            assert ui.run_job("publish") == "FAILURE"
            assert not list((data_root / "training").glob("*.csv"))

            mount.mend()
            assert ui.backfill(["decode_check"], FLAKY) == "COMPLETED_SUCCESS"
            assert ui.partitions("decode_check")["materialized"] == SHARDS
            assert ui.run_job("publish") == "SUCCESS"
    manifest = json.loads((data_root / "training" / "training.manifest.json").read_text())
    assert manifest["counts"]["listed"] == n_clips
