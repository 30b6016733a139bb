"""What is written when a data root grows: nothing for nothing new, and only what a new clip changes."""

import json
import random
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from data_roots import Clip, after_listing, check, fill, make_lists
from disks import small_disk

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.core.sharding import shard_keys, shard_of
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.publish.publish import publish
from video_assets.storage.layout import Layout
from video_assets.storage.stages import dropped_path
from video_assets.storage.tables import count_rows

N_SHARDS = 5
CLIPS = [Clip(f"{number:02d}.mp4", text=f"clip {number}") for number in range(12)]


def written(root):
    """Number and time of every file below the data root."""
    found = (path for path in root.rglob("*") if path.is_file() and "leases" not in path.parts)
    return {path.relative_to(root).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def everything(root, clips):
    """All stages on what is listed there."""
    layout, settings = fill(root, clips, upto="own_clips", decode={"n_shards": N_SHARDS})
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    make_lists(layout, settings)
    return layout, settings


@pytest.fixture
def root(tmp_path):
    layout, settings = fill(tmp_path, CLIPS, decode={"n_shards": N_SHARDS})
    publish(layout, settings)
    return tmp_path


def test_nothing_new_writes_nothing(root):
    before = written(root)
    layout, settings = everything(root, CLIPS)
    check(layout, settings, [])
    publish(layout, settings)
    changed = {name for name, stamp in written(root).items() if before.get(name) != stamp}
    # The test itself leaves empty files of verdicts.
    assert {name for name in changed if not name.endswith(".jsonl")} == set()


def test_a_new_clip_changes_the_list_and_the_check_of_its_own_shard_only(root):
    before, new = written(root), Clip("new.mp4", text="a new one")
    layout, settings = after_listing(*_listed(root, [*CLIPS, new]), upto="decode_check", decode={"n_shards": N_SHARDS})
    shard = shard_of(new.key, n_shards=N_SHARDS)
    changed = {name for name, stamp in written(root).items() if before.get(name) != stamp}
    lists = {name for name in changed if name.startswith("decode/shard_lists/") and name.endswith(".parquet")}
    checks = {name for name in changed if name.startswith("decode/checked/")}
    assert lists == {f"decode/shard_lists/{shard}.parquet"}
    assert checks == {f"decode/checked/{shard}.parquet"}
    assert publish(layout, settings).n_kept == 13


def test_a_list_of_the_version_before_is_taken_over(root):
    layout = Layout(root)
    shard = shard_of(CLIPS[0].key, n_shards=N_SHARDS)
    origin = json.loads(layout.shard_origin(shard).read_text())
    layout.shard_origin(shard).write_text(json.dumps({name: origin[name] for name in ("inputs", "shard_lists")}))
    before = layout.checked(shard).stat().st_mtime_ns
    layout, settings = everything(root, CLIPS)
    check(layout, settings, [])
    assert json.loads(layout.shard_origin(shard).read_text()) == origin
    assert layout.checked(shard).stat().st_mtime_ns == before


def test_a_table_that_was_torn_is_made_again(root):
    layout = Layout(root)
    whole = layout.size_filtered.read_bytes()
    layout.size_filtered.write_bytes(whole[: len(whole) // 2])
    everything(root, CLIPS)
    assert layout.size_filtered.read_bytes() == whole


def test_tables_come_out_the_same_in_however_many_pieces_they_are_read(tmp_path, monkeypatch):
    clips = [
        *(Clip(f"{number:02d}.mp4", text=f"clip {number}" if number % 7 else " ") for number in range(40)),
        *(Clip(f"big-{number}.mp4", file_size=1 << 40) for number in range(9)),
        *(Clip(f"away-{number}.mp4", status="failed", reason="missing_file") for number in range(9)),
    ]
    clips.sort(key=lambda clip: clip.key)
    layout, settings = fill(tmp_path / "whole", clips, decode={"n_shards": N_SHARDS})
    whole = tables(layout)
    csv_hash = publish(layout, settings).csv_hash
    monkeypatch.setattr("video_assets.storage.grouping.MEAN_ROWS", 2)
    monkeypatch.setattr("video_assets.storage.key_ranges.ROWS_PER_RANGE", 3)
    layout, settings = fill(tmp_path / "pieces", clips, decode={"n_shards": N_SHARDS})
    assert pq.read_metadata(layout.enriched_metadata).num_row_groups > 10
    pieces = tables(layout)
    assert pieces.keys() == whole.keys()
    for name, rows in whole.items():
        pd.testing.assert_frame_equal(pieces[name], rows)
    assert publish(layout, settings).csv_hash == csv_hash


def test_little_memory_makes_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("video_assets.storage.grouping.MEAN_ROWS", 4)
    clips = [Clip(f"{number:02d}.mp4", text=f"clip {number}" if number % 7 else " ") for number in range(12)]
    layout, settings = fill(tmp_path, clips, upto="shard_lists", decode={"n_shards": N_SHARDS})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    dropped_path(layout.enriched_metadata).unlink()
    for folder in (layout.size_filtered.parent, layout.shard_list("x").parent):
        shutil.rmtree(folder)
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress, memory_bytes=1)
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes, memory_bytes=1)
    list(write_shard_lists(layout, shard_keys(N_SHARDS), n_shards=N_SHARDS, memory_bytes=1))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_a_full_disk_is_one_error_of_every_stage_and_the_next_run_goes_on(tmp_path):
    words = random.Random(7)
    clips = [Clip(f"{number:03d}.mp4", text=words.randbytes(2_000).hex()) for number in range(200)]
    root = tmp_path / "disk"
    with small_disk(root, 3 << 20):
        layout, settings = fill(root, clips, upto="enriched_metadata", decode={"n_shards": N_SHARDS})
        filler = root / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(root).free - 100_000))
        for stage in (_size_filtered, make_lists):
            before = written(root)
            with pytest.raises(NoSpaceError, match=r"the disk is full .*Free some; a later run goes on here"):
                stage(layout, settings)
            assert before.items() <= written(root).items(), "what was there stays as it was"
            filler.unlink()
            _size_filtered(layout, settings)
            filler.write_bytes(bytes(shutil.disk_usage(root).free - 100_000))
        filler.unlink()
        make_lists(layout, settings)
        assert sum(count_rows(layout.shard_list(shard)) for shard in shard_keys(N_SHARDS)) == len(clips)


def _size_filtered(layout, settings):
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)


def tables(layout):
    """Both halves of every stage."""
    paths = [layout.enriched_metadata, layout.size_filtered, *layout.shard_list("x").parent.glob("*-of-*.parquet")]
    found = [path for one in paths for path in {one, dropped_path(one)} if ".dropped.dropped" not in path.name]
    return {path.relative_to(layout.root).as_posix(): pd.read_parquet(path) for path in found}


def _listed(root, clips):
    fill(root, clips, upto="own_clips", decode={"n_shards": N_SHARDS})
    return root, clips
