"""The examples in the docstrings of names and text hold."""

import doctest

import pytest

from video_assets.exports.rules import lines, names


@pytest.mark.parametrize("module", [lines, names])
def test_examples_hold(module):
    done = doctest.testmod(module)
    assert done.attempted
    assert not done.failed
