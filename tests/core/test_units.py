"""Numbers as people read them."""

import doctest

import pytest

from video_assets.core import units


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(units).failed == 0


@pytest.mark.parametrize(("part", "whole"), [(1, 3_000_000), (2_999_999, 3_000_000)])
def test_a_share_never_claims_nothing_or_everything_when_it_is_not(part, whole):
    assert units.share(part, whole) not in {"0 %", "100 %", "0.0 %", "100.0 %"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.4, "59 min 59 s"), (3599.9, "1:00 h"), (36_000, "10:00 h")],
)
def test_a_duration_never_shows_sixty_of_the_smaller_unit(seconds, words):
    assert units.duration(seconds) == words


def test_shortened_text_is_never_longer_than_asked():
    for max_chars in range(2, 30):
        assert len(units.shorten("a caption\n with   white space " * 3, max_chars)) <= max_chars
        assert len(units.shorten_middle("own_clips/folder/a_rather_long_name.mp4", max_chars)) <= max_chars
