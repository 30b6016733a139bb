"""Pictures of clips on disk: as many and as large as the settings say, the newest of them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_factory import make_clip

from video_assets.look.thumbnails import Thumbnails
from video_assets.media.making.encode import VideoTrack, write_clip
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


def thumbnails_of(root: Path, **look: int) -> Thumbnails:
    return Thumbnails(Layout(root), Settings(data_root=root, decode={"workers": 2}, look=look))


def shown(path: Path, number: int) -> dict:
    """A clip of its own, as far as pictures go: another key, the same file."""
    return {"clip_key": f"own_clips/{number:04}.mp4", "path": str(path), "file_size": 1, "mtime_ns": 1}


def kept(root: Path) -> list[Path]:
    return list(Layout(root).thumbnails.rglob("*.jpg"))


def noise(path: Path) -> Path:
    """A clip whose pictures do not become small."""
    luma = np.random.default_rng(0).integers(0, 256, (2, 720, 1280), dtype=np.uint8)
    planes = [(each, each[::2, ::2], each[1::2, ::2]) for each in luma]
    write_clip(path, muxer="mp4", video=VideoTrack("mpeg4", 1280, 720, Fraction(25), planes, options={"qmin": "1", "qmax": "2"}))
    return path


def test_no_more_pictures_are_kept_than_allowed_and_the_newest_stay(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", n_frames=2)
    thumbnails = thumbnails_of(tmp_path, max_thumbnails=100)
    try:
        for start in range(0, 160, 8):
            asked = [thumbnails.picture(shown(clip, number), "small") for number in range(start, start + 8)]
            assert all(each.result(timeout=900).jpeg for each in asked)
            assert len(kept(tmp_path)) <= 100
        before = len(kept(tmp_path))
        assert before >= 80, "only the oldest tenth goes at a time"
        assert thumbnails.picture(shown(clip, 159), "small").result(timeout=900).jpeg
        assert len(kept(tmp_path)) == before, "the newest one is there still"
        thumbnails.picture(shown(clip, 0), "small").result(timeout=900)
        assert len(kept(tmp_path)) != before, "the oldest one is made again"
    finally:
        thumbnails.close()


def test_no_more_bytes_are_kept_than_allowed_also_by_servers_that_come_later(tmp_path):
    clip = noise(tmp_path / "clip.mp4")
    for server in range(2):
        thumbnails = thumbnails_of(tmp_path, max_thumbnails_mib=1)
        try:
            for number in range(6):
                assert thumbnails.picture(shown(clip, 10 * server + number), "large").result(timeout=900).jpeg
                assert sum(file.stat().st_size for file in kept(tmp_path)) <= 1 << 20
        finally:
            thumbnails.close()
    assert kept(tmp_path)


@pytest.mark.parametrize("is_root_there", [True, False])
def test_where_no_picture_can_be_kept_it_is_made_all_the_same(tmp_path, is_root_there):
    clip = make_clip(tmp_path / "clip.mp4", n_frames=2)
    layout = Layout(tmp_path / "data")
    if is_root_there:
        layout.thumbnails.parent.mkdir(parents=True)
        layout.thumbnails.write_text("in the way")
    thumbnails = thumbnails_of(layout.root)
    try:
        assert [thumbnails.picture(shown(clip, 1), "small").result(timeout=900).jpeg[:2] for _ in range(2)] == [b"\xff\xd8"] * 2
    finally:
        thumbnails.close()
    assert layout.root.exists() == is_root_there
