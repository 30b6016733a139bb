"""What a command line names: each path has its record, in order, also where there is no clip."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from video_assets.checking.check import ClipTask
from video_assets.checking.records import NoClip, clip_records, exit_code, list_clips
from video_assets.progress import Advance, no_progress
from video_assets.samples.demo.make import Sample
from video_assets.settings.model import Decode


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(path.name))


def named(found: list[ClipTask | NoClip], root: Path) -> list[tuple[str, str]]:
    """Path below root and "clip", or the verdict of a path without a clip."""
    return [
        (str(Path(place.path).relative_to(root)), "clip" if isinstance(place, ClipTask) else place.verdict) for place in found
    ]


def test_clips_are_listed_once_each_in_the_order_given_folders_sorted(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b/2.MP4", "b/1.mkv", "b/note.txt", "a.mp4", "c.bin")))
    found = list_clips([tmp_path / "c.bin", tmp_path / "b", tmp_path, tmp_path / "a.mp4"])
    assert named(found, tmp_path) == [(name, "clip") for name in ("c.bin", "b/1.mkv", "b/2.MP4", "a.mp4")]
    assert [clip.cost for clip in found if isinstance(clip, ClipTask)] == [5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("target", "verdict"), [("nowhere", "unreadable_now"), ("lost.mp4", "unreadable_now"), ("a.txt/b", "clip")]
)
def test_a_broken_link_in_a_folder_is_told_at_once_and_storage_that_fails_is_asked_again(
    tmp_path: Path, target: str, verdict: str
) -> None:
    touch(tmp_path / "a.txt")
    (tmp_path / "lost.mp4").symlink_to(target)
    assert named(list_clips([tmp_path]), tmp_path) == [("lost.mp4", verdict)]


def test_a_path_without_a_clip_is_listed_in_its_place(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "texts" / "a.txt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "lost.mp4").symlink_to("nowhere")
    names = ["lost.mp4", "empty", "a.mp4", "loop.mp4", "texts", "gone.mp4", "x" * 300, "a.mp4/b.mp4", "gone.mp4", "empty"]
    found = list_clips(tmp_path / name for name in names)
    verdicts = dict.fromkeys(names, "unreadable_now") | {"a.mp4": "clip", "empty": "no_clips", "texts": "no_clips"}
    assert named(found, tmp_path) == list(verdicts.items())
    troubles = {Path(place.path).name: place.trouble for place in found if isinstance(place, NoClip)}
    assert troubles["gone.mp4"] == f"No such file or directory: {tmp_path}/gone.mp4"
    assert troubles["empty"].startswith(f"no clips in {tmp_path}/empty (looked for .mp4, ")


def test_a_folder_named_twice_is_not_without_clips(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.mp4")
    assert named(list_clips([tmp_path / "a", tmp_path / "a", tmp_path]), tmp_path) == [("a/1.mp4", "clip")]


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "mine" / "1.mp4", tmp_path / "elsewhere" / "deep" / "2.mp4")
    (tmp_path / "mine" / "again").symlink_to(".")
    (tmp_path / "mine" / "more").symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "deep" / "back").symlink_to("../../mine")
    (tmp_path / "elsewhere" / "deep" / "up").symlink_to("..")
    assert named(list_clips([tmp_path / "mine"]), tmp_path) == [("mine/1.mp4", "clip"), ("mine/more/deep/2.mp4", "clip")]


def test_a_link_to_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "1.mp4")
    (tmp_path / "disk").symlink_to("/nowhere/at/all")
    (tmp_path / "note.txt").symlink_to("/nowhere/at/all")
    assert named(list_clips([tmp_path]), tmp_path) == [("1.mp4", "clip"), ("disk", "unreadable_now")]


def test_two_dots_behind_a_link_lead_where_the_system_says(tmp_path: Path) -> None:
    touch(tmp_path / "there" / "clip.mp4", tmp_path / "clip.mp4")
    (tmp_path / "there" / "folder").mkdir()
    (tmp_path / "link").symlink_to("there/folder")
    [clip] = list_clips([tmp_path / "link" / ".." / "clip.mp4"])
    assert Path(clip.path).samefile(tmp_path / "there" / "clip.mp4")


def test_paths_are_checked_as_they_were_given(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample.clips.parent)
    path = str((sample.clips / "aquarium.mp4").relative_to(sample.clips.parent))
    settings = Decode(workers=1)
    [checked] = clip_records([Path(path)], step="decode", settings=settings, progress=no_progress)
    assert (checked.path, checked.verdict) == (path, "good")
    [probed] = clip_records([Path(path)], step="probe", settings=settings, progress=no_progress)
    assert (probed.path, probed.verdict) == (path, "unchecked")


def test_records_without_a_clip_need_no_worker_and_stream_before_the_first_clip(sample: Sample, tmp_path: Path) -> None:
    paths = [tmp_path / "gone.mp4", sample.clips / "aquarium.mp4", tmp_path]
    records = clip_records(paths, step="decode", settings=Decode(workers=1), progress=no_progress)
    assert next(records).path == str(paths[0])
    assert [(record.path, record.verdict) for record in records] == [(str(paths[1]), "good"), (str(paths[2]), "no_clips")]


def test_what_is_done_out_of_order_comes_out_before_an_interrupt_goes_on(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("b.mp4/nowhere")
    shutil.copy2(sample.clips / "aquarium.mp4", tmp_path / "b.mp4")

    @contextmanager
    def interrupting(_label: str, _total: int, _unit: str) -> Iterator[Advance]:
        def advance(_count: int, _note: str = "", /) -> None:
            raise KeyboardInterrupt

        yield advance

    settings = Decode(workers=1, retry_wait_s=600)
    records = clip_records([tmp_path], step="decode", settings=settings, progress=interrupting)
    assert next(records).path == str(tmp_path / "b.mp4")
    with pytest.raises(KeyboardInterrupt):
        next(records)


@pytest.mark.parametrize("name", ["socket.mp4", "pipe.mp4"])
def test_what_is_no_file_is_bad_at_once(name: str, tmp_path: Path) -> None:
    os.mknod(tmp_path / name, 0o600 | (stat.S_IFSOCK if name == "socket.mp4" else stat.S_IFIFO))
    for step in ("decode", "probe"):
        [record] = clip_records([tmp_path / name], step=step, settings=Decode(workers=1), progress=no_progress)
        assert (record.verdict, record.reason) == ("bad", "not_a_file")


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ({"good"}, 0),
        ({"unchecked"}, 0),
        ({"good", "bad"}, 1),
        ({"timeout"}, 1),
        ({"crashed", "good"}, 1),
        ({"out_of_memory"}, 1),
        ({"good", "unreadable_now"}, 3),
        ({"no_clips", "good"}, 3),
        ({"bad", "unreadable_now"}, 3),
    ],
)
def test_exit_codes_tell_bad_clips_from_those_that_could_not_be_looked_at(verdicts: set[str], code: int) -> None:
    assert exit_code(verdicts) == code
