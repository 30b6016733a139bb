"""A row that spells a file otherwise than it is called gets that file when no other can be meant, and else the near miss."""

import os
import unicodedata

import pytest

from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.listing import list_own_clips

NOW = 1_800_000_000_000_000_000


def listed(folder, files, *rows, is_with_folder=True, **options):
    """The listing of `files` with one row for each of `rows`, whose caption is its number from 0."""
    for name in files:
        path = folder / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"clip")
        os.utime(path, ns=(NOW // 2, NOW // 2))
    table = folder / ("clips/t.jsonl" if not is_with_folder else "t.jsonl")
    table.write_text("".join(f'{{"path": {_quoted(row)}, "text": "{number}"}}\n' for number, row in enumerate(rows)))
    settings = OwnClips(folder=folder / "clips" if is_with_folder else None, captions=table, **options)
    return list_own_clips(settings, previous=None, now_ns=NOW, ignore=())


def _quoted(text):
    return '"' + text.replace("\\", "\\\\") + '"'


def texts(rows):
    good = rows[(rows["status"] == "ok") & (rows["text"] != "")]
    return dict(zip(good["clip_key"].str.removeprefix("own_clips/"), good["text"], strict=True))


def details(rows):
    return rows["detail"][rows["reason"] == "missing_file"].tolist()


CAFE, ELSEWHERE = (unicodedata.normalize(form, "café.mp4") for form in ("NFC", "NFD"))
SPELLINGS = [
    (CAFE, ELSEWHERE),
    (ELSEWHERE, CAFE),
    ("a.mp4", "A.MP4"),
    ("a.mp4", "a.mp4 "),
    ("a .mp4 ", "a .mp4"),
    ("my dog.mp4", "my%20dog.mp4"),
    ("sub/a.mp4", "sub\\\\a.mp4"),
    ("sub/a.mp4", ".\\\\sub\\\\a.mp4"),
    ("a.mp4", "C:\\\\data\\\\clips\\\\a.mp4"),
    ("sub/a.mp4", "D:/other/sub/a.mp4"),
    ("sub/vid1.mp4", "vid1"),
    ("sub/vid1.mp4", "sub/vid1"),
]


@pytest.mark.parametrize(("name", "cell"), [(name, cell.replace("\\\\", "\\")) for name, cell in SPELLINGS if name[-1] != " "])
def test_the_only_file_that_can_be_meant_is_taken_with_a_note(tmp_path, name, cell):
    rows = listed(tmp_path, [name, "other.mp4"], cell)
    assert texts(rows) == {name: "0"}
    assert f"1, first {cell!r} for {name!r}" in rows.attrs["notes"][0]


@pytest.mark.parametrize(
    ("name", "cell"), [(CAFE, ELSEWHERE), ("a.mp4", "A.MP4"), ("my dog.mp4", "my%20dog.mp4"), ("vid1.mp4", "vid1")]
)
def test_a_table_alone_finds_the_files_of_its_folder(tmp_path, name, cell):
    assert texts(listed(tmp_path, [name], cell, is_with_folder=False)) == {name: "0"}


def test_a_file_address_is_a_path(tmp_path):
    cell = f"file://{tmp_path}/clips/my%20dog.mp4"
    assert texts(listed(tmp_path, ["my dog.mp4"], cell)) == {"my dog.mp4": "0"}


def test_an_exact_name_goes_before_a_near_one_whatever_the_order(tmp_path):
    rows = listed(tmp_path, ["a.mp4", "b.mp4"], "A.mp4", "a.mp4")
    assert texts(rows) == {"a.mp4": "1"}
    assert "near it is a.mp4, which another row names" in details(rows)[0]


def test_of_two_files_that_can_be_meant_none_is_taken_and_both_are_named(tmp_path):
    rows = listed(tmp_path, ["a.mp4", "A.mp4", "x/v.mp4", "y/v.mp4"], "a.MP4", "v")
    assert texts(rows) == {}
    assert ["near it are 2 files: A.mp4, a.mp4" in details(rows)[0], "x/v.mp4, y/v.mp4" in details(rows)[1]] == [True, True]


def test_rows_that_spell_one_file_in_two_ways_may_mean_two_files(tmp_path):
    rows = listed(tmp_path, ["a.mp4"], "A.mp4", "a.MP4")
    assert texts(rows) == {}
    assert "which rows spell in 2 ways" in details(rows)[0]


@pytest.mark.parametrize("cell", ["C:/elsewhere/a.mp4", "b.mp4", "sub/a", "/elsewhere/clips/a.mp4"])
def test_other_names_stay_missing(tmp_path, cell):
    assert texts(listed(tmp_path, ["a.mp4"], cell)) == {}


def test_a_prefix_is_taken_off_and_another_put_before(tmp_path):
    assert texts(listed(tmp_path, ["a.mp4"], "/mnt/old/a.mp4", strip_prefix="/mnt/old/")) == {"a.mp4": "0"}
    assert texts(listed(tmp_path, ["sub/b.mp4"], "b.mp4", add_prefix="sub/")) == {"sub/b.mp4": "0"}
