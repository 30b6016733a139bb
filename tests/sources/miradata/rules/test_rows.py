"""What rows of MiraData's tables say, and what cannot be read of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mira_tables import v1_row

from video_assets.core.errors import SourceError
from video_assets.sources.miradata.rules.batches import INVALID_BATCH
from video_assets.sources.miradata.rules.cells import parse_span
from video_assets.sources.miradata.rules.cuts import Cut, parse_cut, plan_sections
from video_assets.sources.miradata.rules.ids import download_id_in
from video_assets.sources.miradata.rules.rows import RowReader

BATCH = "mira_000017"
COLUMNS = ("dense_caption", "short_caption")
V0 = {
    "index": "000000008783_AJp_ANXoGoM-000114",
    "video_id": "AJp_ANXoGoM",
    "start_frame": "163272",
    "end_frame": "166872",
    "short_caption": "cars",
    "dense_caption": "many cars",
    "fps": "30",
    "start_timestep": "1:30:42",
    "end_timestep": "1:32:42",
}


def read(row, line=2):
    (clip,) = reader(row).read(row, line)
    return clip


def reader(row):
    """Knows the batch of the row's source video."""
    batches = {video: BATCH for video in [download_id_in(row)] if video is not None}
    return RowReader(list(row), table="m.csv", text_columns=COLUMNS, batches=batches)


def test_a_row_of_v1_is_a_place_in_a_web_video():
    row = read(v1_row("12.10", "https://example.org/a.mp4", 62.5, 120.25))
    assert (row.batch, row.file_name) == (BATCH, "000000000012_video12-000010.mp4")
    assert row.clip_key == f"miradata/{BATCH}/{row.file_name}"
    assert (row.start_s, row.end_s, row.url, row.reason) == (62.5, 120.25, "https://example.org/a.mp4", "")
    assert json.loads(row.extras)["clip_id"] == "12.10"


def test_ids_that_are_equal_as_numbers_are_different_clips():
    """The authors wrote clip_id as a number; file_path has the truth."""
    first, second = (read(v1_row(number, "https://example.org/a", 1, 2) | {"clip_id": "12.1"}) for number in ("12.1", "12.10"))
    assert (first.file_name, first.former_key) == ("000000000012_video12-000001.mp4", "")
    assert second.file_name == "000000000012_video12-000010.mp4"
    assert second.former_key == first.clip_key, "by which clips of an earlier version are found"


@given(st.integers(0, 9_999_999), st.integers(0, 999))
def test_every_id_that_was_written_as_a_number_is_read_from_the_path(video, clip):
    written = v1_row(f"{video}.{clip}", "https://e.org/a", 1, 2)
    as_number = repr(float(f"{video}.{clip}"))
    for clip_id in (f"{video}.{clip}", as_number, as_number.removesuffix(".0")):
        row = read(written | {"clip_id": clip_id})
        assert (row.reason, row.batch, row.file_name[-10:]) == ("", BATCH, f"{clip:06d}.mp4")


@given(st.integers(0, 9_999_999), st.integers(0, 999), st.integers(0, 9_999_999), st.integers(0, 999))
def test_ids_that_do_not_agree_are_named_both(video, clip, other_video, other_clip):
    row = read(v1_row(f"{video}.{clip}", "https://e.org/a", 1, 2) | {"clip_id": f"{other_video}.{other_clip}"})
    if float(f"{video}.{clip}") == float(f"{other_video}.{other_clip}"):
        assert row.reason == ""
    else:
        assert row.reason == "invalid_row"
        assert f"{other_video}.{other_clip}" in row.detail
        assert f"{video:012d}.{clip}.mp4" in row.detail


@pytest.mark.parametrize("path", ["a.mp4", "12.1", "000000000012.mp4", "000000000012.1", "x/12.1.mp4/", "\u0661\u0662.1.mp4"])
def test_a_path_that_names_no_clip_is_no_proof_and_none_at_all_leaves_the_id(path):
    row = v1_row("12.1", "https://e.org/a", 1, 2)
    assert read(row | {"file_path": path}).reason == "invalid_row"
    assert read(row | {"file_path": ""}).file_name == "000000000012_video12-000001.mp4"
    del row["file_path"]
    assert read(row).reason == ""


@pytest.mark.parametrize(
    ("cells", "frames"),
    [
        ({"fps": "29.0", "frame_number": "1747", "framestamp": "[0, 1747.0]"}, (29.0, 0, 1747)),
        ({"fps": "29.0", "frame_number": "1747"}, (29.0, 0, 1747)),
        ({"fps": "25.0", "frame_number": "1747", "framestamp": "[0, 1747]"}, None),
        ({"fps": "fast", "frame_number": "1747"}, None),
        ({"fps": "29.0", "frame_number": "nan"}, None),
        ({"fps": "29.0", "frame_number": "1747", "framestamp": "['a', 'b']"}, None),
        ({}, None),
    ],
)
def test_frames_are_known_where_they_agree_with_the_seconds(cells, frames):
    row = read(v1_row("12.10", "https://example.org/a.mp4", 0, 60.241) | cells)
    assert row.reason == ""
    assert ((row.rate, row.first_frame, row.n_frames) if row.n_frames else None) == frames


def test_a_row_of_v0_counts_in_frames():
    row = read(V0)
    assert row.url == "https://www.youtube.com/watch?v=AJp_ANXoGoM"
    assert (row.start_s, row.end_s) == (5442.4, 5562.4)
    assert (row.batch, row.file_name) == (BATCH, "000000008783_AJp_ANXoGoM-000114.mp4")


def test_ids_with_dashes_are_read_whole():
    row = read(V0 | {"index": "000000000001_-a-b_c-d-e--000002", "video_id": "-a-b_c-d-e-"})
    assert (row.video_id, row.file_name) == ("-a-b_c-d-e-", "000000000001_-a-b_c-d-e--000002.mp4")


def test_the_caption_is_the_first_column_that_says_something():
    assert read(v1_row("1.0", "https://e.org/a", 1, 2, dense_caption=" \u200b ")).text == "short 1.0"
    assert read(v1_row("1.0", "https://e.org/a", 1, 2, dense_caption="", short_caption="")).text == ""


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"clip_id": "12", "file_path": ""}, "clip_id"),
        ({"clip_id": "12.7"}, "do not name the same clip"),
        ({"clip_id": "../../etc/passwd"}, "clip_id"),
        ({"timestamp": "__import__('os').system('x')"}, "timestamp"),
        ({"timestamp": "['00:00:02', '00:00:01']"}, "timestamp"),
        ({"timestamp": "['00:00:02']"}, "timestamp"),
        ({"timestamp": "[nan, inf]"}, "timestamp"),
        ({"timestamp": "[0, 1e400]"}, "timestamp"),
        ({"timestamp": ""}, "timestamp"),
        ({"timestamp": "['00:00:00', '09:00:00']"}, "longer than any clip"),
        ({"video_url": "file:///etc/passwd"}, "video_url"),
        ({"video_url": "https://e.org/a\nb"}, "video_url"),
        ({"video_url": "-oProxyCommand=x"}, "video_url"),
    ],
)
def test_a_row_that_cannot_be_read_says_line_and_column(cells, told):
    row = read(v1_row("12.1", "https://e.org/a", 1, 2) | cells, line=77)
    assert row.reason == "invalid_row"
    assert told in row.detail
    assert "line 77" in row.detail
    assert row.batch == (INVALID_BATCH if cells.get("clip_id", "").startswith(".") else BATCH)
    assert row.clip_key.endswith("/line-000000077")


def test_names_of_files_come_from_numbers_and_harmless_characters():
    row = read(v1_row("1.0", "https://e.org/a", 1, 2, video_id="../..//$(rm -rf ~)\0;é" * 9))
    assert set(row.file_name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    assert len(row.file_name) < 120


def test_a_second_row_of_an_id_is_a_line_of_its_own():
    row = v1_row("1.0", "https://e.org/a", 1, 2)
    both = reader(row)
    (first,), (second,) = both.read(row, 2), both.read(row, 3)
    assert (first.reason, second.reason) == ("", "duplicate_row")
    assert first.clip_key != second.clip_key


def test_what_a_row_wants_is_known_without_reading_all_of_it():
    row = v1_row("12.10", "https://example.org/a.mp4", 62.5, 120.25)
    assert reader(row).wanted(row) == (12, 57.75)
    assert reader(row).wanted(row | {"timestamp": "soon"}) == (12, 0.0)
    assert reader(row).wanted(row | {"clip_id": "twelve"}) is None


def test_a_source_video_without_a_batch_means_that_the_table_was_changed():
    row = v1_row("12.10", "https://example.org/a.mp4", 62.5, 120.25)
    with pytest.raises(SourceError, match=r"m\.csv, line 2: the table was changed while it was read"):
        reader(row).read(row | {"clip_id": "13.10"}, 2)


def test_a_table_of_something_else_is_refused():
    with pytest.raises(SourceError, match="not a table of MiraData"):
        RowReader(["path", "text"], table="m.csv", text_columns=COLUMNS)
    with pytest.raises(SourceError, match=r"miradata\.text_columns"):
        RowReader(["clip_id", "video_url", "timestamp"], table="m.csv", text_columns=COLUMNS)


@given(st.text(max_size=60))
def test_no_cell_breaks_the_reader(text):
    for column in ("clip_id", "timestamp", "video_url", "video_id", "dense_caption"):
        row = read(v1_row("1.0", "https://e.org/a", 1, 2) | {column: text})
        assert row.reason in {"", "invalid_row", "invalid_caption"}


@given(st.floats(0, 3e5), st.floats(0.001, 3000))
def test_spans_are_read_as_they_are_written(start_s, seconds):
    from mira_tables import clock

    start_s, end_s = round(start_s, 3), round(start_s + seconds, 3)
    if clock(end_s) > clock(start_s) and end_s - start_s > 0.001:
        assert parse_span(str([clock(start_s), clock(end_s)])) == pytest.approx((start_s, end_s), abs=1e-5)


@pytest.mark.parametrize(
    ("spans", "duration_s", "n_bytes", "expected"),
    [
        ([(100, 110)], 3600, 900_000_000, [(94.0, 110)]),
        ([(100, 110), (105, 130)], 3600, 900_000_000, [(94.0, 130)]),
        ([(100, 110), (500, 510)], 3600, 900_000_000, [(94.0, 110), (494.0, 510)]),
        ([(0, 3000)], 3600, 900_000_000, [(0.0, 3000)]),
        ([(0, 60)], 70, 10_000_000, None),
        ([(10, 20)], 60, 1_000_000, None),
        ([(10, 20)], None, 900_000_000, None),
        ([(10, 20)], 3600, None, None),
    ],
)
def test_parts_are_read_where_that_costs_fewer_bytes(spans, duration_s, n_bytes, expected):
    assert plan_sections(spans, duration_s=duration_s, n_bytes=n_bytes) == expected


def test_what_was_cut_can_be_read_again():
    cut = Cut("smart", 1.04, 4.5, 87, 88)
    assert parse_cut(f"{cut.as_text()}; copy: 80 frames decode, 88 were wanted") == cut
    assert parse_cut("http 404") is None
    told = Cut("copy", 0.0, 119.25, 3574, 3574, "by frames: the rate of 29 is 29.97 cut short")
    assert parse_cut(told.as_text()) == told
    assert "note" not in cut.as_json()
