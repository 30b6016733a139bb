"""Shards of WebDataset in the clips folder: real tar files to a ledger whose clips lie in the data root."""

import io
import os
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from video_assets.core.schema import LEDGER
from video_assets.pipeline.forecast import forecast
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import listing_notes, refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table
from video_assets.tombstones.table import add_tombstones

OLD_NS = 1_700_000_000 * 10**9
SAMPLES = {"000.mp4": "clip 0", "000.txt": "a dog\n", "001.mp4": "clip 1", "001.json": '{"caption": "a cat", "n": 1}'}


class Folder:
    def __init__(self, folder):
        self.clips, self.layout = folder / "clips", Layout(folder / "data")
        self.clips.mkdir()
        self.told = []
        self.options = {}

    def shard(self, members, name="00000.tar", *, mtime_ns=OLD_NS):
        """A tar of (name, text or TarInfo) pairs."""
        path = self.clips / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as archive:
            for member, content in members.items() if isinstance(members, dict) else members:
                info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(member)
                data = b"" if isinstance(content, tarfile.TarInfo) else content.encode()
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    @property
    def settings(self):
        return Settings(data_root=self.layout.root, own_clips={"folder": self.clips, **self.options})

    def list(self):
        refresh_own_clips(self.layout, self.settings, info=self.told.append)
        return read_table(self.layout.ledger("own_clips"), LEDGER).rows.set_index("clip_key")

    def unpacked(self, name):
        return self.layout.unpacked("own_clips") / "00000.tar" / name

    def notes(self):
        return " ".join(listing_notes(self.layout, "own_clips"))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def captions(rows):
    good = rows[rows["status"] == "ok"]
    return dict(zip(good.index.str.removeprefix("own_clips/"), good["text"], strict=True))


def faults(rows):
    bad = rows[rows["status"] != "ok"]
    return dict(zip(bad.index.str.removeprefix("own_clips/"), bad["reason"], strict=True))


def test_a_caption_of_a_shard_that_no_csv_can_hold_is_a_fault_of_its_clip(folder):
    folder.shard({**SAMPLES, "000.txt": "x" * 131_073})
    rows = folder.list()
    assert faults(rows) == {"00000.tar/000.mp4": "invalid_caption"}
    assert captions(rows) == {"00000.tar/001.mp4": "a cat"}


def test_a_shard_gives_its_clips_with_the_captions_of_their_keys(folder):
    tar = folder.shard({**SAMPLES, "002.mp4": "clip 2", "002.cls": "17", "003.mp4": "clip 3"}, "part-1/00000.tar")
    rows = folder.list()
    assert captions(rows) == {
        "part-1/00000.tar/000.mp4": "a dog",
        "part-1/00000.tar/001.mp4": "a cat",
        "part-1/00000.tar/002.mp4": "17",
        "part-1/00000.tar/003.mp4": "",
    }
    clip = rows.loc["own_clips/part-1/00000.tar/000.mp4"]
    assert Path(clip["path"]).read_text() == "clip 0"
    assert Path(clip["path"]).is_relative_to(folder.layout.root)
    assert clip["mtime_ns"] == tar.stat().st_mtime_ns
    assert "shards of WebDataset: 1 with 4 clips (1 without a caption" in folder.notes()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"a.b/x.y/000.mp4": "", "a.b/x.y/000.txt": "dots in folders"}, {"a.b/x.y/000.mp4": "dots in folders"}),
        ({"0.l.mp4": "", "0.r.mp4": "", "0.txt": "two views"}, {"0.l.mp4": "two views", "0.r.mp4": "two views"}),
        ({"000.mp4": "", "000.caption.txt": "an ending of two parts"}, {"000.mp4": "an ending of two parts"}),
        ({"./000.mp4": "", "./000.txt": "tar cf x.tar ."}, {"000.mp4": "tar cf x.tar ."}),
        ({"000.MP4": "", "000.TXT": "upper case"}, {"000.MP4": "upper case"}),
        ({"a.mp4": "", "b.mp4": "", "a.txt": "A", "b.txt": "B"}, {"a.mp4": "A", "b.mp4": "B"}),
        ({"000.mp4": "", "000.txt": "x", "README": "", "000.npy": "", "__meta__.json": "{}"}, {"000.mp4": "x"}),
    ],
)  # fmt: skip
def test_names_are_split_as_webdataset_splits_them(folder, members, expected):
    folder.shard(members)
    assert captions(folder.list()) == {f"00000.tar/{name}": text for name, text in expected.items()}


def test_a_second_sample_of_a_key_is_named_and_never_swaps_captions(folder):
    again = [("000.webm", "another clip"), ("000.json", '"another caption"'), ("001.mp4", "clip 1 again")]
    folder.shard([*SAMPLES.items(), *again])
    rows = folder.list()
    assert captions(rows) == {"00000.tar/000.mp4": "a dog", "00000.tar/001.mp4": "a cat"}
    assert set(faults(rows).values()) == {"duplicate_path"}
    assert len(faults(rows)) == 3
    assert Path(rows.loc["own_clips/00000.tar/001.mp4", "path"]).read_text() == "clip 1"
    assert rows["detail"].str.contains("the first one counts|of this name already").sum() == 3


@pytest.mark.parametrize(
    ("spoil", "n_clips", "words"),
    [
        (lambda data: data[:1540], 1, "unexpected end of data"),
        (lambda data: data[:2048], 1, "at byte 2,048 it ends without the mark"),
        (lambda data: data[:2048] + b"\xff" * 512 + data[2560:], 1, "at byte 2,048 no member begins there"),
        (lambda data: b"<html>Sign in</html>" + data[20:], 0, "not a whole tar file"),
        (lambda _: b"", 0, "empty file"),
    ],
)
def test_a_broken_shard_gives_the_clips_before_the_break_and_says_where(folder, spoil, n_clips, words):
    tar = folder.shard(SAMPLES)
    tar.write_bytes(spoil(tar.read_bytes()))
    os.utime(tar, ns=(OLD_NS, OLD_NS))
    folder.shard({"x.mp4": "", "x.txt": "of another shard"}, "other.tar")
    rows = folder.list()
    shard = rows.loc["own_clips/00000.tar/"]
    assert (shard["status"], shard["reason"]) == ("failed", "broken_shard")
    assert words in shard["detail"]
    assert f"{n_clips} clips before that" in shard["detail"]
    assert sum(name.startswith("00000.tar/0") for name in captions(rows)) == n_clips
    assert captions(rows)["other.tar/x.mp4"] == "of another shard"


def test_members_cannot_leave_the_folder_of_their_shard(folder):
    link = tarfile.TarInfo("link.mp4")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    names = ("../out.mp4", "/abs.mp4", "a/.hid/x.mp4", "ok.mp4", "ok.mp4/x.mp4")
    folder.shard([("link.mp4", link), *((name, "x") for name in names)])
    rows = folder.list()
    assert captions(rows) == {"00000.tar/ok.mp4": ""}
    found = faults(rows)
    assert found.pop("00000.tar/link.mp4") == "not_a_file"
    assert set(found.values()) == {"unsupported_name"}
    assert len(found) == 4
    assert not list(folder.layout.root.rglob("out.mp4"))


def test_a_shard_is_unpacked_once_and_again_when_it_was_replaced(folder):
    folder.shard(SAMPLES)
    folder.list()
    before = folder.unpacked("000.mp4").stat().st_ino
    folder.list()
    assert folder.unpacked("000.mp4").stat().st_ino == before
    assert len(folder.told) == 1
    folder.shard({"000.mp4": "new clip 0", "000.txt": "a wolf"}, mtime_ns=OLD_NS + 10**9)
    rows = folder.list()
    assert captions(rows) == {"00000.tar/000.mp4": "a wolf"}
    assert faults(rows) == {"00000.tar/001.mp4": "gone"}


def test_a_shard_that_is_still_being_copied_waits(folder):
    folder.shard({"old.mp4": "", "old.txt": "there already"}, "old.tar")
    young = folder.shard(SAMPLES)
    os.utime(young)
    rows = folder.list()
    assert captions(rows) == {"old.tar/old.mp4": "there already"}
    assert faults(rows) == {"00000.tar/": "still_being_copied"}
    folder.options = {"settle_s": 0}
    assert len(captions(folder.list())) == 3


def test_what_a_killed_run_left_is_unpacked_anew(folder):
    folder.shard(SAMPLES)
    draft = folder.layout.unpacked("own_clips") / ".unpacking-00000.tar"
    draft.mkdir(parents=True)
    (draft / "half.mp4").write_text("half")
    assert len(captions(folder.list())) == 2
    assert not draft.exists()


def test_a_captions_table_may_name_clips_of_shards_by_their_keys(folder):
    folder.shard(SAMPLES)
    folder.options = {"captions": folder.clips.parent / "captions.csv"}
    (folder.clips.parent / "captions.csv").write_text("key,text\n000,a fox\n00000.tar/001.mp4,a hen\n")
    assert captions(folder.list()) == {"00000.tar/000.mp4": "a fox", "00000.tar/001.mp4": "a hen"}


def test_a_clip_that_was_taken_down_does_not_come_back_with_its_shard(folder):
    folder.shard(SAMPLES)
    stone = {"kind": "clip_key", "value": "own_clips/00000.tar/000.mp4", "cause": "000", "request": "1"}
    add_tombstones(folder.layout, pd.DataFrame([stone]))
    rows = folder.list()
    assert faults(rows) == {"00000.tar/000.mp4": "taken_down"}
    assert not Path(rows.loc["own_clips/00000.tar/000.mp4", "path"]).exists()
    assert not list(folder.layout.root.rglob("000.txt"))
    assert faults(folder.list()) == {"00000.tar/000.mp4": "taken_down"}


def test_tar_files_are_left_alone_when_the_setting_says_so(folder):
    folder.shard(SAMPLES)
    (folder.clips / "x.mp4").write_text("")
    folder.options = {"unpack_shards": False, "settle_s": 0}
    assert captions(folder.list()) == {"x.mp4": ""}
    assert "tar files are not read: 1 (own_clips.unpack_shards is off)" in folder.notes()


def test_a_forecast_unpacks_nothing_and_says_what_a_run_would(folder):
    folder.shard(SAMPLES)
    (folder.clips / "x.mp4").write_text("")
    told = forecast(folder.layout, folder.settings)
    assert "shards of WebDataset that are not unpacked yet: 1; a run unpacks them" in told.notes
    assert not folder.layout.unpacked("own_clips").exists()
