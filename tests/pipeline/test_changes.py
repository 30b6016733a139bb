"""Clips that come, go and change among many: the same tables as if all of them were new, of which little is written."""

import random
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from data_roots import Clip, after_listing, fill

from video_assets.core.schema import CLIPS
from video_assets.publish.publish import publish
from video_assets.storage import grouping
from video_assets.storage.row_group_bytes import hashes_of
from video_assets.storage.stages import read_stage, write_stage

SECTIONS = {"decode": {"n_shards": 2}}


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(grouping, "MEAN_ROWS", 16)


def clip(number, **options):
    return Clip(f"{number:04d}.mp4", text=f"clip {number}", content_hash=f"{number:032x}", **options)


def written(root):
    """Bytes of every table that is made from others, but verdicts, which say how long they took."""
    paths = (path for path in root.rglob("*.parquet") if "verdicts" not in path.parts and "training" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def product(root):
    """Bytes of the last version, its number and what it says of the one before left out."""
    folder = max((root / "training" / "versions").iterdir())
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}
    manifest = pq.read_table(folder / "training.parquet").schema
    return found, manifest


def run(root, clips):
    """All stages on what is listed now."""
    fill(root, clips, upto="own_clips", **SECTIONS)
    layout, settings = after_listing(root, clips, **SECTIONS)
    publish(layout, settings)
    return layout


def changed(clips, chance):
    """Clips gone and new; one with another caption, one replaced, one away, one without caption, one too large, one bad."""
    clips = dict(clips)
    for number in chance.sample(sorted(clips), 2):
        del clips[number]
    clips |= {number: clip(number) for number in chance.sample(range(1000), 2)}
    some = chance.sample(sorted(clips), 6)
    clips[some[0]] = replace(clips[some[0]], text=f"told anew {chance.random()}")
    clips[some[1]] = replace(clips[some[1]], mtime_ns=clips[some[1]].mtime_ns + 1)
    clips[some[2]] = replace(clips[some[2]], status="failed", reason="missing_file")
    clips[some[3]] = replace(clips[some[3]], text=" ")
    clips[some[4]] = replace(clips[some[4]], file_size=1 << 40)
    clips[some[5]] = replace(clips[some[5]], verdict="bad", verdict_reason="corrupt_video", mtime_ns=5)
    return clips


def test_clips_that_come_go_and_change_give_the_tables_of_a_first_run(tmp_path):
    chance = random.Random(5)
    clips = {number: clip(number) for number in range(0, 1000, 20)}
    run(tmp_path / "grown", list(clips.values()))
    for step in range(2):
        clips = changed(clips, chance)
        listed = [clips[number] for number in sorted(clips)]
        run(tmp_path / "grown", listed)
        run(tmp_path / f"first-{step}", listed)
        assert written(tmp_path / "grown") == written(tmp_path / f"first-{step}")
        assert product(tmp_path / "grown") == product(tmp_path / f"first-{step}")


@pytest.mark.parametrize("n_large", [0, 1, 7, 199])
def test_a_first_filter_has_the_bytes_of_a_table_that_is_written_whole(tmp_path, n_large):
    large = {number * 5 for number in random.Random(n_large).sample(range(200), n_large)}
    clips = [clip(number, **({"file_size": 1 << 40} if number in large else {})) for number in range(0, 1000, 5)]
    layout, _ = fill(tmp_path, clips, upto="size_filtered", **SECTIONS)
    stage = read_stage(layout.size_filtered, CLIPS)
    assert (len(stage.kept), len(stage.dropped)) == (200 - n_large, n_large)
    whole = tmp_path / "whole.parquet"
    write_stage(whole, CLIPS, kept=stage.kept, dropped=stage.dropped, note=stage.note)
    assert layout.size_filtered.read_bytes() == whole.read_bytes()


def test_a_new_clip_touches_two_row_groups_of_a_table_at_most(tmp_path):
    clips = [clip(number) for number in range(0, 1000, 5)]
    layout = run(tmp_path, clips)
    tables = [layout.enriched_metadata, layout.size_filtered]
    before = [hashes_of(path) for path in tables]
    run(tmp_path, sorted([*clips, clip(503)], key=lambda each: each.key))
    for path, known in zip(tables, before, strict=True):
        assert len(known) > 5
        assert len(set(hashes_of(path)) - set(known)) <= 2, path


def test_tables_of_a_version_before_are_taken_over_and_come_out_as_those_of_a_first_run(tmp_path):
    """Row groups of equal numbers of rows, no tokens: everything is made anew, nothing is measured or decoded again."""
    clips = [clip(number) for number in range(0, 500, 5)]
    layout = run(tmp_path / "old", clips)
    for path in (layout.ledger("own_clips"), layout.enriched_metadata, layout.size_filtered):
        table = pq.read_table(path)
        metadata = {name: value for name, value in table.schema.metadata.items() if name != b"video_assets.row_groups"}
        pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd", row_group_size=30)
    clips = sorted([*clips, clip(123)], key=lambda each: each.key)
    fill(tmp_path / "old", clips, upto="own_clips", **SECTIONS)
    layout, settings = after_listing(tmp_path / "old", [clip(123)], **SECTIONS)
    publish(layout, settings)
    run(tmp_path / "first", clips)
    assert written(tmp_path / "old") == written(tmp_path / "first")
    assert product(tmp_path / "old") == product(tmp_path / "first")
