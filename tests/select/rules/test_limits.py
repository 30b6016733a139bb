"""Limits hold at both ends; what is not known is beyond them."""

import json

import pandas as pd
import pyarrow as pa
import pytest

from video_assets.select.rules.limits import Limits, beyond, caption_words, scores

TEXT = pd.ArrowDtype(pa.string())


def reasons(limits: Limits, **columns: list) -> list[str]:
    return beyond(pd.DataFrame(columns), limits).in_words.tolist()


@pytest.mark.parametrize(
    ("limit", "column", "values", "expected"),
    [
        ({"min_frames": 51}, "num_frames", [50, 51], ["too_short", ""]),
        ({"max_duration_s": 2.0}, "duration_s", [2.0, 2.001, None], ["", "longer_than_wanted", "longer_than_wanted"]),
        ({"min_height": 480}, "height", [479, 480], ["too_small", ""]),
        ({"max_pixels": 100}, "resolution", [100, 101], ["", "larger_than_wanted"]),
        ({"min_aspect_ratio": 0.5, "max_aspect_ratio": 1.0}, "aspect_ratio", [0.5, 1.1], ["", "shape_not_wanted"]),
        ({"max_fps": 30}, "fps", [30.0, 60.0], ["", "rate_not_wanted"]),
        ({"max_file_size_mib": 1}, "file_size", [1 << 20, (1 << 20) + 1], ["", "file_not_wanted"]),
        ({"codecs": ("h264",)}, "video_codec", ["h264", "av1"], ["", "codec_not_wanted"]),
        ({"codecs": ("av1", "H265")}, "video_codec", ["libdav1d", "hevc", "h264"], ["", "", "codec_not_wanted"]),
        ({"max_caption_words": 2}, "text", ["two words", " and  three\nwords "], ["", "caption_not_wanted"]),
    ],
)
def test_each_limit_has_its_reason(limit, column, values, expected):
    limits = Limits(**limit)
    assert limits.columns == [column]
    assert reasons(limits, **{column: values}) == expected


def test_the_first_of_several_reasons_counts():
    assert reasons(Limits(min_height=480, min_frames=51), height=[100], num_frames=[10]) == ["too_short"]


def test_no_limits_read_no_columns():
    assert (Limits().are_set, Limits().columns) == (False, [])


def test_scores_come_out_of_the_extras_as_numbers_or_text():
    extras = [
        {"aesthetic score": 5.25, "motion score": "1e1"},
        {"aesthetic score": "4.5"},
        {"caption 2": 'says "aesthetic score": 9.0, really', "aesthetic score": 3},
        {"note": '"aesthetic score": 9'},
        {"aesthetic score": ""},
        {"my aesthetic score": 7},
        {},
    ]
    column = pd.Series([json.dumps(each) for each in extras], dtype=TEXT)
    assert scores(column, "aesthetic score")[:3].tolist() == [5.25, 4.5, 3.0]
    assert pd.isna(scores(column, "aesthetic score")[3:]).all()
    assert scores(column, "motion score")[0] == 10.0
    assert reasons(Limits(min_scores={"aesthetic score": 4.5}), extras=column)[:3] == ["", "", "score_not_wanted"]
    assert reasons(Limits(min_scores={"aesthetic score": 4.5}), extras=column)[3:] == ["score_not_wanted"] * 4


def test_words_are_what_white_space_separates():
    assert caption_words(pd.Series(["one", " one  two\n", "\u3000a\u3000b"], dtype=TEXT)).tolist() == [1, 2, 2]
