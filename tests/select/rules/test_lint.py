"""What a consumer cannot take is found before it finds out itself."""

import io

import pandas as pd
import pytest

from video_assets.core.consumers import CONSUMERS, Consumer
from video_assets.select.rules.lint import COLUMNS, READ_AS_MISSING, lint

GOOD = {
    "path": "/c/a.mp4",
    "text": "a",
    "num_frames": 90,
    "video_codec": "h264",
    "rotation_deg": 0,
    "is_variable_rate": False,
    "states_no_rate": False,
}


def reasons(consumer: Consumer, *rows: dict, **options) -> list[str]:
    frame = pd.DataFrame([{**GOOD, **row} for row in rows])[COLUMNS]
    return lint(frame, consumer, **options)["reason"].tolist()


@pytest.mark.parametrize("caption", sorted({*READ_AS_MISSING, " None", "none", "nil", "Null", "a", "0", "-", "NAN", "#"}))
def test_exactly_the_captions_that_pandas_loses_are_found(caption):
    text = io.StringIO()
    pd.DataFrame({"path": ["/c/a.mp4", "/c/b.mp4"], "text": [caption, "words"]}).to_csv(text, index=False)
    text.seek(0)
    is_lost = bool(pd.read_csv(text)["text"].isna()[0])
    assert reasons(CONSUMERS["open-sora-1.2"], {"text": caption}) == ["caption_read_as_missing" if is_lost else ""]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a.MP4", ""), ("a.webm", "suffix_refused"), ("a.m4v", "suffix_refused"), ("mp4", "suffix_refused"), ("a.b.mkv", "")],
)
def test_endings_are_looked_at_whatever_their_case(name, reason):
    assert reasons(CONSUMERS["open-sora-1.2"], {"path": f"/c.mp4/{name}"}) == [reason]


def test_the_first_reason_counts_and_allowed_ones_do_not():
    row = {"rotation_deg": 90, "is_variable_rate": True}
    consumer = CONSUMERS["diffusion-pipe"]
    assert reasons(consumer, row, {}, {"rotation_deg": -360}) == ["rotated", "", ""]
    assert reasons(consumer, row, allowed=frozenset({"rotated"})) == ["variable_rate"]
    assert reasons(consumer, row, allowed=frozenset({"rotated", "variable_rate"})) == [""]


@pytest.mark.parametrize("name", ["energon", "videox-fun", "cosmos-predict2.5"])
def test_a_rate_that_is_not_stated_is_a_reason_for_readers_that_give_up_without_one(name):
    row = {"states_no_rate": True, "num_frames": 120}
    assert reasons(CONSUMERS[name], row, {**row, "states_no_rate": False}) == ["rate_not_stated", ""]
    assert reasons(CONSUMERS["ltx"], row) == [""]


@pytest.mark.parametrize(("name", "reason"), [("a.flv", ""), ("a.ts", "suffix_refused"), ("a.m4v", "suffix_refused")])
def test_energon_hands_out_the_bytes_alone_of_clips_whose_endings_it_does_not_know(name, reason):
    assert reasons(CONSUMERS["energon"], {"path": f"/c/{name}"}) == [reason]


def test_frames_are_held_against_the_larger_minimum():
    consumer = CONSUMERS["cosmos-predict2.5"]
    assert reasons(consumer, {"num_frames": 93}, {"num_frames": 94}) == ["too_few_frames", ""]
    assert reasons(consumer, {"num_frames": 120}, min_frames=121) == ["too_few_frames"]


def test_what_is_not_known_is_no_reason():
    assert reasons(CONSUMERS["ai-toolkit"], {"rotation_deg": None, "is_variable_rate": None, "video_codec": None}) == [""]
