"""exclude.csv: what is in it stays out of the CSV, until it is not in it; a file that is wrong stops the publication."""

import pandas as pd
import pytest
from data_roots import Clip, fill, fill_once

from video_assets.explain.why import explain
from video_assets.publish.compare import compare_tables
from video_assets.publish.exclusions import Exclusion, ExclusionError, change_exclusions, read_exclusions
from video_assets.publish.publish import publish
from video_assets.publish.versions import read_versions

CLIPS = [Clip("a.mp4", content_hash="same"), Clip("b.mp4", content_hash="same"), Clip("c.mp4"), Clip("d.mp4", text=" ")]


def fates(layout, settings):
    keys = [f"own_clips/{name}.mp4" for name in "abcd"]
    return [explain(layout, settings, key)[0].decisive.reason or "kept" for key in keys]


def test_an_excluded_clip_goes_with_its_reason_and_comes_back(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    before = publish(layout, settings)
    assert fates(layout, settings) == ["kept", "duplicate_content", "kept", "empty_caption"]

    change_exclusions(layout, add={"own_clips/c.mp4": Exclusion("watermark, says Ada", "2026-11-28T10:00:00+00:00")})
    (soon,) = explain(layout, settings, "own_clips/c.mp4")
    assert soon.status == "kept"
    assert "the next run leaves it out" in soon.steps[-1].detail
    without = publish(layout, settings)
    assert without.dropped["training_csv"] == {"duplicate_content": 1, "excluded": 1}
    (gone,) = explain(layout, settings, "own_clips/c.mp4")
    assert gone.decisive.detail == "watermark, says Ada (2026-11-28T10:00:00+00:00)"
    assert "exclude.csv" in gone.meaning
    versions = read_versions(layout)
    assert compare_tables(versions[-2].table, versions[-1].table).diff.counts.dropped == 1

    change_exclusions(layout, remove=["own_clips/c.mp4"])
    assert "brings it back" in explain(layout, settings, "own_clips/c.mp4")[0].decisive.detail
    assert publish(layout, settings).csv_hash == before.csv_hash


def test_no_copy_takes_the_place_of_an_excluded_clip(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    change_exclusions(layout, add={"own_clips/a.mp4": Exclusion("")})
    publish(layout, settings)
    assert fates(layout, settings) == ["excluded", "duplicate_content", "kept", "empty_caption"]


def test_what_was_dropped_before_keeps_its_reason_and_unknown_clips_do_nothing(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    change_exclusions(layout, add={key: Exclusion("") for key in ("own_clips/d.mp4", "own_clips/nobody.mp4")})
    assert publish(layout, settings).n_kept == 2
    assert fates(layout, settings)[3] == "empty_caption"


def test_nothing_is_published_anew_while_the_file_is_the_same(tmp_path):
    layout, settings = fill_once(tmp_path, CLIPS)
    change_exclusions(layout, add={"own_clips/c.mp4": Exclusion("x")})
    first = publish(layout, settings)
    written = layout.training_csv("training").stat().st_mtime_ns
    assert publish(layout, settings) == first
    assert layout.training_csv("training").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("key,why\na,b\n", "row 1: there is no column clip_key"),
        ("", "row 1: there is no column clip_key"),
        ("clip_key,why,when\nown_clips/a.mp4,,\n,x,\n", "row 3, field clip_key: it is empty"),
        ("clip_key,why,when\nown_clips/a.mp4,,\nown_clips/a.mp4,,\n", "row 3, field clip_key: 'own_clips/a.mp4' is there twice"),
        ("clip_key,why,when\nown_clips/a.mp4,,yesterday\n", "row 2, field when: 'yesterday' is no date"),
        ("clip_key,why,when\nown_clips/a.mp4,red, blue,\n", "row 2: more fields than the header has columns"),
        ('clip_key,why,when\nown_clips/a.mp4,"red"x,\n', "row 2: not readable as CSV"),
    ],
)
def test_a_file_that_is_wrong_is_named_by_row_and_field_and_nothing_is_published(tmp_path, text, told):
    layout, settings = fill_once(tmp_path, CLIPS)
    layout.exclusions.write_text(text)
    with pytest.raises(ExclusionError) as error:
        publish(layout, settings)
    assert str(layout.exclusions) in str(error.value)
    assert told in str(error.value)
    assert not layout.training_csv("training").exists()


def test_it_reads_what_spreadsheets_and_people_write(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    layout.exclusions.write_bytes(b"\xef\xbb\xbfclip_key\r\nown_clips/a.mp4\r\n\r\nown_clips/b.mp4\r\n")
    assert list(read_exclusions(layout)) == ["own_clips/a.mp4", "own_clips/b.mp4"]
    layout.exclusions.write_bytes(b"clip_key\n\xff\n")
    with pytest.raises(ExclusionError, match="not UTF-8"):
        read_exclusions(layout)


def test_changing_keeps_the_other_rows_as_they_are(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    odd = 'a "quoted",\nname'
    change_exclusions(layout, add={"own_clips/c.mp4": Exclusion("first", "2026-01-01"), odd: Exclusion("")})
    assert change_exclusions(layout, add={"own_clips/c.mp4": Exclusion("second")}) == 2
    assert read_exclusions(layout) == {odd: Exclusion(""), "own_clips/c.mp4": Exclusion("first", "2026-01-01")}
    assert list(pd.read_csv(layout.exclusions).columns) == ["clip_key", "why", "when"]
    assert change_exclusions(layout, remove=[odd, "nobody"]) == 1
