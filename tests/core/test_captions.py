"""Captions: columns, emptiness, values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.caption_columns import PATH_ALIASES, TEXT_ALIASES, find_columns
from video_assets.core.captions import caption_of, extras_json, is_empty_caption
from video_assets.core.errors import SourceError
from video_assets.core.text import is_storable


@pytest.mark.parametrize("caption", ["", " ", "\t\r\n", "\u00a0", "\u3000\u2003", "\u200b", "\ufeff \u2060"])
def test_white_space_of_any_kind_is_no_caption(caption):
    assert is_empty_caption(caption)


@pytest.mark.parametrize("caption", ["None", "null", "NA", "nan", "N/A", "0", ".", "-", "\u200bx", "空"])
def test_words_that_other_tools_take_for_missing_are_captions(caption):
    assert not is_empty_caption(caption)


@given(st.text())
def test_a_caption_with_a_visible_character_is_never_empty(text):
    assert not is_empty_caption(text + "x")
    assert not is_empty_caption("x" + text)
    assert is_empty_caption(text) or text.strip()


def test_columns_are_found_whatever_their_case_blanks_and_byte_order_mark():
    assert find_columns(["\ufeffPath", " TEXT "], table="t") == (0, 1)


def test_of_several_known_names_the_documented_first_one_wins():
    header = ["caption", "video", "file_name", "text"]
    assert find_columns(header, table="t") == (2, 3)


def test_a_named_column_wins_over_known_names_and_in_its_exact_spelling():
    header = ["path", "text", "LONG", "long"]
    assert find_columns(header, table="t", text_column="long") == (0, 3)
    assert find_columns(header, table="t", text_column="Text") == (0, 1)


def test_a_missing_column_is_named_with_the_columns_that_are_there_and_the_setting():
    with pytest.raises(SourceError) as raised:
        find_columns(["clips", "text"], table="clips.csv")
    assert "clips.csv: no column with the path" in str(raised.value)
    assert "'clips', 'text'" in str(raised.value)
    assert "own_clips.path_column" in str(raised.value)


@given(st.permutations([*PATH_ALIASES, *TEXT_ALIASES, "other"]))
def test_the_choice_of_columns_does_not_depend_on_their_order(header):
    found = find_columns(header, table="t")
    assert (header[found.path], header[found.text]) == ("path", "text")


def test_values_that_are_no_text_are_refused_with_their_type():
    assert caption_of(["a", "b"]) == ("", "the caption is a list, not text")
    assert caption_of("half \ud83d")[1]
    assert caption_of("nul \0")[1]
    assert caption_of(None) == ("", "")
    assert caption_of(float("nan")) == ("", "")
    assert caption_of(4) == ("4", "")
    assert caption_of(True) == ("true", "")


@given(st.text())
def test_text_comes_through_unchanged_or_is_refused(text):
    caption, problem = caption_of(text)
    assert (caption == text and not problem) or (problem and not is_storable(text))


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()))
def test_extras_are_always_a_json_object_that_can_be_stored(values):
    text = extras_json(values)
    assert is_storable(text)
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert set(parsed) == set(values)


def test_extras_have_one_spelling_whatever_the_order_of_columns():
    assert extras_json({"b": 1, "a": "é"}) == extras_json({"a": "é", "b": 1}) == '{"a": "é", "b": 1}'


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_extras_are_what_json_makes_of_them_whatever_their_types(values):
    expected = json.dumps(values, ensure_ascii=False, sort_keys=True)
    assert extras_json(values) == (expected if is_storable(expected) else json.dumps(values, sort_keys=True))
