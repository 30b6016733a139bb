"""For any clip ever listed: where it is, why, and in FFmpeg's own words, also on data roots that are half done."""

import json

import pandas as pd
import pytest
from data_roots import Clip, after_listing, check, fill, make_lists, settings_of
from take_downs import done, published_root, request

from video_assets.core.schema import DROPPED, LEDGER
from video_assets.core.sharding import shard_of
from video_assets.explain.why import explain, find_clips
from video_assets.publish.publish import publish
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_table, write_table

CLIPS = [
    Clip("day/a.mp4"),
    Clip("day/b.mp4", text="None"),
    Clip("night/a.mp4", content_hash="bytes of own_clips/day/a.mp4"),
    Clip("missing.mp4", status="failed", reason="missing_file", detail="captions.csv, line 7: no such file"),
    Clip("young.mp4", status="waiting", reason="still_being_copied", detail="changed 2 s ago"),
    Clip("no caption.mp4", text=" "),
    Clip("large.mp4", file_size=60 << 20),
    Clip("cut.mp4", verdict="bad", verdict_reason="truncated", errors="[mov] partial file\n[h264] no frame!"),
    Clip("slow.mp4", verdict="timeout"),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    layout, settings = fill(tmp_path_factory.mktemp("root"), CLIPS)
    publish(layout, settings)
    return layout, settings


def why(root, text):
    explanations = explain(*root, text)
    assert len(explanations) == 1
    return explanations[0]


@pytest.mark.parametrize(
    ("text", "expected", "detail"),
    [
        ("own_clips/day/a.mp4", ("kept", "training_csv", ""), ""),
        ("missing", ("dropped", "own_clips", "missing_file"), "captions.csv, line 7: no such file"),
        ("young.mp4", ("waiting", "own_clips", "still_being_copied"), "changed 2 s ago"),
        ("no caption.mp4", ("dropped", "enriched_metadata", "empty_caption"), "white space"),
        ("large.mp4", ("dropped", "size_filtered", "file_too_large"), "62,914,560 bytes"),
        ("cut.mp4", ("dropped", "decode_check", "truncated"), "[mov] partial file\n[h264] no frame!"),
        ("slow.mp4", ("dropped", "decode_check", "timeout"), ""),
        ("night/a.mp4", ("dropped", "training_csv", "duplicate_content"), "same bytes as own_clips/day/a.mp4"),
    ],
)
def test_the_decisive_step_tells_stage_reason_and_detail(published, text, expected, detail):
    found = why(published, text)
    step = found.decisive
    assert (found.status, step.stage, step.reason) == expected
    assert detail in step.detail
    assert bool(found.meaning) == bool(step.reason)
    assert published[0].root.joinpath(step.file).exists()


def test_a_kept_clip_has_passed_every_stage_and_tells_what_was_measured(published):
    steps = why(published, "day/b.mp4").steps
    stages = ["own_clips", "enriched_metadata", "size_filtered", "shard_lists", "decode_check", "training_csv"]
    assert [(step.stage, step.fate) for step in steps] == [(stage, "kept") for stage in stages]
    assert steps[1].detail == "91 frames of 1280x720, 29.97 fps, 1,000 B"
    assert steps[4].detail == "90 frames of 1280x720, 29.97 fps, 1,000 B"


@pytest.mark.parametrize(
    "text", ["own_clips/day/a.mp4", "/clips/own_clips/day/a.mp4", "/clips/x/../own_clips/day/a.mp4", "day/a.mp4"]
)
def test_a_clip_is_found_by_key_path_and_end_of_path(published, text):
    assert find_clips(*published[:2], text)["clip_key"].tolist() == ["own_clips/day/a.mp4"]


def test_a_file_name_or_a_part_finds_every_clip_that_has_it(published):
    assert find_clips(*published[:2], "a.mp4")["clip_key"].tolist() == ["own_clips/day/a.mp4", "own_clips/night/a.mp4"]
    assert find_clips(*published[:2], "y/")["clip_key"].tolist() == ["own_clips/day/a.mp4", "own_clips/day/b.mp4"]
    assert len(explain(*published, "own_clips", max_clips=4)) == 4


@pytest.mark.parametrize("text", ["nowhere.mp4", "a.mp", "[", "*"])
def test_what_was_never_listed_has_no_explanation(published, text):
    if text == "a.mp":
        assert len(explain(*published, text)) == 2
    else:
        assert explain(*published, text) == []


@pytest.mark.parametrize("is_published_again", [False, True])
def test_a_clip_of_a_source_that_was_switched_off_says_so(tmp_path, is_published_again):
    off = [
        Clip("o.mp4", source="openvid", partition="openvid_part000"),
        Clip("h.mp4", source="hub", status="failed", reason="gone"),
    ]
    on = {"openvid": {"is_enabled": True}, "hub": {"is_enabled": True, "repo": "me/clips"}}
    layout, before = fill(tmp_path, [*CLIPS, *off], **on)
    publish(layout, before)
    if is_published_again:
        publish(*after_listing(tmp_path, CLIPS))
    for clip, told in zip(off, ("ok; captions.csv, line 2", "failed, gone; captions.csv, line 2"), strict=True):
        step = why((layout, settings_of(tmp_path)), clip.name).decisive
        assert (step.stage, step.fate, step.reason) == (clip.source, "dropped", "source_off")
        assert step.detail == f"when it was last listed: {told}"
    assert (
        why((layout, settings_of(tmp_path, openvid={"is_enabled": True, "family": "hd"})), "o.mp4").decisive.reason
        == "source_off"
    )
    assert why((layout, before), "o.mp4").status == ("pending" if is_published_again else "kept")


@pytest.mark.parametrize("is_left", [False, True])
def test_a_clip_that_only_later_tables_have_is_found_by_a_part_of_its_key(tmp_path, is_left):
    layout, settings = fill(tmp_path, CLIPS)
    ledger = layout.ledger("own_clips")
    rows = read_table(ledger, LEDGER).rows
    ledger.unlink()
    if is_left:
        write_table(ledger, LEDGER, rows[rows["clip_key"] != "own_clips/day/a.mp4"])
    assert find_clips(layout, settings, "day/a")["clip_key"].tolist() == ["own_clips/day/a.mp4"]


def test_an_explanation_is_json(published):
    record = json.loads(json.dumps(why(published, "cut.mp4").as_record()))
    assert record["clip_key"] == "own_clips/cut.mp4"
    assert record["meaning"].startswith("the file ends before its contents do")
    assert [step["stage"] for step in record["steps"]][-1] == record["stage"] == "decode_check"


@pytest.mark.parametrize(
    ("upto", "pending"),
    [
        ("own_clips", "enriched_metadata"),
        ("enriched_metadata", "size_filtered"),
        ("size_filtered", "shard_lists"),
        ("shard_lists", "decode_check"),
        ("decode_check", "training_csv"),
    ],
)
def test_on_a_half_done_data_root_the_next_stage_is_pending(tmp_path, upto, pending):
    root = fill(tmp_path, CLIPS, upto=upto)
    step = why(root, "day/b.mp4").decisive
    assert (step.stage, step.fate, step.detail) == (pending, "pending", "not materialized yet")
    assert why(root, "missing.mp4").decisive.reason == "missing_file"


def test_an_empty_data_root_knows_nothing(tmp_path):
    layout, settings = fill(tmp_path / "other", CLIPS, upto="own_clips")
    layout.ledger("own_clips").unlink()
    assert explain(layout, settings, "day/b.mp4") == []


def test_a_verdict_of_a_shard_that_still_runs_is_told(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    layout.checked(shard_of("own_clips/cut.mp4", n_shards=2)).unlink()
    step = why((layout, settings), "cut.mp4").decisive
    assert (step.stage, step.fate, step.reason) == ("decode_check", "pending", "truncated")
    assert "decoded already, verdict bad: [mov] partial file" in step.detail


def test_a_file_that_changed_after_its_check_is_pending(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    changed = [Clip("day/b.mp4", mtime_ns=5), *(clip for clip in CLIPS if clip.name != "day/b.mp4")]
    fill(tmp_path, changed, upto="shard_lists")
    found = why((layout, settings), "day/b.mp4")
    assert (found.status, found.decisive.detail) == ("pending", "the file changed since it was checked")
    assert found.steps[-1].detail == "the training CSV is older than that and still has the clip"


def test_a_clip_listed_after_the_product_was_made_is_pending_there(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    new = [*CLIPS, Clip("new.mp4")]
    fill(tmp_path, new, upto="shard_lists")
    assert why((layout, settings), "new.mp4").decisive.stage == "decode_check"
    make_lists(layout, settings)
    check(layout, settings, new)
    step = why((layout, settings), "new.mp4").decisive
    assert (step.stage, step.fate) == ("training_csv", "pending")
    assert "materialize it again" in step.detail


def test_tolerated_faults_and_relative_paths_are_told_for_kept_clips(tmp_path):
    layout, settings = fill(tmp_path, CLIPS, decode={"tolerated_reasons": ("truncated",)}, training={"relative_to": "/clips"})
    publish(layout, settings)
    found = why((layout, settings), "cut.mp4")
    assert found.status == "kept"
    assert (found.steps[4].reason, "(tolerated): [mov] partial file" in found.steps[4].detail) == ("truncated", True)


def test_another_number_of_shards_is_looked_up_by_the_settings(tmp_path):
    layout, _ = fill(tmp_path, CLIPS)
    step = why((layout, settings_of(tmp_path, decode={"n_shards": 5})), "day/b.mp4").decisive
    assert (step.stage, step.fate) == ("shard_lists", "pending")


def test_a_clip_that_was_taken_down_is_told_with_the_stage_that_the_tables_count(tmp_path):
    clips = [Clip("a.mp4"), Clip("b.mp4")]
    layout, settings = published_root(tmp_path / "root", clips)
    for stage in ("training_csv", "enriched_metadata"):  # the version is redacted; then another one is published
        if stage == "training_csv":
            done(layout, settings, request(tmp_path, "a.mp4"))
        else:
            after_listing(layout.root, clips)
            publish(layout, settings)
        rows = read_table(layout.dropped, DROPPED).rows
        assert rows[["clip_key", "stage", "reason"]].values.tolist() == [["own_clips/a.mp4", stage, "taken_down"]]
        step = why((layout, settings), "a.mp4").decisive
        assert (step.stage, step.fate, step.reason) == (stage, "dropped", "taken_down")


def test_a_clip_that_was_taken_down_before_any_stage_saw_it_is_dropped_by_the_first(tmp_path):
    layout, settings = fill(tmp_path, [Clip("a.mp4", status="failed", reason="taken_down")], upto="own_clips")
    assert why((layout, settings), "a.mp4").decisive.stage == "enriched_metadata"


@pytest.mark.parametrize("is_published_first", [True, False])
def test_a_row_that_only_has_the_path_of_a_published_clip_is_not_said_to_be_published(tmp_path, is_published_first):
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    rows = read_table(layout.ledger("own_clips"), LEDGER).rows
    first = rows[rows["clip_key"] == "own_clips/day/a.mp4"]
    others = [
        first.assign(clip_key=f"own_clips/day/a.mp4#{name}", status="failed", reason=reason, detail="x")
        for name, reason in (("c.csv:4", "duplicate_path"), ("folder", "unsupported_name"))
    ]
    write_table(layout.ledger("own_clips"), LEDGER, LEDGER.frame(pd.concat([rows, *others]).sort_values("clip_key")))
    if is_published_first:
        after_listing(tmp_path, CLIPS)
        publish(layout, settings)
    for key in ("own_clips/day/a.mp4#c.csv:4", "own_clips/day/a.mp4#folder"):
        assert [step.fate for step in why((layout, settings), key).steps] == ["dropped"]
    assert why((layout, settings), "own_clips/day/a.mp4").status == "kept"


def test_a_torn_table_is_an_error_that_names_it(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    layout.size_filtered.write_bytes(layout.size_filtered.read_bytes()[:-10])
    with pytest.raises(StageError, match=r"size_filtered\.parquet: not a readable table"):
        explain(layout, settings, "day/b.mp4")
