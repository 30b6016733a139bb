"""A take-down among many clips: row groups without a named clip keep their bytes; all comes out as in a first run."""

import csv
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_roots import Clip, after_listing, fill

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.shard_lists import read_origin
from video_assets.publish.manifest import problems_in, read_manifest
from video_assets.publish.publish import publish
from video_assets.publish.segments import segments_of
from video_assets.sources.miradata.rules.rows import MIRA_ROWS
from video_assets.storage import grouping
from video_assets.storage.durable import hash_file
from video_assets.storage.row_group_bytes import hashes_of, is_ours_and_sound
from video_assets.storage.stages import stage_hash
from video_assets.takedown.scrub import tables_of
from video_assets.takedown.take_down import plan_takedown, redact_versions, take_down
from video_assets.tombstones.matching import REASONS

SECTIONS = {"decode": {"n_shards": 2}}
DENSE = '{"dense": "more words"}'


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


def published(tmp_path):
    keys = named()
    (tmp_path / "request.txt").write_text("\n".join(keys))
    layout, settings = listed(tmp_path / "root", clips_with(too_large=keys[1], bad=keys[2]))
    publish(layout, settings)
    return layout, settings


def taken_down(root, keys, tmp_path):
    layout, settings = listed(root, clips_with(too_large=keys[1], bad=keys[2]))
    publish(layout, settings)
    file = tmp_path / "request.txt"
    file.write_text("\n".join(keys))
    before = {path: (hashes_of(path), pq.read_table(path).to_pylist()) for path in tables_of(layout)}
    take_down(layout, settings, plan_takedown(layout, file))
    return layout, settings, before


def named():
    """A clip with which a row group begins, one that is dropped by its size, one that is dropped by its verdict, and two more."""
    keys = [clip.key for clip in clips_with(too_large="", bad="")]
    border = next(key for key in keys[50:] if grouping.starts_group(key))
    return [border, keys[20], keys[120], keys[0], keys[-1]]


def without(rows, keys):
    """The rows that a table has after the take-down; a ledger keeps the key."""
    if not rows or not {"status", "origin"} <= set(rows[0]):
        return [row for row in rows if row["clip_key"] not in keys]
    words = {
        "text": "",
        "extras": "{}",
        "origin": "",
        "status": "failed",
        "reason": "taken_down",
        "detail": REASONS["taken_down"],
    }
    return [row | (words if row["clip_key"] in keys else {}) for row in rows]


def test_row_groups_without_a_named_clip_keep_their_bytes_and_other_rows_are_as_they_were(tmp_path):
    layout, _, before = taken_down(tmp_path / "root", named(), tmp_path)
    n_touched = 2 * len(named())  # each clip's own, and the one before, into which its rows may go
    for path, (hashes, rows) in before.items():
        now = hashes_of(path)
        assert len(set(now) - set(hashes)) <= n_touched, path
        assert pq.read_table(path).to_pylist() == without(rows, named()), path
    hashes, _ = before[layout.enriched_metadata]
    assert len(set(hashes) & set(hashes_of(layout.enriched_metadata))) > 5
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
    rows = table.to_pylist()
    take_down(layout, settings, plan_takedown(layout, file))
    assert pq.read_table(layout.enriched_metadata).to_pylist() == without(rows, keys)
    assert not is_ours_and_sound(layout.enriched_metadata, table.schema)


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def redacted(layout, settings, tmp_path):
    """The CSV of the first version before and after its rows are gone; all other lines must be as they were."""
    folder = min((layout.root / "training" / "versions").iterdir())
    before = (folder / "training.csv").read_bytes().splitlines(keepends=True)
    planned = plan_takedown(layout, tmp_path / "request.txt")
    redact_versions(layout, settings, planned, take_down(layout, settings, planned))
    gone = [f"/{key.partition('/')[2]},".encode() for key in named()]
    kept = [line for line in before if not any(name in line for name in gone)]
    assert len(before) - len(kept) == 3  # two were dropped before
    assert (folder / "training.csv").read_bytes().splitlines(keepends=True) == kept
    return folder


def test_a_version_loses_the_rows_and_other_row_groups_keep_their_bytes(tmp_path):
    layout, settings = published(tmp_path)
    twin = layout.root / "training" / "versions" / "000001" / "training.parquet"
    before = hashes_of(twin)
    folder = redacted(layout, settings, tmp_path)
    assert len(set(hashes_of(twin)) & set(before)) >= len(before) - 3 > 5
    assert segments_of(pq.read_metadata(twin)) == []  # nothing is taken over from it
    assert problems_in(folder, read_manifest(folder / "training.manifest.json")) == []
    assert pq.read_table(twin)["path"].to_pylist() == [row["path"] for row in read_rows(folder / "training.csv")]


@pytest.mark.parametrize("name", ["training.csv", "training.parquet"])
def test_a_version_that_is_not_as_it_was_published_is_read_row_by_row(tmp_path, name):
    """The twin cannot say which lines of the CSV are whose."""
    layout, settings = published(tmp_path)
    path = layout.root / "training" / "versions" / "000001" / name
    if name == "training.csv":
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    else:
        pq.write_table(pq.read_table(path), path)
    redacted(layout, settings, tmp_path)


def test_the_rows_of_a_listing_stay_without_the_words(tmp_path):
    """What MiraData offers is kept as a table for each revision, with all captions of each row."""
    named = [Clip(f"{name}.mp4", source="miradata", partition="b0", text=f"words {name}", extras=DENSE) for name in "abc"]
    layout, settings = fill(tmp_path / "root", [Clip("own.mp4"), *named], miradata={"is_enabled": True}, **SECTIONS)
    blank = {"batch": "b0", "former_key": "", "url": "https://x/y", "video_id": "", "reason": "", "detail": "", "line": 1}
    offered = [blank | {"clip_key": clip.key, "file_name": clip.name, "text": clip.text, "extras": clip.extras} for clip in named]
    listing = layout.listing("miradata", "r1").with_suffix(".parquet")
    listing.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(offered, schema=MIRA_ROWS.arrow), listing, compression="zstd", row_group_size=2)
    before = pq.read_table(listing).to_pylist()
    file = tmp_path / "request.txt"
    file.write_text(named[1].key)
    first = take_down(layout, settings, plan_takedown(layout, file))
    assert first.tables["listings/miradata/r1.parquet"] == 1
    words = {"text": "", "extras": "{}"}
    assert pq.read_table(listing).to_pylist() == [before[0], before[1] | words, before[2]]
    assert take_down(layout, settings, plan_takedown(layout, file)).tables == {}


def test_captions_of_megabytes_stay_and_go_like_any_other(tmp_path):
    words = {"a.mp4": "a" * 3_000_000, "b.mp4": "dog", "c.mp4": "many words, " * 300_000, "d.mp4": "dog"}
    layout, settings = listed(tmp_path / "root", [Clip(name, text=text) for name, text in words.items()])
    csv.field_size_limit(1 << 23)
    publish(layout, settings)
    folder = layout.root / "training" / "versions" / "000001"
    kept = dict(words)
    # At first the twin says which lines are whose; then it is not what was published, and the CSV is read as a whole.
    for name in ("b.mp4", "c.mp4"):
        del kept[name]
        (tmp_path / "request.txt").write_text(name)
        planned = plan_takedown(layout, tmp_path / "request.txt")
        report = redact_versions(layout, settings, planned, take_down(layout, settings, planned))
        assert report.versions == {"1": 1}
        assert [row["text"] for row in read_rows(folder / "training.csv")] == list(kept.values())
        assert problems_in(folder, read_manifest(folder / "training.manifest.json")) == []
