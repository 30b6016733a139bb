"""A data set on the hub in the shape of VideoFolder or WebDataset, from a real HTTP server to a ledger."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from hub_server import FakeHub

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import GatedError, UnreachableError
from video_assets.core.schema import LEDGER
from video_assets.settings.model import Settings
from video_assets.sources.hub.repo import Patience
from video_assets.sources.hub_dataset.listing import refresh_hub
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table
from video_assets.tombstones.table import add_tombstones

REPO = "me/clips"
FOLDER = {
    "README.md": b"# clips\n",
    "train/metadata.csv": b"file_name,text\na.mp4,a dog\nsub/b.mp4,a cat\n",
    "train/a.mp4": b"clip a",
    "train/sub/b.mp4": b"clip b",
    "test/c.mp4": b"clip c",
    "test/c.txt": b"a cow\n",
}


def shard(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


SHARDS = {
    "data/00000.tar": shard({"000.mp4": "clip 0", "000.txt": "zero", "001.mp4": "clip 1", "001.json": '{"caption": "one"}'}),
    "data/00001.tar": shard({"002.mp4": "clip 2"}),
}


@pytest.fixture
def hub(monkeypatch):
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "5")
        yield server


@pytest.fixture
def hasty(monkeypatch):
    """A hub that does not answer is asked once, not six times within half a minute."""
    monkeypatch.setattr(Patience, "_wait_s", lambda *_: None)


@pytest.fixture
def refresh(tmp_path):
    def run(**options):
        settings = Settings(data_root=tmp_path, hub={"is_enabled": True, "repo": REPO, **options})
        listing = refresh_hub(Layout(tmp_path), settings, info=lambda _: None)
        rows = read_table(listing.path, LEDGER).rows.set_index("clip_key")
        rows.attrs["listing"] = listing
        return rows

    return run


def captions(rows):
    good = rows[rows["status"] == "ok"]
    return dict(zip(good.index, good["text"], strict=True))


def faults(rows):
    bad = rows[rows["status"] != "ok"]
    return dict(zip(bad.index, bad["reason"], strict=True))


def test_a_video_folder_gives_its_clips_with_the_captions_of_its_tables_and_files(hub, refresh):
    commit = hub.commit(REPO, FOLDER)
    rows = refresh()
    assert captions(rows) == {"hub/train/a.mp4": "a dog", "hub/train/sub/b.mp4": "a cat", "hub/test/c.mp4": "a cow"}
    assert Path(rows.loc["hub/train/a.mp4", "path"]).read_bytes() == b"clip a"
    assert rows.attrs["listing"].revision == commit
    assert "not fetched, by ending: .md: 1" in rows.attrs["listing"].notes[-1]


def test_shards_give_their_clips_and_are_not_kept(hub, refresh, tmp_path):
    hub.commit(REPO, SHARDS)
    rows = refresh()
    assert captions(rows) == {
        "hub/data/00000.tar/000.mp4": "zero",
        "hub/data/00000.tar/001.mp4": "one",
        "hub/data/00001.tar/002.mp4": "",
    }
    assert not list((tmp_path / "archives").rglob("*.tar"))


def test_a_captions_table_names_clips_of_shards_by_key(hub, refresh):
    hub.commit(REPO, {**SHARDS, "captions.csv": b"key,text\n000,A\n001,B\n002,C\n"})
    rows = refresh(captions="captions.csv")
    assert sorted(captions(rows).values()) == ["A", "B", "C"]


@pytest.mark.parametrize("files", [FOLDER, SHARDS])
def test_a_second_run_fetches_nothing(hub, refresh, files):
    hub.commit(REPO, files)
    refresh()
    hub.reset_counts()
    rows = refresh()
    assert hub.bytes_sent() == 0
    assert hub.n_requests("resolve") == 0
    assert rows.attrs["listing"].n_bytes_fetched == 0


def test_a_new_commit_brings_what_is_new_and_what_it_lacks_is_gone(hub, refresh, tmp_path):
    hub.commit(REPO, {**FOLDER, **SHARDS})
    refresh()
    hub.reset_counts()
    hub.commit(REPO, {"train/a.mp4": b"new clip a", "test/c.mp4": None, "data/00001.tar": None})
    rows = refresh()
    assert Path(rows.loc["hub/train/a.mp4", "path"]).read_bytes() == b"new clip a"
    assert hub.bytes_sent() == len(b"new clip a")
    assert faults(rows) == {"hub/test/c.mp4": "gone", "hub/data/00001.tar/002.mp4": "gone"}
    assert not list(tmp_path.rglob("c.mp4"))
    assert not list(tmp_path.rglob("002.mp4"))


def test_a_file_that_cannot_be_had_is_named_and_the_others_come(hub, refresh):
    hub.commit(REPO, {**FOLDER, **SHARDS})
    hub.fail("corrupt", path="train/a.mp4", at=0, times=100)
    hub.fail("corrupt", path="00001.tar", at=0, times=100)
    rows = refresh()
    assert faults(rows) == {"hub/train/a.mp4": "not_fetched", "hub/data/00001.tar/": "not_fetched"}
    assert "other contents than listed" in rows.loc["hub/train/a.mp4", "detail"]
    assert len(captions(rows)) == 4
    hub.mend()
    rows = refresh()
    assert faults(rows) == {}
    assert len(captions(rows)) == 6


@pytest.mark.parametrize(("captions_path", "name"), [(None, "train/metadata.csv"), ("words.csv", "words.csv")])
def test_captions_of_an_older_table_are_given_to_no_clip_of_a_new_commit(hub, refresh, captions_path, name):
    hub.commit(REPO, {"train/a.mp4": b"clip a", name: b"file_name,text\ntrain/a.mp4,a dog\n"})
    before = refresh(captions=captions_path)
    hub.commit(REPO, {"train/a.mp4": b"another clip", name: b"file_name,text\ntrain/a.mp4,a cat\n"})
    hub.fail("corrupt", path=name, at=0, times=2)
    with pytest.raises(SourceError, match=f"captions table {name} could not be fetched"):
        refresh(captions=captions_path)
    assert read_table(before.attrs["listing"].path, LEDGER).rows["text"].tolist() == ["a dog"]
    assert list(captions(refresh(captions=captions_path)).values()) == ["a cat"]


def test_an_older_caption_beside_a_clip_does_not_count(hub, refresh):
    hub.commit(REPO, {"a.mp4": b"clip a", "a.caption": b"a dog"})
    refresh()
    hub.commit(REPO, {"a.mp4": b"another clip", "a.caption": b"a cat"})
    hub.fail("corrupt", path="a.caption", at=0, times=2)
    assert captions(refresh()) == {"hub/a.mp4": ""}
    assert captions(refresh()) == {"hub/a.mp4": "a cat"}


@pytest.mark.usefixtures("hasty")
def test_without_the_hub_what_is_here_is_listed_and_the_note_says_so(hub, refresh, monkeypatch):
    hub.commit(REPO, FOLDER)
    before = refresh()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    rows = refresh()
    assert captions(rows) == captions(before)
    assert "The last listing counts: commit" in rows.attrs["listing"].notes[0]


@pytest.mark.parametrize("kind", ["video_folder", "webdataset"])
def test_kind_patterns_and_a_limit_choose_what_is_fetched(hub, refresh, kind):
    hub.commit(REPO, {**FOLDER, **SHARDS})
    expected = {"video_folder": ["hub/train/a.mp4"], "webdataset": ["hub/data/00000.tar/000.mp4", "hub/data/00000.tar/001.mp4"]}
    rows = refresh(kind=kind, files=["train/*", "data/*"], max_files=1)
    assert list(captions(rows)) == expected[kind]


@pytest.mark.parametrize("less", [{"max_files": 1}, {"kind": "video_folder", "files": ["train/*"]}])
def test_what_the_settings_no_longer_want_is_not_selected_and_stays_for_the_day_they_do(hub, refresh, tmp_path, less):
    hub.commit(REPO, {**FOLDER, **SHARDS})
    before = refresh()
    there = {path: path.read_bytes() for path in (tmp_path / "clips").rglob("*") if path.is_file()}
    hub.reset_counts()
    for _ in range(2):
        rows = refresh(**less)
        left = rows[rows["status"] != "ok"]
        assert set(left["status"]) == {"skipped"}
        assert set(left["reason"]) == {"not_selected"}
        assert len(left) + sum(rows["status"] == "ok") == len(before)
        assert "hub/data/00001.tar/002.mp4" in left.index
        assert not any("no longer has" in note for note in rows.attrs["listing"].notes)
    assert {path: path.read_bytes() for path in (tmp_path / "clips").rglob("*") if path.is_file()} == there
    assert captions(refresh()) == captions(before)
    assert hub.n_requests("resolve") == 0


def test_a_clip_that_a_commit_removes_is_not_listed_though_a_table_names_it_and_its_file_still_lies_there(hub, refresh):
    hub.commit(REPO, FOLDER)
    refresh()
    hub.commit(REPO, {"train/a.mp4": None})
    rows = refresh()
    assert faults(rows) == {"hub/train/a.mp4": "missing_file"}
    assert refresh().reset_index().equals(rows.reset_index()), "nothing is new"


def test_rows_about_clips_that_nobody_wants_say_so_and_are_given_to_no_other_clip(hub, refresh):
    hub.commit(REPO, {"a.mp4": b"another clip", "train/a.mp4": b"clip a", "train/metadata.csv": FOLDER["train/metadata.csv"]})
    rows = refresh(max_files=1)
    assert captions(rows) == {"hub/a.mp4": ""}
    assert rows.loc["hub/train/a.mp4", ["status", "reason"]].tolist() == ["skipped", "not_selected"]
    assert rows.loc["hub/train/sub/b.mp4", "reason"] == "missing_file"


@pytest.mark.parametrize("files", [FOLDER, SHARDS])
def test_the_files_of_one_data_set_are_not_deleted_for_another(hub, refresh, tmp_path, files):
    hub.commit(REPO, files)
    hub.commit("you/others", {"x.mp4": b"clip x", "x.txt": b"a fox"})
    fetched = captions(refresh())
    hub.reset_counts()
    for _ in range(2):
        with pytest.raises(
            SourceError, match=r"hub\.repo is you/others, and the files of me/clips lie in \S+/clips/hub: .*data root"
        ):
            refresh(repo="you/others")
    assert captions(refresh()) == fetched
    assert hub.bytes_sent() == 0
    shutil.rmtree(tmp_path / "clips" / "hub")
    assert captions(refresh(repo="you/others")) == {"hub/x.mp4": "a fox"}


@pytest.mark.parametrize("text", [None, '{"repo": "me/cl', "[]", "{}"])
def test_whose_files_lie_here_is_known_although_the_last_listing_is_torn_or_gone(hub, refresh, tmp_path, text):
    hub.commit(REPO, FOLDER)
    hub.commit("you/others", {"x.mp4": b"clip x"})
    fetched, layout = captions(refresh()), Layout(tmp_path)

    def tear():
        layout.listing("hub", "last").unlink() if text is None else layout.listing("hub", "last").write_text(text)

    tear()
    with pytest.raises(SourceError, match=r"hub\.repo is you/others, and the files of me/clips lie in"):
        refresh(repo="you/others")
    assert captions(refresh()) == fetched
    tear()
    layout.ledger("hub").unlink()
    for repo in ("you/others", REPO):
        with pytest.raises(SourceError, match=r"last\.json cannot be read, .* not known of which data set .* write \{\"repo\": "):
            refresh(repo=repo)
    layout.listing("hub", "last").write_text(json.dumps({"repo": REPO}))
    hub.reset_counts()
    assert captions(refresh()) == fetched
    assert hub.bytes_sent() == 0


def test_a_data_set_without_clips_is_refused_with_what_it_has(hub, refresh):
    hub.commit(REPO, {"README.md": b"x", "a.zip": b"x"})
    with pytest.raises(SourceError, match=r"no clips or tar shards among its 2 files .*\[openvid\] repo"):
        refresh()


def test_a_captions_table_that_is_not_there_is_refused_by_the_name_of_the_setting(hub, refresh):
    hub.commit(REPO, FOLDER)
    with pytest.raises(SourceError, match=r"no file captions.csv \(hub.captions\)"):
        refresh(captions="captions.csv")


def test_a_gated_data_set_says_what_to_do_and_writes_no_ledger(hub, refresh, tmp_path):
    hub.commit(REPO, FOLDER | {"train/a.mp4": b"clip a"})
    hub.gate(REPO, "secret")
    with pytest.raises(GatedError, match="Accept the data set's conditions"):
        refresh()
    assert not Layout(tmp_path).ledger("hub").exists()


def test_what_was_taken_down_is_neither_fetched_nor_unpacked_again(hub, refresh, tmp_path):
    hub.commit(REPO, {**FOLDER, **SHARDS})
    refresh()
    keys = ["hub/train/a.mp4", "hub/data/00000.tar/000.mp4"]
    add_tombstones(Layout(tmp_path), pd.DataFrame([{"kind": "clip_key", "value": k, "cause": k, "request": "1"} for k in keys]))
    shutil.rmtree(tmp_path / "clips")
    hub.reset_counts()
    rows = refresh()
    assert faults(rows) == dict.fromkeys(keys, "taken_down")
    assert not list(tmp_path.rglob("a.mp4"))
    assert not list(tmp_path.rglob("000.mp4"))
    assert hub.bytes_sent("train/a.mp4") == 0


def test_the_caption_of_a_clip_that_stays_is_not_deleted_with_one_that_was_taken_down(hub, refresh, tmp_path):
    hub.commit(REPO, {"train/a.mp4": b"clip a", "train/a.mov": b"clip b", "train/a.txt": b"words"})
    assert captions(refresh()) == {"hub/train/a.mp4": "words", "hub/train/a.mov": "words"}
    key = "hub/train/a.mp4"
    add_tombstones(Layout(tmp_path), pd.DataFrame([{"kind": "clip_key", "value": key, "cause": key, "request": "1"}]))
    for _ in range(2):
        rows = refresh()
    assert (captions(rows), faults(rows)) == ({"hub/train/a.mov": "words"}, {key: "taken_down"})
    assert (tmp_path / "clips" / "hub" / "files" / "train" / "a.txt").exists()


def test_a_killed_run_goes_on_where_it_was(hub, refresh, tmp_path):
    hub.commit(REPO, FOLDER)
    refresh()
    (tmp_path / "raw" / "hub.fetched.json").unlink()
    (tmp_path / "clips" / "hub" / "files" / "train" / "a.mp4").unlink()
    hub.reset_counts()
    assert len(captions(refresh())) == 3
    assert hub.bytes_sent() == len(b"clip a"), "what is there is hashed, not fetched"
    assert json.loads((tmp_path / "raw" / "hub.fetched.json").read_text())


def test_names_that_are_long_or_begin_alike_and_equal_contents_do_not_get_in_each_others_way(hub, refresh):
    names = [*("a" * 120 + str(number) for number in range(8)), "\u5f71" * 80]
    files = {f"{name}.mp4": b"x" * 50_000 + b"%d" % (number // 2) for number, name in enumerate(names)}
    hub.commit(REPO, files)
    hub.latency_s = 0.1  # all connections are at work at once
    rows = refresh(connections=8)
    assert faults(rows) == {}
    assert {Path(path).name: Path(path).read_bytes() for path in rows["path"]} == files


@pytest.mark.usefixtures("hasty")
def test_no_network_at_the_first_run_is_an_error(refresh, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UnreachableError):
        refresh()
