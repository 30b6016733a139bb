"""Caption files are found wherever a listing takes them from, so that nothing of a clip is left behind."""

from pathlib import Path

import pytest

from video_assets.sources.own_clips.sidecars import SUFFIXES, sidecars_of


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_caption_files_lie_beside_the_clip_or_in_a_folder_of_labels_beside_its_own(suffix):
    assert Path(f"/c/x/a{suffix}") in set(sidecars_of(Path("/c/x/a.mp4")))
    assert Path(f"/c/labels/a{suffix}") in set(sidecars_of(Path("/c/videos/a.mp4")))
    assert Path(f"/c/labels/a{suffix}") not in set(sidecars_of(Path("/c/x/a.mp4")))
