"""While shards are checked, whoever waits is told of each one; what is told adds up."""

import os
import re
import shutil

import dagster as dg
import pytest
from command_line import command

from video_assets.definitions import build_defs
from video_assets.pipeline.board import Board
from video_assets.pipeline.decode_check import check_shards
from video_assets.progress import LogProgress, no_progress
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

SHARDS = ["00000-of-00002", "00001-of-00002"]


@pytest.fixture(scope="module")
def prepared(sample, tmp_path_factory):
    """Shard lists of real clips, nothing decoded yet."""
    root = tmp_path_factory.mktemp("board")
    clips = root / "clips"
    clips.mkdir()
    found = sorted(sample.clips.glob("*.mp4"))[:6]
    # The last one by a name that falls into the first shard.
    for name, path in zip([*(path.name for path in found), "fragmented.mp4"], [*found, found[0]], strict=True):
        shutil.copy2(path, clips / name)
        (clips / name).with_suffix(".txt").write_text("a caption")
    for path in clips.iterdir():  # else they count as still being copied
        os.utime(path, (1_700_000_000, 1_700_000_000))
    options = ("--clips", clips, "--data-root", root / "data", "--shards", "2", "--prepare-only")
    done = command("run", *options)
    assert done.returncode == 0, done.stderr
    return root / "data"


def test_each_verdict_counts_and_the_table_names_shards_in_work(prepared, tmp_path):
    root = shutil.copytree(prepared, tmp_path / "data", ignore=shutil.ignore_patterns(".dagster"))
    settings, tables = Settings(data_root=root, decode={"n_shards": 2, "workers": 1}), []
    board = Board(tables.append, interval_s=0)
    outcomes = list(check_shards(Layout(root), SHARDS, settings=settings.decode, progress=no_progress, board=board))
    assert len(tables) == sum(outcome.n_decoded for outcome in outcomes) == sum(outcome.n_clips for outcome in outcomes)
    first, last = tables[0].splitlines(), tables[-1].splitlines()
    assert re.match(r"\d of 2 shards ended, [12] in work; 1 of \d clips \(\d+%\), [\d.,]+ clips/s", first[0])
    assert first[1].split() == ["shard", "checked", "clips", "clips/s", "MB/s", "left,", "s"]
    assert first[2].startswith("0000")
    assert "(100%)" in last[0]
    for outcome in outcomes:
        count = board.shards[outcome.shard]
        assert (count.decided, count.left, count.n_bytes) == (outcome.n_clips, 0, outcome.n_bytes)
    again = Board(tables.append, interval_s=0)
    n_told = len(tables)
    lines = []
    list(check_shards(Layout(root), SHARDS, settings=settings.decode, progress=LogProgress(lines.append), board=again))
    assert lines == ["decode check: 7 clips", "decode check: 7 of 7 clips (100%); 7 known, 0 decoded"]
    assert again.line.startswith("2 of 2 shards ended, 0 in work;")
    assert len(tables) == n_told


def test_clips_whose_verdict_is_known_are_counted_apart_and_make_nothing_faster(prepared, tmp_path):
    root = shutil.copytree(prepared, tmp_path / "data", ignore=shutil.ignore_patterns(".dagster"))
    settings, lines = Settings(data_root=root, decode={"n_shards": 2, "workers": 1}), []
    list(check_shards(Layout(root), SHARDS[:1], settings=settings.decode, progress=LogProgress(lines.append)))
    assert "known" not in lines[-1], "a first run has nothing to tell apart"
    list(check_shards(Layout(root), SHARDS, settings=settings.decode, progress=LogProgress(lines.append, interval_s=0.0)))
    known, *_, last = [line for line in lines if "known" in line]
    n_known = int(re.search(r"; (\d) known, 0 decoded$", known)[1])
    assert 0 < n_known < 7
    assert "clips/s" not in known
    assert re.search(rf"7 of 7 clips \(100%\), [\d.]+ clips/s; {n_known} known, {7 - n_known} decoded$", last)


def test_nothing_is_told_more_often_than_once_a_minute(prepared, tmp_path):
    root = shutil.copytree(prepared, tmp_path / "data", ignore=shutil.ignore_patterns(".dagster"))
    settings, tables = Settings(data_root=root, decode={"n_shards": 2, "workers": 1}), []
    list(check_shards(Layout(root), SHARDS, settings=settings.decode, progress=no_progress, board=Board(tables.append)))
    assert tables == []


def test_the_log_of_the_run_has_the_table_and_the_materialization_its_numbers(prepared, tmp_path, monkeypatch):
    root = shutil.copytree(prepared, tmp_path / "data", ignore=shutil.ignore_patterns(".dagster"))
    monkeypatch.setattr("video_assets.pipeline.board.TELL_EVERY_S", 0.0)
    defs = build_defs(Settings(data_root=root, own_clips={"folder": root / "clips"}, decode={"n_shards": 2, "workers": 1}))
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {"dagster/asset_partition_range_start": SHARDS[0], "dagster/asset_partition_range_end": SHARDS[1]}
        result = defs.resolve_job_def("decode").execute_in_process(instance=instance, tags=tags)
        logged = [event.message for event in instance.all_logs(result.run_id) if "shards ended" in event.message]
        asset = dg.AssetKey("decode_check")
        made = [
            instance.fetch_materializations(dg.AssetRecordsFilter(asset, asset_partitions=[shard]), limit=1).records[0]
            for shard in SHARDS
        ]
    assert len(logged) == 7
    assert all("clips/s" in message.splitlines()[1] for message in logged)
    for record in made:
        metadata = record.asset_materialization.metadata
        # By their hashes, all seven clips may be in one shard.
        has_clips = metadata["clips"].value > 0
        assert (metadata["clips_per_s"].value > 0) == (metadata["megabytes_per_s"].value > 0) == has_clips
        assert metadata["wall_seconds"].value > 0
        assert ", process " in metadata["checked_by"].value
        assert "of 2 shards ended" in metadata["run_so_far"].value
