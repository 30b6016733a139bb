"""Any name that a disk can hold is told as text that a table can hold."""

from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.text import escape, is_storable


@given(st.binary(min_size=1))
def test_names_that_are_not_utf8_become_text_that_can_be_stored(raw):
    assert is_storable(escape(raw.decode("utf-8", "surrogateescape")))
