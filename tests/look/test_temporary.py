"""Where a running page keeps its files, and what becomes of those of a page that was killed."""

import subprocess
import sys

import pytest

from video_assets.look.temporary import TemporaryFolder

PAGE = """
import sys
from video_assets.look.temporary import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "1").mkdir()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def page():
    process = subprocess.Popen([sys.executable, "-c", PAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def test_what_a_killed_page_left_goes_at_the_next_start_and_that_of_a_living_one_stays(temporary):
    killed, living = page(), page()
    assert len(list(temporary.iterdir())) == 2
    killed.kill()
    killed.communicate()
    (temporary / "video-assets-look-being-made").mkdir()
    (temporary / "of-somebody-else").mkdir()
    mine = TemporaryFolder()
    names = {path.name for path in temporary.iterdir()}
    assert {"video-assets-look-being-made", "of-somebody-else", mine.path.name} < names
    assert len(names) == 4
    mine.remove()
    assert not mine.path.exists()
    living.communicate("")
    assert len(list(temporary.iterdir())) == 3
