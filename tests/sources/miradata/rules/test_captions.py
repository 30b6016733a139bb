"""Captions with markup: segments in no order become one caption, or a clip each; what is broken is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mira_tables import v1_row

from video_assets.sources.miradata.rules.captions import CaptionError, one_caption, parse_segments
from video_assets.sources.miradata.rules.rows import RowReader

LONG = "[|||120||| 240||| then, a dog. |||,|||0||| 120||| A cat [asleep]. |||,|||240||| 360||| Night |||,]"
WORDS = st.text("ab ,.;[]()'\"\né猫", max_size=20).map(lambda text: f"x{text}.")


def read(segments="join", **cells):
    row = v1_row("1.10", "https://e.org/a", 60, 460) | {"clip_id": "1.1"} | cells
    columns, batches = ("dense_caption", "short_caption"), {1: "mira_000000"}
    return RowReader(list(row), table="m.csv", text_columns=columns, segments=segments, batches=batches).read(row, 7)


def markup(segments):
    return "[" + "".join(f"|||{start}||| {end}||| {text} |||," for start, end, text in segments) + "]"


@given(st.permutations(range(5)), st.lists(WORDS, min_size=5, max_size=5))
def test_segments_come_in_the_order_of_time_with_all_their_words(order, texts):
    cell = markup([(120 * n, 120 * n + 120, texts[n]) for n in order])
    assert [segment.text for segment in parse_segments(cell)] == texts
    assert one_caption(cell, "join") == " ".join(texts)
    assert one_caption(cell, "first") == texts[0]
    assert len(one_caption(cell, "longest")) == max(map(len, texts))


@given(st.text(max_size=80))
def test_plain_words_stay_as_they_are_and_nothing_with_marks_gets_through(text):
    try:
        said = one_caption(text, "join")
    except CaptionError:
        said = ""
    assert said == text if "|||" not in text else "|||" not in said


@given(st.integers(0, len(LONG) - 2), st.integers(1, 5))
def test_markup_of_which_something_is_missing_never_becomes_a_caption_with_marks(at, n_chars):
    try:
        said = one_caption(LONG[:at] + LONG[at + n_chars :], "join")
    except CaptionError:
        return
    assert "|||" not in said


def test_the_caption_of_a_long_clip_is_its_segments_in_order_and_the_cell_is_kept():
    (clip,) = read(dense_caption=LONG)
    assert clip.text == "A cat [asleep]. then, a dog. Night"
    assert json.loads(clip.extras)["dense_caption"] == LONG


def test_each_segment_can_be_a_clip_of_its_own():
    clips = read("split", dense_caption=LONG)
    assert [(clip.start_s, clip.end_s, clip.text) for clip in clips] == [
        (60, 180, "A cat [asleep]."),
        (180, 300, "then, a dog."),
        (300, 420, "Night"),
    ]
    assert [clip.file_name for clip in clips] == [f"000000000001_video1-000010-{start:06d}.mp4" for start in (0, 120, 240)]
    assert [clip.text for clip in read("split", dense_caption="one scene")] == ["one scene"]
    assert read("split", dense_caption=markup([(360, 480, "x")]))[0].end_s == 460, "to the clip's end"


@pytest.mark.parametrize(
    "cell",
    [
        LONG[:-2],
        LONG[1:],
        "a ||| b",
        "[|||120||| 120||| words |||,]",
        "[|||a||| 120||| words |||,]",
        "[|||0||| 120||| words ||||||,]",
        "[|||0||| 120||| words |||,] more",
        "[|||0||| 120||| words |||;|||120||| 240||| words |||,]",
    ],
)
def test_markup_that_does_not_parse_is_an_invalid_caption_with_line_and_column(cell):
    (clip,) = read(dense_caption=cell)
    assert (clip.reason, clip.text, clip.file_name) == ("invalid_caption", "", "000000000001_video1-000010.mp4")
    assert clip.detail.startswith("line 7: dense_caption: ")


def test_segments_without_words_leave_the_caption_to_the_next_column():
    assert read(dense_caption=markup([(0, 120, " ")]))[0].text == "short 1.10"
    assert read("split", dense_caption=markup([(500, 620, "x")]))[0].reason == "invalid_caption", "after the clip's end"
