"""Numbers and words of the report."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.funnel import funnel_from_counts, funnel_lines, funnel_markdown


def test_a_source_that_the_pipeline_does_not_know_comes_before_its_stages():
    result = funnel_from_counts(1, {"training_csv": {"duplicate": 1}, "openvid_clips": {"bad_crc": 2}})
    assert [stage for stage, _ in result.stages] == ["openvid_clips", "training_csv"]


def test_a_clip_that_is_missing_from_the_sum_is_an_error_with_all_three_numbers():
    with pytest.raises(ValueError, match=r"11 clips listed, but 3 kept and 7 dropped make 10: .* materialize"):
        funnel_from_counts(3, {"own_clips": {"missing": 1}, "decode_check": {"truncated": 6}}, listed=11)


@given(
    kept=st.integers(0, 10**7),
    counts=st.dictionaries(
        st.text(min_size=1, max_size=8), st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 10**6)), max_size=6
    ),
)
def test_every_funnel_adds_up_and_survives_json(kept, counts):
    result = funnel_from_counts(kept, counts)
    assert result.listed == kept + sum(n for reasons in counts.values() for n in reasons.values())
    assert funnel_from_counts(kept, json.loads(json.dumps(result.counts)), listed=result.listed) == result


def test_funnel_lines_are_aligned_and_show_every_number():
    lines = funnel_lines(funnel_from_counts(1_257_006, {"decode_check": {"corrupt_video": 9_120, "truncated": 3}}))
    assert lines == [
        "listed                         1,266,129",
        "  decode_check  corrupt_video     -9,120    0.7 %",
        "                truncated             -3   <0.1 %",
        "kept                           1,257,006   99.3 %",
    ]


def test_the_funnel_of_nothing_has_lines_and_markdown():
    empty = funnel_from_counts(0, {})
    assert [line.split() for line in funnel_lines(empty)] == [["listed", "0"], ["kept", "0", "n/a"]]
    assert funnel_markdown(empty).count("\n") == 3


def test_funnel_markdown_explains_the_reasons_that_it_is_told():
    table = funnel_markdown(funnel_from_counts(1, {"decode_check": {"truncated": 1}}), meanings={"truncated": "ends <early>"})
    assert "| decode_check | `truncated` | -1 | 50 % | ends &lt;early&gt; |" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1
