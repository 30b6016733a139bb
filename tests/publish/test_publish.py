"""Made from complete, current shards or not at all; same input, same bytes; killed anywhere, it is whole or known to be torn."""

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
from data_roots import Clip, check, fill, fill_once, make_lists, settings_of
from disks import small_disk

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.core.schema import CHECKED, DROPPED, TRAINING
from video_assets.core.sharding import shard_of
from video_assets.pipeline.currency import IncompleteInputError
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import LogProgress
from video_assets.publish.manifest import problems_in, read_published, verify_published
from video_assets.publish.publish import NothingKeptError, publish
from video_assets.publish.versions import read_versions
from video_assets.publish.which_rows import TwoKeysError
from video_assets.storage.stages import StageError, dropped_path, read_stage, write_stage
from video_assets.storage.tables import read_table, write_table

GOOD = [Clip(f"{number:02}.mp4", text=f"a dog, number {number}") for number in range(12)]
DROPS = [
    Clip("missing.mp4", status="failed", reason="missing_file", detail="not there"),
    Clip("no caption.mp4", text=" \n"),
    Clip("large.mp4", file_size=60 << 20),
    Clip("cut.mp4", verdict="bad", verdict_reason="truncated", errors="[mov] partial file"),
    Clip("twin.mp4", content_hash="bytes of own_clips/00.mp4"),
]
ALL = [*GOOD, *DROPS]
OTHER_KEYS = [f"a{number:02}" for number in range(50)]


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_exactly_the_nine_columns_and_the_kept_clips_in_the_order_of_their_keys(tmp_path):
    told = []
    published = publish(*fill_once(tmp_path, ALL[::-1]), progress=LogProgress(told.append, interval_s=0.0))
    assert [told[0], told[-1].partition(",")[0]] == [
        "write the training CSV: 12 rows",
        "write the training CSV: 12 of 12 rows (100%)",
    ]
    rows = rows_of(published.csv)
    assert list(rows[0]) == ["path", "text", "num_frames", "height", "width", "aspect_ratio", "fps", "resolution", "file_size"]
    assert [row["path"] for row in rows] == [clip.path for clip in GOOD]
    assert [row["text"] for row in rows] == [clip.text for clip in GOOD]
    # The probe had said 91.
    assert set(rows[0].values()) >= {"90", "720", "1280", "0.5625", repr(30000 / 1001), "921600", "1000"}


def test_the_parquet_twin_has_the_same_rows(tmp_path):
    published = publish(*fill_once(tmp_path, ALL))
    table = read_table(published.table, TRAINING).rows
    text = pd.read_csv(published.csv, keep_default_na=False)
    assert table.to_dict("list") == text.to_dict("list")


def test_every_listed_clip_is_in_the_csv_or_dropped_with_stage_and_reason(tmp_path):
    published = publish(*fill_once(tmp_path, ALL))
    dropped = read_table(published.dropped_table, DROPPED).rows
    assert dropped[["clip_key", "stage", "reason"]].to_numpy().tolist() == [
        ["own_clips/cut.mp4", "decode_check", "truncated"],
        ["own_clips/large.mp4", "size_filtered", "file_too_large"],
        ["own_clips/missing.mp4", "own_clips", "missing_file"],
        ["own_clips/no caption.mp4", "enriched_metadata", "empty_caption"],
        ["own_clips/twin.mp4", "training_csv", "duplicate_content"],
    ]
    assert dropped["detail"][0] == "[mov] partial file"
    assert dropped["detail"][4] == "same bytes as own_clips/00.mp4"
    assert (published.n_listed, published.n_kept) == (17, 12)
    assert published.sources == {"own_clips": {"listed": 17, "kept": 12, "dropped": 5}}


def test_the_manifest_vouches_for_the_files_and_names_what_they_were_made_from(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    published = publish(layout, settings)
    manifest = json.loads(published.manifest.read_text())
    for name, facts in manifest["files"].items():
        data = (layout.training / name).read_bytes()
        assert (facts["bytes"], facts["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest["files"]["training.csv"]["rows"] == manifest["rows"] == 12
    assert published.csv_hash == manifest["files"]["training.csv"]["sha256"]
    assert list(manifest["inputs"]["shard_lists"]) == ["00000-of-00002", "00001-of-00002"]
    assert set(manifest["versions"]) == {"video_assets", "pandas", "pyarrow"}
    assert manifest["decoded_by"]["ffmpeg"] == ["libavcodec 62.0.0"]
    assert manifest["counts"]["dropped"]["decode_check"] == {"truncated": 1}


def test_the_same_clips_in_another_place_and_order_give_the_same_bytes(tmp_path):
    first = publish(*fill(tmp_path / "a", ALL))
    second = publish(*fill(tmp_path / "b", random.Random(1).sample(ALL, len(ALL))))
    ours, theirs = files_in(first.csv.parent), files_in(second.csv.parent)
    assert {name: data for name, data in ours.items() if not name.endswith(".json")} == {
        name: data for name, data in theirs.items() if not name.endswith(".json")
    }


def test_another_number_of_shards_gives_the_same_csv(tmp_path):
    first = publish(*fill(tmp_path / "a", ALL))
    second = publish(*fill(tmp_path / "b", ALL, decode={"n_shards": 7}))
    assert first.csv.read_bytes() == second.csv.read_bytes()


def test_with_nothing_new_nothing_is_written(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    first = publish(layout, settings)
    stamps = {path: path.stat().st_mtime_ns for path in layout.training.iterdir()}
    assert publish(layout, settings) == first
    assert {path: path.stat().st_mtime_ns for path in layout.training.iterdir()} == stamps


def test_an_edited_or_missing_file_is_noticed_and_written_again(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    published = publish(layout, settings)
    before = files_in(layout.training)
    assert verify_published(layout, settings) == []
    published.csv.write_bytes(published.csv.read_bytes() + b"x")
    published.table.unlink()
    problems = verify_published(layout, settings)
    assert len(problems) == 2
    assert "training.csv is not the file that the manifest names" in problems[0]
    assert "training.parquet is missing" in problems[1]
    publish(layout, settings)
    assert files_in(layout.training) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", None])
def test_without_a_readable_manifest_nothing_is_published(tmp_path, text):
    layout, settings = fill_once(tmp_path, ALL)
    published = publish(layout, settings)
    published.manifest.unlink() if text is None else published.manifest.write_text(text)
    assert "materialize training_csv" in verify_published(layout, settings)[0]
    with pytest.raises(StageError, match="materialize training_csv"):
        read_published(layout, settings)
    assert publish(layout, settings) == published


TWO_SOURCES = [*ALL, Clip("z.mp4", source="openvid", partition="openvid_part000")]


def test_several_sources_have_a_csv_each_and_old_ones_go(tmp_path):
    layout, settings = fill_once(tmp_path, TWO_SOURCES, openvid={"is_enabled": True})
    published = publish(layout, settings)
    assert published.csv.name == "own_clips-OpenVid1M.csv"
    assert published.per_source["openvid"].name == "OpenVid1M.csv"
    assert [row["path"] for row in rows_of(published.per_source["openvid"])] == ["/clips/openvid/z.mp4"]
    assert len(rows_of(published.per_source["own_clips"])) == 12
    assert published.n_kept == 13
    one = settings_of(tmp_path, openvid={"is_enabled": True}, training={"is_per_source": False})
    assert publish(layout, one).per_source == {}
    names = ["csv", "manifest.json", "parquet"]
    assert sorted(files_in(layout.training)) == ["dropped.parquet", *(f"own_clips-OpenVid1M.{name}" for name in names)]


@pytest.mark.parametrize("openvid", [{"is_enabled": False}, {"is_enabled": True, "family": "hd"}])
def test_a_source_that_was_switched_off_or_on_makes_the_table_stale(tmp_path, openvid):
    layout, _ = fill_once(tmp_path, TWO_SOURCES, openvid={"is_enabled": True})
    with pytest.raises(IncompleteInputError, match=r"another listing of openvid/openvid_part000: materialize enriched_metadata"):
        publish(layout, settings_of(tmp_path, openvid=openvid))


def test_an_archive_that_came_since_makes_the_table_stale(tmp_path):
    layout, settings = fill_once(tmp_path, TWO_SOURCES, openvid={"is_enabled": True})
    first = layout.partition_ledger("openvid", "openvid_part000")
    shutil.copy(first, layout.partition_ledger("openvid", "openvid_part001"))
    with pytest.raises(IncompleteInputError, match=r"another listing of openvid/openvid_part001"):
        publish(layout, settings)


def test_duplicates_can_be_kept(tmp_path):
    published = publish(*fill_once(tmp_path, ALL, training={"duplicates": "keep"}))
    assert (published.n_kept, "training_csv" in published.dropped) == (13, False)


def test_tolerated_reasons_keep_a_clip_with_what_was_decoded(tmp_path):
    published = publish(*fill_once(tmp_path, ALL, decode={"tolerated_reasons": ("truncated",)}))
    assert published.n_kept == 13


def test_paths_can_be_relative(tmp_path):
    published = publish(*fill_once(tmp_path, GOOD, training={"relative_to": "/clips"}))
    assert rows_of(published.csv)[0]["path"] == "own_clips/00.mp4"


def test_a_clip_outside_the_folder_of_relative_paths_is_an_error_and_nothing_is_written(tmp_path):
    layout, settings = fill_once(tmp_path, GOOD, training={"relative_to": "/elsewhere"})
    with pytest.raises(ValueError, match=r"'own_clips/00.mp4' .*not below training.relative_to"):
        publish(layout, settings)
    assert files_in(layout.training) == {}


def test_missing_shards_are_named_with_what_to_click_or_type(tmp_path):
    layout, settings = fill_once(tmp_path, ALL, decode={"n_shards": 3})
    layout.checked("00001-of-00003").unlink()
    dropped_path(layout.checked("00002-of-00003")).unlink()
    with pytest.raises(IncompleteInputError) as refused:
        publish(layout, settings)
    assert str(refused.value) == (
        "training_csv needs every shard: 2 of 3 shards have no decode check (00001-of-00003, 00002-of-00003). "
        "decode_check > Materialize… > Failed and missing, or type: video-assets run"
    )


def test_of_many_missing_shards_ten_are_named(tmp_path):
    layout, settings = fill(tmp_path, ALL, upto="shard_lists", decode={"n_shards": 24})
    with pytest.raises(IncompleteInputError, match=r"24 of 24 shards .*00009-of-00024 and 14 more\)"):
        publish(layout, settings)


def test_a_new_listing_makes_everything_after_it_stale_step_by_step(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    new = [*ALL, Clip("new.mp4")]
    fill(tmp_path, new, upto="own_clips")
    with pytest.raises(IncompleteInputError, match="enriched_metadata was made from another listing of own_clips"):
        publish(layout, settings)
    fill(tmp_path, new, upto="enriched_metadata")
    with pytest.raises(IncompleteInputError, match="size_filtered was made from another enriched_metadata"):
        publish(layout, settings)
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    with pytest.raises(IncompleteInputError, match="2 of 2 shards have a list that was made from another size_filtered"):
        publish(layout, settings)
    make_lists(layout, settings)
    changed = shard_of("own_clips/new.mp4", n_shards=2)
    with pytest.raises(IncompleteInputError, match=rf"1 of 2 shards were checked from another shard list \({changed}\)"):
        publish(layout, settings)
    check(layout, settings, new, [changed])
    assert publish(layout, settings).n_kept == 13


def test_other_settings_make_the_stages_that_they_concern_stale(tmp_path):
    layout, _ = fill_once(tmp_path, ALL)
    with pytest.raises(IncompleteInputError, match=r"2 of 2 shards were checked with other settings \(decode.max_duration_s\)"):
        publish(layout, settings_of(tmp_path, decode={"max_duration_s": 9.0}))
    with pytest.raises(IncompleteInputError, match=r"limit of 52,428,800 bytes, the settings now say 1,048,576"):
        publish(layout, settings_of(tmp_path, filter={"max_file_size_mib": 1.0}))


def test_verdicts_by_other_rules_are_refused(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    path = layout.checked("00000-of-00002")
    stage = read_stage(path, CHECKED)
    note = replace(stage.note, versions={"checker": "of old"})
    write_stage(path, CHECKED, kept=stage.kept, dropped=stage.dropped, note=note)
    with pytest.raises(IncompleteInputError, match="1 of 2 shards were checked by rules of another version"):
        publish(layout, settings)


def tamper(layout, change):
    """Rewrite the first shard's result as a faulty program might."""
    path = layout.checked("00000-of-00002")
    stage = read_stage(path, CHECKED)
    kept, dropped = change(stage.kept, stage.dropped)
    write_stage(path, CHECKED, kept=kept, dropped=dropped, note=stage.note)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda kept, dropped: (kept[1:], dropped), "1 clips are listed, but neither kept nor dropped"),
        (lambda kept, dropped: (kept, pd.concat([dropped, dropped])), "clips are kept or dropped more than once"),
        (lambda kept, dropped: (pd.concat([kept, kept[-1:]]), dropped), "1 clip keys occur more than once"),
        (lambda kept, dropped: (kept[::-1], dropped), "not in the order of their clip keys"),
        (lambda kept, dropped: (kept.assign(verdict="crashed"), dropped), r"is crashed \(\) but not dropped"),
        (
            lambda kept, dropped: (kept.assign(path="/same.mp4", content_hash=None), dropped),
            r"1 file listed as more than one clip, first '/same.mp4': own_clips/.* and own_clips/",
        ),
        (lambda kept, dropped: (kept.assign(clip_key=OTHER_KEYS[: len(kept)]), dropped), "neither kept nor dropped"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path, change, complaint):
    layout, settings = fill_once(tmp_path, [*ALL, *(Clip(f"more {number}.mp4") for number in range(12))])
    tamper(layout, change)
    with pytest.raises((IncompleteInputError, TwoKeysError), match=complaint):
        publish(layout, settings)
    assert not layout.training.exists()


def test_a_torn_shard_is_refused(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    path = layout.checked("00001-of-00002")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StageError, match=r"00001-of-00002\.parquet: not a readable table"):
        publish(layout, settings)


def test_a_shard_whose_two_tables_are_not_of_one_run_is_refused(tmp_path):
    layout, settings = fill_once(tmp_path, ALL)
    path = dropped_path(layout.checked("00000-of-00002"))
    write_table(path, DROPPED, read_table(path, DROPPED).rows, note={"other": "run"})
    with pytest.raises(StageError, match=r"not of the same run .*materialize decode_check, partition 00000-of-00002 again"):
        publish(layout, settings)


def test_when_no_clip_is_left_the_error_says_what_took_them(tmp_path):
    layout, settings = fill_once(tmp_path, [replace(clip, verdict="bad", verdict_reason="no_video") for clip in ALL])
    with pytest.raises(NothingKeptError, match=r"no clip is left of 17 listed.*: 14 no_video \(decode_check\), 1 "):
        publish(layout, settings)
    assert not layout.training.exists()


def test_a_full_disk_is_an_error_and_what_was_published_stays(tmp_path):
    layout, settings = fill(tmp_path / "root", GOOD)
    with small_disk(layout.training, 1 << 20):
        published = publish(layout, settings)
        before = files_in(layout.training)
        fill(tmp_path / "root", [replace(clip, text="words " * 30_000) for clip in GOOD])
        with pytest.raises((NoSpaceError, OSError), match=r"publishing: the disk is full|File too large"):
            publish(layout, settings)
        assert files_in(layout.training) == before
        assert verify_published(layout, settings) == []
        assert read_published(layout, settings) == published


_PUBLISHER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from data_roots import fill_once, settings_of
from video_assets.storage.layout import Layout
from video_assets.publish.publish import publish
layout = Layout(Path(sys.argv[1]))
names = ["drop", "keep"]
print("ready", flush=True)
while True:
    names.reverse()
    publish(layout, settings_of(layout.root, training={"duplicates": names[0]}))
"""


def test_a_publisher_killed_at_any_moment_leaves_the_old_or_the_new_version_whole(tmp_path):
    clips = [Clip(f"{n:05}.mp4", text="words " * 300, content_hash=f"{n % 1000}") for n in range(2000)]
    layout, settings = fill_once(tmp_path / "root", clips)
    expected = {}
    for name in ("drop", "keep"):
        publish(layout, settings_of(layout.root, training={"duplicates": name}))
        expected[name] = without_manifest(layout.training)
    helpers = os.path.dirname(sys.modules[fill.__module__].__file__)  # noqa: PTH120
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", _PUBLISHER, str(layout.root), helpers], stdout=subprocess.PIPE) as publisher:
            publisher.stdout.readline()
            time.sleep(random.uniform(0, 0.5))
            os.kill(publisher.pid, signal.SIGKILL)
        versions = read_versions(layout)
        assert len(versions) == len([path for path in layout.versions.iterdir() if not path.name.startswith(".")])
        for version in versions:
            assert without_manifest(version.folder) in expected.values()
            assert problems_in(version.folder, version.manifest) == []
        found = without_manifest(layout.training)
        assert set(found) == set(expected["drop"])
        for name, data in found.items():
            assert data in (expected["drop"][name], expected["keep"][name]), f"{name} is half written"
    publish(layout, settings)
    assert without_manifest(layout.training) == expected["drop"]
    assert verify_published(layout, settings) == []


def without_manifest(folder):
    return {name: data for name, data in files_in(folder).items() if not name.startswith(".") and not name.endswith(".json")}


def test_a_byte_that_the_disk_changed_in_a_shard_reaches_no_product(tmp_path):
    """Wherever it is: the run refuses and names the file, or what it publishes is the same."""
    layout, settings = fill_once(tmp_path, ALL)
    before = publish(layout, settings)
    product, path = before.csv.read_bytes(), layout.checked(shard_of("own_clips/00.mp4", n_shards=settings.decode.n_shards))
    data, refused = path.read_bytes(), []
    for place in range(4, len(data) - 8, len(data) // 60):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        try:
            assert publish(layout, settings).csv.read_bytes() == product, place
        except (StageError, IncompleteInputError) as error:
            refused.append(str(error))
    assert all(str(path) in why for why in refused), refused
    assert len(refused) > 30
    path.write_bytes(data)
    assert publish(layout, settings).csv.read_bytes() == product
