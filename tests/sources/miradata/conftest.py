"""A video of the web that is long enough to be read by parts; all tests of MiraData share it."""

import pytest
from mira_tables import make_video


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """80 seconds, 8 MB, its index in front as in videos of the web."""
    options = {"g": "50", "bf": "2", "qp": "4"}
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    return make_video(path, seconds=80, size=(192, 128), sound=True, video_options=options, movflags="faststart")
