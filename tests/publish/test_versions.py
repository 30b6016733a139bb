"""Each publication is kept as a whole, says what it changed, shares bytes with its neighbours; rows can keep their places."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data_roots import Clip, fill, fill_once, settings_of

from video_assets.core.errors import UsageError
from video_assets.publish.compare import compare_tables
from video_assets.publish.manifest import problems_in, verify_published
from video_assets.publish.publish import publish
from video_assets.publish.rules.diff import Digest, compare
from video_assets.publish.rules.manifest import changes_json
from video_assets.publish.rules.row_order import growing_order
from video_assets.publish.versions import find_table, read_versions

CLIPS = [Clip(f"{number:02}.mp4", text=f"dog {number}") for number in range(0, 20, 2)]
NEW = [Clip("03.mp4", text="new"), Clip("11.mp4", text="newer")]


def publish_clips(root, clips, **sections):
    return publish(*fill_once(root, clips, **sections))


def paths_of(csv):
    return [path.rpartition("/")[2] for path in pd.read_csv(csv, keep_default_na=False)["path"]]


def test_every_publication_is_a_version_that_says_what_changed(tmp_path):
    publish_clips(tmp_path, CLIPS)
    changed = [replace(CLIPS[1], text="a cat"), *CLIPS[2:], *NEW]
    published = publish_clips(tmp_path, changed)
    assert published.version == 2
    said = json.loads(json.dumps(changes_json(published.changes)))
    assert said == {
        "since": 1,
        "rows_before": 10,
        "rows": 11,
        "added": 2,
        "dropped": 1,
        "changed": 1,
        "changed_columns": {"text": 1},
        "stable_rows": 0,
        "is_order_kept": True,
        "is_append_only": False,
        "first_added": ["/clips/own_clips/03.mp4", "/clips/own_clips/11.mp4"],
        "first_dropped": ["/clips/own_clips/00.mp4"],
        "first_changed": ["/clips/own_clips/02.mp4"],
    }
    manifest = json.loads(published.manifest.read_text())
    assert (manifest["version"], manifest["changes"]) == (2, said)


def test_the_first_version_has_nothing_to_compare_with(tmp_path):
    assert changes_json(publish_clips(tmp_path, CLIPS).changes) == {"since": None}


def test_a_version_shares_its_bytes_with_the_training_folder_and_unchanged_files_with_the_version_before(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    publish(layout, settings)
    broken = Clip("z.mp4", verdict="bad", verdict_reason="truncated")
    publish_clips(tmp_path, [*CLIPS, broken])
    first, second = read_versions(layout)
    assert (first.folder / "training.csv").samefile(layout.training / "training.csv")
    assert (first.folder / "training.csv").samefile(second.folder / "training.csv")
    assert not (first.folder / "dropped.parquet").samefile(second.folder / "dropped.parquet")


def test_only_the_last_versions_are_kept_and_each_of_them_is_whole(tmp_path):
    layout, _ = fill_once(tmp_path, CLIPS)
    for n in range(5):
        publish_clips(tmp_path, CLIPS[n:], training={"keep_versions": 3})
    versions = read_versions(layout)
    assert [version.number for version in versions] == [3, 4, 5]
    assert all(problems_in(version.folder, version.manifest) == [] for version in versions)
    publish(layout, settings_of(tmp_path, training={"keep_versions": 1}))
    assert [version.number for version in read_versions(layout)] == [5]


def test_when_only_the_way_there_changed_there_is_no_new_version(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    publish(layout, settings)
    # Another input of the same clips: the ledger says where they were listed.
    fill(tmp_path, [*CLIPS[::-1]], decode={"n_shards": 5})
    published = publish(layout, settings_of(tmp_path, decode={"n_shards": 5}))
    assert (published.version, published.changes) == (1, None)
    assert json.loads(published.manifest.read_text())["settings"]["decode"]["n_shards"] == 5
    assert [version.number for version in read_versions(layout)] == [1]


def test_a_damaged_version_is_written_again_under_its_number(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    published = publish(layout, settings)
    good = published.csv.read_bytes()
    version = read_versions(layout)[-1]
    (version.folder / "training.csv").write_bytes(good[:-1] + b"x")
    (version.folder / "training.parquet").unlink()
    assert publish(layout, settings) == published
    assert published.csv.read_bytes() == good
    assert problems_in(version.folder, version.manifest) == []
    assert verify_published(layout, settings) == []


def test_versions_with_an_unreadable_manifest_are_not_overwritten(tmp_path):
    layout, _ = fill_once(tmp_path, CLIPS)
    publish_clips(tmp_path, CLIPS)
    read_versions(layout)[-1].manifest_path.write_text("{")
    assert publish_clips(tmp_path, CLIPS).version == 2


def test_files_of_a_product_with_another_name_go(tmp_path):
    layout, _ = fill_once(tmp_path, CLIPS)
    publish_clips(tmp_path, CLIPS)
    publish(layout, settings_of(tmp_path, training={"name": "dogs"}))
    names = sorted(path.name for path in layout.training.iterdir() if path.is_file())
    assert names == ["dogs.csv", "dogs.manifest.json", "dogs.parquet", "dropped.parquet"]


def test_in_a_growing_table_rows_stay_where_they_are_and_new_ones_follow(tmp_path):
    growing = {"training": {"order": "append"}}
    publish_clips(tmp_path, CLIPS, **growing)
    published = publish_clips(tmp_path, [*CLIPS, *NEW], **growing)
    assert paths_of(published.csv) == [*(clip.name for clip in CLIPS), "03.mp4", "11.mp4"]
    assert published.changes.counts.is_append_only
    assert published.changes.counts.stable_rows == 10
    table = pd.read_parquet(published.table)
    pd.testing.assert_frame_equal(table, pd.read_csv(published.csv, keep_default_na=False), check_dtype=False)
    later = publish_clips(tmp_path, [*CLIPS, *NEW, Clip("01.mp4")], **growing)
    assert paths_of(later.csv)[-3:] == ["03.mp4", "11.mp4", "01.mp4"]


def test_a_row_that_must_go_goes_also_from_a_growing_table_which_says_up_to_where_it_is_as_before(tmp_path):
    growing = {"training": {"order": "append"}}
    publish_clips(tmp_path, CLIPS, **growing)
    published = publish_clips(tmp_path, [*CLIPS[:4], *CLIPS[5:], *NEW], **growing)
    assert paths_of(published.csv) == [*(clip.name for clip in (*CLIPS[:4], *CLIPS[5:])), "03.mp4", "11.mp4"]
    counts = published.changes.counts
    assert (counts.stable_rows, counts.is_order_kept, counts.is_append_only) == (4, True, False)


def test_the_same_history_gives_the_same_growing_table_with_relative_paths_and_other_shards_too(tmp_path):
    growing = {"training": {"order": "append", "relative_to": "/clips"}}
    tables = []
    for name, n_shards in (("a", 3), ("b", 7)):
        publish_clips(tmp_path / name, CLIPS, decode={"n_shards": n_shards}, **growing)
        tables.append(publish_clips(tmp_path / name, [*CLIPS, *NEW], decode={"n_shards": n_shards}, **growing).csv.read_bytes())
    assert tables[0] == tables[1]


def test_growing_order_is_the_plain_one_when_nothing_moves():
    assert growing_order(np.array([0, 1, -1, -1]), 2) is None
    assert growing_order(np.array([-1, 0, -1, 1]), 2).tolist() == [1, 3, 0, 2]


def test_a_csv_compares_like_its_parquet_twin(tmp_path):
    odd = Clip("odd.mp4", text='None, "quoted"\r\nlines\rand\n', fps=0.1 + 0.2)
    first = publish_clips(tmp_path / "a", [*CLIPS, odd])
    second = publish_clips(tmp_path / "b", [replace(CLIPS[0], fps=24.0), *CLIPS[2:], odd, *NEW])
    assert not any(len(rows) for rows in (compare_tables(first.csv, first.table).diff.changed))
    by_csv, by_table = compare_tables(first.csv, second.csv), compare_tables(first.table, second.table)
    assert list(by_csv.rows()) == list(by_table.rows())
    assert [(row.change, row.path[-6:]) for row in by_csv.rows()] == [
        ("dropped", "02.mp4"),
        ("added", "03.mp4"),
        ("added", "11.mp4"),
        ("changed", "00.mp4"),
    ]
    assert list(by_csv.rows())[-1].after == {"fps": 24.0}


@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_caption_of_megabytes_compares_like_any_other(tmp_path, at):
    long = [replace(clip, text="many words, " * 300_000) if number == at else clip for number, clip in enumerate(CLIPS)]
    first = publish_clips(tmp_path / "a", long)
    second = publish_clips(tmp_path / "b", [*(clip for clip in long if clip is not long[3]), *NEW])
    by_csv, by_table = compare_tables(first.csv, second.csv), compare_tables(first.table, second.table)
    assert list(by_csv.rows()) == list(by_table.rows())
    assert [(row.change, row.path[-6:]) for row in by_csv.rows()] == [
        ("dropped", "06.mp4"),
        ("added", "03.mp4"),
        ("added", "11.mp4"),
    ]


def test_moved_rows_that_changed_are_told_with_the_right_values(tmp_path):
    rows = pd.DataFrame(
        {
            "path": ["a", "b", "c"],
            "text": ["1", "2", "3"],
            **{name: [1, 2, 3] for name in ("num_frames", "height", "width", "resolution", "file_size")},
            **{name: [1.0, 2.0, 3.0] for name in ("aspect_ratio", "fps")},
        }
    )
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    rows.to_parquet(before)
    rows.assign(text=["x", "2", "z"])[::-1].to_parquet(after)
    compared = compare_tables(before, after)
    assert [(row.path, row.before, row.after) for row in compared.rows()] == [
        ("c", {"text": "3"}, {"text": "z"}),
        ("a", {"text": "1"}, {"text": "x"}),
    ]
    assert not compared.diff.is_order_kept


@pytest.mark.parametrize("content", [b"", b"no,table\n1,2\n", b"PAR1"])
def test_what_is_no_training_table_is_refused_by_name(tmp_path, content):
    for name in ("x.csv", "x.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UsageError, match=name):
            compare_tables(path, path)


def test_a_path_twice_is_no_training_table():
    digest = Digest(paths=np.array([1, 1], dtype=np.uint64), columns={})
    with pytest.raises(ValueError, match="twice"):
        compare(digest, digest)


def test_versions_are_found_by_word_number_or_path(tmp_path):
    layout, _ = fill_once(tmp_path, CLIPS)
    with pytest.raises(UsageError, match="no version"):
        find_table(layout, "latest")
    for n in range(2):
        published = publish_clips(tmp_path, CLIPS[n:])
    first, second = (version.table for version in read_versions(layout))
    assert [find_table(layout, text) for text in ("latest", "previous", "1", "000002")] == [second, first, first, second]
    assert find_table(layout, str(published.csv)) == published.csv
    with pytest.raises(UsageError, match="versions 1 to 2"):
        find_table(layout, "9")


def test_without_hard_links_versions_are_copies(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    # What some network and FUSE file systems answer.
    monkeypatch.setattr("os.link", refuse)
    layout, settings = fill(tmp_path, CLIPS)
    published = publish(layout, settings)
    stamps = {path: path.stat().st_mtime_ns for path in layout.training.glob("*.*")}
    assert publish(layout, settings) == published
    assert {path: path.stat().st_mtime_ns for path in layout.training.glob("*.*")} == stamps
    assert verify_published(layout, settings) == []


def test_a_data_root_from_before_there_were_versions_gets_its_first(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    published = publish(layout, settings)
    before = published.csv.read_bytes()
    shutil.rmtree(layout.versions)
    assert publish(layout, settings).version == 1
    assert published.csv.read_bytes() == before
