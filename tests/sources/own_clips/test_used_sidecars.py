"""Where caption files of clips lie that go, and which of them other clips use."""

import pytest

from video_assets.sources.own_clips.sidecars import SUFFIXES
from video_assets.sources.own_clips.used_sidecars import UsedSidecars, remove_with_sidecars

ENDINGS = (".mp4", ".mov")


def made(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(root, clip):
    sidecars = UsedSidecars([root / clip], ENDINGS).of(root / clip)
    return {str(path.relative_to(root)): user and str(user.relative_to(root)) for path, user in sidecars}


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".TXT"])
def test_caption_files_lie_beside_the_clip_or_in_a_folder_of_labels_beside_its_own(tmp_path, suffix):
    made(tmp_path, f"x/a{suffix}", f"labels/a{suffix}", "x/a.mp4", "videos/a.mp4", f"x/ab{suffix}")
    assert found(tmp_path, "x/a.mp4") == {f"x/a{suffix}": None}
    assert found(tmp_path, "videos/a.mp4") == {f"labels/a{suffix}": None}


def test_another_clip_that_is_there_is_named(tmp_path):
    made(
        tmp_path,
        "a.mp4",
        "a.MOV",
        "a.txt",
        "a.json",
        "videos/b.mp4",
        "clips/b.mov",
        "labels/b.txt",
        "videos/c.mp4",
        "videos/c.txt",
    )
    assert found(tmp_path, "a.mp4") == {"a.txt": "a.MOV", "a.json": "a.MOV"}
    assert found(tmp_path, "videos/b.mp4") == {"labels/b.txt": "clips/b.mov"}
    assert found(tmp_path, "videos/c.mp4") == {"videos/c.txt": None}
    assert found(tmp_path, "not there/c.mp4") == {}


def test_clips_that_came_back_go_with_what_is_theirs_alone(tmp_path):
    made(tmp_path, "a.mp4", "a.mov", "a.txt", "b.mp4", "b.txt")
    remove_with_sidecars([tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "gone.mp4"], ENDINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mov", "a.txt"]
