"""Every address of one thing is spelled in one way, and nothing else is taken for it."""

import pytest

from video_assets.core.addresses import normal_url, youtube_id

VIDEO = "---_iRTHryQ"


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.youtube.com/watch?v={VIDEO}",
        f"http://m.youtube.com/watch?t=3&v={VIDEO}#x",
        f"https://youtu.be/{VIDEO}",
        f"https://www.youtube.com/shorts/{VIDEO}",
        f"https://www.youtube-nocookie.com/embed/{VIDEO}?x=1",
    ],
)
def test_all_addresses_of_a_youtube_video_are_one(url):
    assert (youtube_id(url), normal_url(url)) == (VIDEO, f"youtube.com/watch?v={VIDEO}")


@pytest.mark.parametrize("url", ["https://example.org/watch?v=abcdefghijk", "https://youtube.com/watch?v=short", "no address"])
def test_other_addresses_have_no_youtube_id(url):
    assert youtube_id(url) == ""
