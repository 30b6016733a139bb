"""A take-down among many clips: row groups without a named clip keep their bytes; all comes out as in a first run."""

import shutil

import pyarrow.parquet as pq
import pytest
from data_roots import Clip, after_listing, fill

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.shard_lists import read_origin
from video_assets.publish.publish import publish
from video_assets.storage import grouping
from video_assets.storage.durable import hash_file
from video_assets.storage.row_group_bytes import hashes_of, is_ours_and_sound
from video_assets.storage.stages import stage_hash
from video_assets.takedown.scrub import tables_of
from video_assets.takedown.take_down import plan_takedown, take_down

SECTIONS = {"decode": {"n_shards": 2}}


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(grouping, "MEAN_ROWS", 16)


def clips_with(*, too_large, bad):
    """Two hundred clips, one of which each stage drops."""
    clips = [Clip(f"{number:04d}.mp4", text=f"clip {number}", content_hash=f"{number:032x}") for number in range(0, 1000, 5)]
    large = {"file_size": 1 << 40}
    broken = {"verdict": "bad", "verdict_reason": "corrupt_video"}
    changes = {too_large: large, bad: broken}
    return [Clip(**{**vars(clip), **changes.get(clip.key, {})}) for clip in clips]


def listed(root, clips):
    fill(root, clips, upto="own_clips", **SECTIONS)
    return after_listing(root, clips, **SECTIONS)


def taken_down(root, keys, tmp_path):
    layout, settings = listed(root, clips_with(too_large=keys[1], bad=keys[2]))
    publish(layout, settings)
    file = tmp_path / "request.txt"
    file.write_text("\n".join(keys))
    before = {path: hashes_of(path) for path in tables_of(layout)}
    take_down(layout, settings, plan_takedown(layout, file))
    return layout, settings, before


def named():
    """A clip with which a row group begins, one that is dropped by its size, one that is dropped by its verdict, and two more."""
    keys = [clip.key for clip in clips_with(too_large="", bad="")]
    border = next(key for key in keys[50:] if grouping.starts_group(key))
    return [border, keys[20], keys[120], keys[0], keys[-1]]


def test_row_groups_without_a_named_clip_keep_their_bytes(tmp_path):
    layout, _, before = taken_down(tmp_path / "root", named(), tmp_path)
    for path, hashes in before.items():
        now = hashes_of(path)
        assert len(set(now) - set(hashes)) <= 5, path
        assert len(set(now) & set(hashes)) >= len(hashes) - 6, path
    assert len(before[layout.enriched_metadata]) > 10
    for shard in shard_keys(2):  # so that the next run goes on from its list
        assert read_origin(layout, shard).shard_lists == stage_hash(layout.shard_list(shard))


def test_the_next_publication_has_the_tables_and_the_product_of_a_first_run_without_the_clips(tmp_path):
    keys = named()
    clips = clips_with(too_large=keys[1], bad=keys[2])
    layout, _, _ = taken_down(tmp_path / "grown", keys, tmp_path)
    first = tmp_path / "first" / layout.takedowns.relative_to(layout.root)
    shutil.copytree(layout.takedowns, first)
    for root in (tmp_path / "grown", tmp_path / "first"):
        publish(*listed(root, clips))
    tables = [path for path in tables_of(layout) if "verdicts" not in path.parts]
    assert len(tables) > 5
    for path in tables:
        assert hash_file(path) == hash_file(tmp_path / "first" / path.relative_to(layout.root)), path
    newest = max((layout.root / "training" / "versions").iterdir())
    other = max((tmp_path / "first" / "training" / "versions").iterdir())
    names = sorted(path.name for path in newest.iterdir() if path.suffix != ".json")
    assert {"training.csv", "training.parquet"} < set(names)
    for name in names:
        assert (newest / name).read_bytes() == (other / name).read_bytes(), name


def test_a_table_of_a_version_before_is_written_whole(tmp_path):
    """Its row groups have no hashes, so it cannot be known that they are sound."""
    keys = named()
    layout, settings = listed(tmp_path / "root", clips_with(too_large=keys[1], bad=keys[2]))
    table = pq.read_table(layout.enriched_metadata)
    metadata = {name: value for name, value in table.schema.metadata.items() if name != b"video_assets.row_groups"}
    pq.write_table(table.replace_schema_metadata(metadata), layout.enriched_metadata, compression="zstd", row_group_size=30)
    file = tmp_path / "request.txt"
    file.write_text("\n".join(keys))
    take_down(layout, settings, plan_takedown(layout, file))
    assert set(keys).isdisjoint(pq.read_table(layout.enriched_metadata)["clip_key"].to_pylist())
    assert not is_ours_and_sound(layout.enriched_metadata, table.schema)
