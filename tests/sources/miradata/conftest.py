"""A video of the web that is long enough to be read by parts; all tests of MiraData share it."""

import pytest
from mira_tables import make_video
from once_per_run import once_per_run


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """80 seconds, 8 MB, its index in front as in videos of the web."""
    options = {"g": "50", "bf": "2", "qp": "4"}

    def make(folder):
        make_video(folder / "long.mp4", seconds=80, size=(192, 128), sound=True, video_options=options, movflags="faststart")

    return once_per_run(tmp_path_factory, "long-video", make) / "long.mp4"
