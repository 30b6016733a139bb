"""`video-assets status`: what is done, left and in work, from files and from Dagster."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import command
from data_roots import Clip, fill
from disks import small_disk

from video_assets.core.schema import LEDGER
from video_assets.core.sharding import shard_of
from video_assets.explain.status import look
from video_assets.local.dagster_home import prepare_home
from video_assets.samples.demo.make import Sample
from video_assets.storage.leases import hold
from video_assets.storage.parts import PartWriter
from video_assets.storage.stages import dropped_path
from video_assets.storage.tables import read_table, write_table

CLIPS = [Clip(f"{number}.mp4") for number in range(30)]


def test_stages_and_shards_are_counted(tmp_path: Path) -> None:
    layout, settings = fill(tmp_path, CLIPS)
    found = look(layout, settings)
    assert found.listed == {"ok": 30}
    assert [(stage.stage, stage.kept) for stage in found.stages] == [("enriched_metadata", 30), ("size_filtered", 30)]
    assert {shard.state for shard in found.shards} == {"complete"}
    assert (found.checked, found.clips, found.left_s) == (30, 30, None)


def test_the_clip_that_waits_longest_is_named(tmp_path: Path) -> None:
    waiting = [Clip(f"young-{n}.mp4", status="waiting", reason="still_being_copied") for n in range(3)]
    layout, settings = fill(tmp_path, [*CLIPS[:2], *waiting])
    rows = read_table(layout.ledger("own_clips"), LEDGER).rows
    rows.loc[rows["status"] == "waiting", "mtime_ns"] = [1_700_000_002_000_000_000, 1_700_000_001_000_000_000, None]
    write_table(layout.ledger("own_clips"), LEDGER, rows)
    found = look(layout, settings)
    assert found.listed == {"ok": 2, "waiting": 3}
    assert found.oldest_waiting["clip_key"] == "own_clips/young-1.mp4"
    assert found.oldest_waiting["since"].startswith("2023-11-14T22:13:21")


def test_a_shard_in_work_says_by_whom_how_far_and_how_fast(tmp_path: Path) -> None:
    layout, settings = fill(tmp_path, CLIPS)
    shard = shard_of("own_clips/3.mp4", n_shards=settings.decode.n_shards)
    for path in (layout.checked(shard), dropped_path(layout.checked(shard)), layout.verdicts(shard)):
        path.unlink(missing_ok=True)
    assert {found.state for found in look(layout, settings).shards if found.shard == shard} == {"left"}
    with (
        hold(layout.lease("decode_check", shard), stale_after_s=90.0, run_id="abc"),
        PartWriter(layout.verdict_parts(shard)) as parts,
    ):
        parts.append({"clip_key": "own_clips/3.mp4", "file_size": 5_000_000})
        parts.flush()
        status = look(layout, settings)
    [found] = [found for found in status.shards if found.shard == shard]
    assert (found.state, found.checked) == ("in work", 1)
    assert "run abc" in found.holder
    assert 0 < found.bytes_per_s <= 5_000_000
    assert status.left_s is not None
    assert status.as_record()["decode_check"]["checked"] == 30 - found.clips + 1


def test_the_command_says_what_failed_and_what_comes_next(sample: Sample, tmp_path: Path) -> None:
    clips, root = tmp_path / "clips", tmp_path / "root"
    clips.mkdir()
    shutil.copy2(sample.clips / "aquarium.mp4", clips)
    (clips / "aquarium.txt").write_text("a fish tank")
    assert command("settings", "own_clips.settle_s", "0", "--data-root", root).returncode == 0
    done = command("run", "--clips", clips, "--data-root", root, "--shards", "2")
    assert done.returncode == 0, done.stderr
    shown = command("status", "--data-root", root)
    assert "1 of 1 clips" in shown.stdout, shown.stderr
    assert "2 complete" in shown.stdout
    assert "nightly_prepare" in shown.stdout
    record = json.loads(command("status", "--data-root", root, "--json").stdout)
    assert record["dagster"]["failed_shards"] == []
    assert record["decode_check"]["left_s"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_on_a_disk_that_is_read_only_everything_but_dagsters_history_is_shown(tmp_path: Path) -> None:
    root = tmp_path / "disk" / "data"
    with small_disk(tmp_path / "disk", 64 * 2**20):
        if not os.path.ismount(tmp_path / "disk"):
            pytest.skip("mounting is not allowed here")
        layout, _ = fill(root, CLIPS)
        prepare_home(layout)
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        shown, cleaned = command("status", "--data-root", root), command("clean-up", "--data-root", root)
    assert shown.returncode == 0, shown.stderr
    assert "enriched_metadata  30 kept" in shown.stdout
    assert f"not known: {layout.dagster_home} cannot be written to" in shown.stdout
    assert cleaned.returncode == 1
    assert f"{layout.dagster_home}: Read-only file system" in cleaned.stderr
    assert "Traceback" not in cleaned.stderr
