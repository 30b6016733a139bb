"""What the first bytes of an MP4 say before anything is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mira_tables import make_video

from video_assets.media.iso_boxes import length_in


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("v") / "a.mp4", seconds=3.2, movflags="faststart").read_bytes()[:1024]


def test_a_video_of_the_web_says_its_length_in_front(head):
    assert length_in(head) == pytest.approx(3.2, abs=0.05)


@pytest.mark.parametrize(("movflags", "muxer"), [("", "mp4"), ("frag_keyframe+empty_moov", "mp4"), ("", "matroska")])
def test_others_do_not(tmp_path, movflags, muxer):
    path = make_video(tmp_path / "a", seconds=1, movflags=movflags, muxer=muxer)
    assert length_in(path.read_bytes()[:1024]) is None


@given(st.data())
def test_no_bytes_break_it_and_none_give_a_senseless_length(head, data):
    at = data.draw(st.integers(0, 200))
    strange = head[:at] + data.draw(st.binary(max_size=40)) + head[at + data.draw(st.integers(0, 40)) :]
    for some in (strange, strange[: data.draw(st.integers(0, 200))]):
        length_s = length_in(some)
        assert length_s is None or 0 < length_s < 31 * 24 * 3600
