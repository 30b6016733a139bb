"""A version takes over what it shares with the last one as bytes, and is what a first publication of the same clips gives."""

from dataclasses import replace
from itertools import count, islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_roots import Clip, fill

from video_assets.core.schema import TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.publish.compare import compare_tables
from video_assets.publish.product_files import ProductFiles
from video_assets.publish.publish import publish
from video_assets.publish.segments import KnownSegments, known_segments
from video_assets.publish.versions import read_versions
from video_assets.storage.grouping import starts_group

_NAMES = (f"{number:06}.mp4" for number in count())
BORDERS = list(islice((name for name in _NAMES if starts_group(f"own_clips/{name}")), 4))
CLIPS = [
    Clip(name.replace(".mp4", tail), text=f'a "dog"\nin {name}{tail}') for name in BORDERS for tail in (".mp4", "a.mp4", "b.mp4")
]
NEW = Clip(BORDERS[1].replace(".mp4", "c.mp4"), text="a new one")


def product_of(root, clips, **sections):
    published = publish(*fill(root, clips, **sections))
    return {path.name: path.read_bytes() for path in (published.csv, published.table)}


@pytest.mark.parametrize("order", ["key", "append"])
def test_whatever_changes_the_files_have_the_bytes_of_a_first_publication(tmp_path, order):
    training = {"order": order, "duplicates": "keep"}
    product_of(tmp_path / "grown", CLIPS, training=training)
    changed = [*CLIPS[1:-1], replace(CLIPS[-1], text="another caption")]
    for clips in (changed, [*changed, NEW] if order == "key" else [*changed, replace(NEW, name="x.mp4")]):
        grown = product_of(tmp_path / "grown", clips, training=training)
    assert grown == product_of(tmp_path / "first", clips, training=training)


@pytest.fixture
def read_again(monkeypatch):
    """Row groups of shards that are read with their captions."""
    groups, read = [], pq.ParquetFile.read_row_group

    def recorded(file, group, columns=None, **options):
        if "text" in (columns or ["text"]):
            groups.append(group)
        return read(file, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", recorded)
    return groups


ONE_SHARD = {"decode": {"n_shards": 1}, "training": {"duplicates": "keep"}}


def test_of_a_shard_only_the_row_groups_that_changed_are_read_again(tmp_path, read_again):
    product_of(tmp_path / "grown", CLIPS, **ONE_SHARD)
    layout, settings = fill(tmp_path / "grown", [*CLIPS[:-1], replace(CLIPS[-1], text="another caption")], **ONE_SHARD)
    read_again.clear()
    publish(layout, settings)
    assert read_again == [len(BORDERS) - 1]


def test_a_clip_that_is_left_out_by_hand_costs_its_piece(tmp_path, read_again):
    product_of(tmp_path / "grown", CLIPS, **ONE_SHARD)
    layout, settings = fill(tmp_path / "grown", CLIPS, **ONE_SHARD)
    layout.exclusions.write_text(f"clip_key,detail\n{CLIPS[4].key},a watermark\n")
    read_again.clear()
    published = publish(layout, settings)
    assert read_again == [1]
    assert CLIPS[4].path not in published.csv.read_text()


@pytest.mark.parametrize("memory", [None, "", "{}", '{"table": "x", "pieces": []}'])
def test_what_pieces_were_made_from_may_be_lost(tmp_path, memory):
    product_of(tmp_path / "grown", CLIPS, **ONE_SHARD)
    changed = [*CLIPS[1:-1], replace(CLIPS[-1], text="another caption")]
    layout, settings = fill(tmp_path / "grown", changed, **ONE_SHARD)
    if memory is None:
        layout.training_pieces.unlink()
    else:
        layout.training_pieces.write_text(memory)
    published = publish(layout, settings)
    grown = {path.name: path.read_bytes() for path in (published.csv, published.table)}
    assert grown == product_of(tmp_path / "first", changed, **ONE_SHARD)


def test_the_tables_per_source_take_over_their_lines_too(tmp_path, read_again):
    clips = [replace(clip, source="openvid", partition="part_0") if number % 2 else clip for number, clip in enumerate(CLIPS)]
    sections = {**ONE_SHARD, "openvid": {"is_enabled": True}}
    changed = [replace(clips[0], text="another caption"), *clips[1:]]
    layout, settings = fill(tmp_path / "grown", clips, **sections)
    publish(layout, settings)
    fill(tmp_path / "grown", changed, **sections)
    read_again.clear()
    grown = publish(layout, settings)
    assert len(read_again) < pq.read_metadata(layout.checked(shard_keys(1)[0])).num_row_groups
    first = publish(*fill(tmp_path / "first", changed, **sections))
    assert grown.per_source.keys() == first.per_source.keys() == {"own_clips", "openvid"}
    for source, path in grown.per_source.items():
        assert path.read_bytes() == first.per_source[source].read_bytes()
    assert grown.csv.read_bytes() == first.csv.read_bytes()


def test_the_manifest_counts_what_changed_although_most_captions_were_not_read_again(tmp_path):
    training = {"duplicates": "keep"}
    product_of(tmp_path, CLIPS, training=training)
    layout, settings = fill(tmp_path, [*CLIPS[1:-1], replace(CLIPS[-1], text="another caption"), NEW], training=training)
    publish(layout, settings)
    counts = read_versions(layout)[-1].manifest.changes.counts
    assert (counts.added, counts.dropped, counts.changed, counts.changed_columns) == (1, 1, 1, {"text": 1})


def test_row_groups_that_both_have_change_nothing_about_what_a_comparison_says(tmp_path):
    changed = [*CLIPS[1:-1], replace(CLIPS[-1], text="another caption"), NEW]
    versions = [publish(*fill(tmp_path / name, clips)) for name, clips in (("a", CLIPS), ("b", changed), ("c", CLIPS[:-1]))]
    for before in versions:
        for after in versions:
            by_csv, by_table = compare_tables(before.csv, after.csv), compare_tables(before.table, after.table)
            assert list(by_csv.rows()) == list(by_table.rows())
            assert by_csv.diff.counts == by_table.diff.counts


def segment(first, caption="a dog"):
    texts = [f"{caption} in {number}" for number in range(first, first + 50)]
    values = {
        "path": [f"/clips/{number}.mp4" for number in range(first, first + 50)],
        "text": texts,
        "aspect_ratio": [0.5625] * 50,
    }
    numbers = {name: [1] * 50 for name in TRAINING.names if name not in values}
    return pa.table({**values, **numbers}).select(TRAINING.names).cast(TRAINING.arrow)


def write(folder, segments, known=None):
    folder.mkdir()
    with ProductFiles(folder, "training", sources={}, known=known) as files:
        for rows in segments:
            files.write(rows, pa.chunked_array([["own_clips"] * len(rows)]))
    assert files.facts["training.csv"].rows == files.facts["training.parquet"].rows == sum(map(len, segments))
    return folder / "training.csv", folder / "training.parquet"


def test_segments_with_the_same_rows_are_copied(tmp_path):
    csv, table = write(tmp_path / "last", [segment(0), segment(100), segment(200)])
    csv.write_bytes(csv.read_bytes().replace(b"a dog in 101", b"a cat in 101"))  # shows whose bytes are taken
    with known_segments(csv, table) as known:
        again, _ = write(tmp_path / "next", [segment(50), segment(100), segment(200, "a horse")], known)
    lines = again.read_text().splitlines()
    assert [line.split(",")[1] for line in (lines[2], lines[52], lines[102])] == ["a dog in 51", "a cat in 101", "a horse in 201"]
    assert pq.read_table(tmp_path / "next" / "training.parquet").column("text")[51].as_py() == "a dog in 101"


def lengthened(csv):
    csv.write_bytes(csv.read_bytes() + b"\n")


def rewritten(csv):
    table = csv.with_suffix(".parquet")
    pq.write_table(pq.read_table(table).slice(0, 40), table)


def flipped(csv):
    table = csv.with_suffix(".parquet")
    content = bytearray(table.read_bytes())
    content[40] ^= 1
    table.write_bytes(content)


@pytest.mark.parametrize("damage", [lengthened, rewritten, flipped])
def test_nothing_is_taken_over_from_files_that_do_not_fit(tmp_path, damage):
    segments = [segment(0), segment(100)]
    fresh = write(tmp_path / "fresh", segments)
    csv, table = write(tmp_path / "last", segments)
    damage(csv)
    with known_segments(csv, table) as known:
        written = write(tmp_path / "next", segments, known)
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in fresh]


def test_rows_have_one_fingerprint_however_they_lie_in_memory(tmp_path):
    whole = segment(0)
    parts = pa.concat_tables([segment(-50), whole.slice(0, 20), whole.slice(20), segment(100)]).slice(50, 50)
    csv, table = write(tmp_path / "one", [whole])
    assert [csv.read_bytes(), table.read_bytes()] == [
        path.read_bytes() for path in write(tmp_path / "other", [parts], KnownSegments())
    ]
