"""The same bytes under another name go too, also where no table says so: of clips that were never decoded."""

import os
import shutil
from pathlib import Path

import pytest
import xxhash
from data_roots import Clip
from take_downs import done, folder_of, published_root, request

from video_assets.takedown.take_down import plan_takedown
from video_assets.tombstones.table import read_rows

SIZE = 5000


def root_with(tmp_path, files, clips):
    """A published data root; `files` are the bytes of its clips by name. One clip more has a row, without a file."""
    folder = folder_of(tmp_path / "root")
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder, *published_root(tmp_path / "root", [*clips, Clip("kept.mp4", file_size=7)])


def content(word):
    return word.encode() * (SIZE // len(word))


FILES = {"a.mp4": content("a"), "copy.mp4": content("a"), "other.mp4": content("b"), "long.mp4": content("c") + b"!"}


def clips_of(files, *, decoded=()):
    """Clips without a caption, which nobody decodes, but for those that were."""
    return [
        Clip(name, text="dog" if name in decoded else "", file_size=len(data), content_hash=xxhash.xxh3_128_hexdigest(data))
        for name, data in files.items()
    ]


@pytest.mark.parametrize("decoded", [["a.mp4"], ["copy.mp4"], [], ["a.mp4", "copy.mp4"]])
def test_a_copy_goes_whichever_of_both_was_decoded(tmp_path, decoded):
    folder, layout, settings = root_with(tmp_path, FILES, clips_of(FILES, decoded=[*decoded, "long.mp4"]))
    report = done(layout, settings, request(tmp_path, "a.mp4"))
    assert report.lines == {"a.mp4": 2}
    assert sorted(path.name for path in folder.iterdir()) == ["long.mp4", "other.mp4"]
    stones = read_rows(layout)
    assert len(stones[stones["kind"] == "content_hash"]) == 1


def test_links_to_the_same_file_and_further_rows_of_it_go_also_when_it_cannot_be_read(tmp_path):
    files = dict.fromkeys(("a.mp4", "hard.mp4", "soft.mp4"), FILES["a.mp4"]) | {"other.mp4": FILES["other.mp4"]}
    row = Clip("a.mp4#captions.csv:41", status="failed", reason="duplicate_path", text="other words")
    folder, layout, settings = root_with(tmp_path, files, [*clips_of(files), row])
    for name, link in (("hard.mp4", os.link), ("soft.mp4", os.symlink)):
        (folder / name).unlink()
        link(folder / "a.mp4", folder / name)
    (folder / "a.mp4").chmod(0)
    assert len(plan_takedown(layout, request(tmp_path, "own_clips/a.mp4")).clips) == 4
    done(layout, settings, request(tmp_path, "own_clips/a.mp4#captions.csv:41"))
    assert [path.name for path in folder.iterdir()] == ["other.mp4"]


@pytest.mark.parametrize("away", [Path.unlink, lambda path: (path.unlink(), path.mkdir())])
def test_clips_that_are_gone_or_no_file_do_not_hinder(tmp_path, away):
    folder, layout, _ = root_with(tmp_path, FILES, clips_of(FILES))
    for name in ("a.mp4", "other.mp4"):
        away(folder / name)
    planned = plan_takedown(layout, request(tmp_path, "a.mp4", "long.mp4"))
    assert [clip.clip_key for clip in planned.clips] == ["own_clips/a.mp4", "own_clips/long.mp4"]


def test_after_the_clip_is_gone_the_same_request_still_finds_a_copy_that_came_back(tmp_path):
    folder, layout, settings = root_with(tmp_path, FILES, clips_of(FILES))
    done(layout, settings, request(tmp_path, "a.mp4"))
    shutil.copy(folder / "long.mp4", folder / "more.mp4")
    (folder / "copy.mp4").write_bytes(FILES["a.mp4"])
    done(layout, settings, request(tmp_path, "a.mp4"))
    assert sorted(path.name for path in folder.iterdir()) == ["long.mp4", "more.mp4", "other.mp4"]


def test_an_empty_file_is_no_copy_of_another_empty_file(tmp_path):
    files = {"a.mp4": b"", "b.mp4": b""}
    folder, layout, settings = root_with(tmp_path, files, clips_of(files))
    done(layout, settings, request(tmp_path, "a.mp4"))
    assert [path.name for path in folder.iterdir()] == ["b.mp4"]


def test_a_clip_that_was_never_decoded_is_kept_out_by_its_bytes_too(tmp_path):
    _, layout, settings = root_with(tmp_path, FILES, clips_of(FILES))
    done(layout, settings, request(tmp_path, "long.mp4"))
    stones = read_rows(layout)
    assert len(stones[stones["kind"] == "content_hash"]) == 1


def test_clips_of_one_size_that_were_decoded_are_known_by_their_hashes_and_not_read(tmp_path):
    files = {f"{number}.mp4": content(letter) for number, letter in enumerate("abcd")}
    folder, layout, _ = root_with(tmp_path, files, clips_of(files, decoded=files))
    for name in list(files)[1:]:
        (folder / name).unlink()
        os.link(folder / "0.mp4", folder / name)  # as another file now: its next check will tell
    assert [clip.clip_key for clip in plan_takedown(layout, request(tmp_path, "own_clips/0.mp4")).clips] == ["own_clips/0.mp4"]
