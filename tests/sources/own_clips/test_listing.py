"""The user's own clips, listed from real folders and tables."""

import errno
import json
import os
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deep_folder import LONGEST, deep_folder
from faulty_mount import faulty_mount, why_no_mount

from video_assets.core.errors import SourceError
from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.listing import list_own_clips
from video_assets.storage.tables import read_table, write_table

NOW = 1_800_000_000_000_000_000
OLD = NOW - 3600 * 10**9


def put(path, content=b"clip", *, mtime_ns=OLD):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def listing(folder=None, captions=None, *, previous=None, now_ns=NOW, ignore=(), **options):
    return list_own_clips(OwnClips(folder=folder, captions=captions, **options), previous=previous, now_ns=now_ns, ignore=ignore)


def texts(rows):
    """Name below the root to caption, of clips that are ok."""
    good = rows[rows["status"] == "ok"]
    return dict(zip(good["clip_key"].str.removeprefix("own_clips/"), good["text"], strict=True))


def faults(rows):
    """Name below the root to reason, of lines that are not ok."""
    bad = rows[rows["status"] != "ok"]
    return dict(zip(bad["clip_key"].str.removeprefix("own_clips/"), bad["reason"], strict=True))


def detail(rows, name):
    return rows["detail"][rows["clip_key"] == f"own_clips/{name}"].item()


def refusal(**options):
    with pytest.raises(SourceError) as raised:
        listing(**options)
    return str(raised.value)


# --- a folder -----------------------------------------------------------------------------------------------------------------


def test_a_folder_is_listed_with_everything_below_it_in_the_order_of_keys(tmp_path):
    for name in ("b.mp4", "A.MP4", "-dash.mov", "sub/deep/c.Mkv", "with\nnewline.webm", "ünï.mp4", "dots.in.name.mp4"):
        put(tmp_path / name)
    rows = listing(tmp_path)
    keys = rows["clip_key"].tolist()
    assert keys == sorted(keys)
    assert set(texts(rows)) == {
        "b.mp4", "A.MP4", "-dash.mov", "sub/deep/c.Mkv", "with\nnewline.webm", "ünï.mp4", "dots.in.name.mp4",
    }  # fmt: skip
    assert rows["path"].tolist() == [str(tmp_path / key.removeprefix("own_clips/")) for key in keys]
    assert set(rows["file_size"]) == {4}
    assert set(rows["mtime_ns"]) == {OLD}
    assert set(rows["source"]) == {"own_clips"}


def test_hidden_names_and_drafts_are_left_out_and_other_files_are_counted(tmp_path):
    for name in ("a.mp4", ".hidden.mp4", "._a.mp4", ".draft-b.mp4", ".cache/c.mp4", "notes.md", "x.jpg", "y.jpg", "b.txt"):
        put(tmp_path / name)
    rows = listing(tmp_path)
    assert texts(rows) == {"a.mp4": ""}
    assert rows.attrs["notes"] == ["files that are no clips by their endings: 4 (.jpg: 2, .md: 1, .txt: 1)"]


def test_the_data_root_below_the_clips_folder_is_left_out(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "data/sample.mp4")
    (tmp_path / "link").symlink_to("data")
    assert texts(listing(tmp_path, ignore=(tmp_path / "data", tmp_path / "absent"))) == {"a.mp4": ""}


def test_a_data_root_above_the_clips_folder_hides_nothing(tmp_path):
    put(tmp_path / "clips/a.mp4")
    assert texts(listing(tmp_path / "clips", ignore=(tmp_path,))) == {"a.mp4": ""}


def test_a_name_that_is_a_suffix_without_its_dot_is_no_clip(tmp_path):
    for name in ("a.mp4", "mp4", "b/webm"):
        put(tmp_path / name)
    assert set(texts(listing(tmp_path))) == {"a.mp4"}


def test_suffixes_can_be_set(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.y4m")
    assert texts(listing(tmp_path, suffixes=(".y4m",))) == {"a.y4m": ""}


def test_listing_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4", "sub/c.mp4", "copied.mp4.part"):
        put(tmp_path / "clips" / name)
    put(tmp_path / "clips/a.txt", "hello")
    put(tmp_path / "clips/b.mp4", mtime_ns=NOW + 10**18)
    put(tmp_path / "clips/young.mp4", mtime_ns=NOW - 10**9)
    hashes = set()
    previous = listing(tmp_path / "clips")
    for later in range(3):
        rows = listing(tmp_path / "clips", previous=previous, now_ns=NOW + later * 10**9)
        hashes.add(write_table(tmp_path / "ledger.parquet", LEDGER, rows))
        previous = read_table(tmp_path / "ledger.parquet", LEDGER).rows
    assert len(hashes) == 1


def test_a_missing_folder_a_file_and_a_folder_without_clips_are_refused(tmp_path):
    assert "no such folder (own_clips.folder)" in refusal(folder=tmp_path / "no")
    assert "not a folder" in refusal(folder=put(tmp_path / "a.mp4"))
    put(tmp_path / "empty/a.jpg")
    assert "no clip in this folder (other files: 1); clips end in .mp4" in refusal(folder=tmp_path / "empty")
    assert "no clips are set" in refusal()


# --- links, special files, permissions, storage -------------------------------------------------------------------------------


def test_links_to_clips_and_folders_elsewhere_are_followed(tmp_path):
    put(tmp_path / "other/d/x.mp4")
    put(tmp_path / "blobs/0123abc")
    put(tmp_path / "clips/a.mp4")
    (tmp_path / "clips/disk").symlink_to(tmp_path / "other")
    (tmp_path / "clips/hub.mp4").symlink_to("../blobs/0123abc")
    assert set(texts(listing(tmp_path / "clips"))) == {"a.mp4", "disk/d/x.mp4", "hub.mp4"}


def test_a_clips_folder_that_is_a_link_itself_is_followed(tmp_path):
    put(tmp_path / "real/a.mp4")
    (tmp_path / "clips").symlink_to("real")
    rows = listing(tmp_path / "clips", put(tmp_path / "t.csv", f"path,text\n{tmp_path}/real/a.mp4,x\n"))
    assert texts(rows) == {"a.mp4": "x"}
    assert rows["path"].tolist() == [f"{tmp_path}/clips/a.mp4"]


def test_links_that_loop_or_lead_nowhere_get_a_line_and_the_rest_is_listed_once(tmp_path):
    put(tmp_path / "clips/sub/a.mp4")
    for name, target in {
        "sub/up": "..",
        "sub/here": ".",
        "rootlink": "/",
        "self.mp4": "self.mp4",
        "lost.mp4": "nowhere.mp4",
        "lostdisk": "/no/such/disk",
        "lost.jpg": "nowhere.jpg",
        "again": "sub",
    }.items():
        (tmp_path / "clips" / name).symlink_to(target)
    rows = listing(tmp_path / "clips")
    assert texts(rows) == {"sub/a.mp4": ""}
    assert faults(rows) == {
        "sub/up/": "symlink_loop",
        "sub/here/": "symlink_loop",
        "rootlink/": "symlink_loop",
        "self.mp4": "symlink_loop",
        "lost.mp4": "broken_link",
        "lostdisk/": "broken_link",
    }
    assert "links to folders that are listed under another name already: 1" in rows.attrs["notes"]


def test_a_link_never_renames_the_clips_of_a_real_folder(tmp_path):
    put(tmp_path / "zebra/a.mp4")
    (tmp_path / "ant").symlink_to("zebra")
    assert texts(listing(tmp_path)) == {"zebra/a.mp4": ""}


def test_a_row_may_name_a_clip_through_a_link(tmp_path):
    put(tmp_path / "zebra/a.mp4")
    (tmp_path / "ant").symlink_to("zebra")
    rows = listing(tmp_path, put(tmp_path / "t.csv", "path,text\nant/a.mp4,x\n"))
    assert texts(rows) == {"ant/a.mp4": "x", "zebra/a.mp4": ""}


def test_pipes_and_sockets_named_like_clips_are_no_files(tmp_path):
    put(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "sock.mp4"))
        rows = listing(tmp_path)
    assert faults(rows) == {"pipe.mp4": "not_a_file", "sock.mp4": "not_a_file"}
    assert detail(rows, "pipe.mp4") == "a pipe, not a file"


def test_a_name_that_is_not_utf8_gets_an_escaped_line(tmp_path):
    put(tmp_path / "a.mp4")
    for name in (b"caf\xe9.mp4", b"d\xff/b.mp4"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        put(path)
    put(tmp_path / "caf\\xe9.mp4")
    rows = listing(tmp_path)
    assert set(texts(rows)) == {"a.mp4", "caf\\xe9.mp4"}
    assert faults(rows) == {"caf\\xe9.mp4#folder": "unsupported_name", "d\\xff/b.mp4": "unsupported_name"}
    write_table(tmp_path / "ledger.parquet", LEDGER, rows)


@contextmanager
def ordinary_user():
    """A folder that an ordinary user can reach, and that user's rights (root is refused nothing)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    is_root = os.geteuid() == 0
    # What is imported on the way may lie where that user must not read.
    first = put(folder / "first" / "a.mp4").parent
    listing(first, captions=put(folder / "first.csv", "path,text\na.mp4,x\n"))
    shutil.rmtree(first)
    (folder / "first.csv").unlink()
    try:
        yield folder, (lambda: os.seteuid(65534)) if is_root else (lambda: None)
    finally:
        if is_root:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_files_and_folders_that_may_not_be_read_get_a_line_each():
    with ordinary_user() as (folder, become):
        for name in ("a.mp4", "closed.mp4", "closed/b.mp4", "listonly/c.mp4"):
            put(folder / name)
        for name, mode in {"closed.mp4": 0, "closed": 0, "listonly": 0o444}.items():
            (folder / name).chmod(mode)
        table = put(folder / "t.csv", "path,text\nclosed/b.mp4,x\na.mp4,y\n")
        become()
        rows = listing(folder, table)
        assert texts(rows) == {"a.mp4": "y"}
        assert faults(rows) == dict.fromkeys(["closed.mp4", "closed/", "closed/b.mp4", "listonly/c.mp4"], "unreadable")


def test_names_that_stand_twice_in_json_are_lines_of_their_own(tmp_path):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        put(tmp_path / "clips" / name)
    table = put(tmp_path / "t.json", '{"a.mp4": "x", "b.mp4": "q", "a.mp4": "y"}')
    rows = listing(tmp_path / "clips", table)
    assert texts(rows) == {"a.mp4": "x", "b.mp4": "q", "c.mp4": ""}
    assert faults(rows) == {"a.mp4#t.json:3": "duplicate_path"}
    put(tmp_path / "clips/c.json", '{"caption": "x", "caption": "y"}')
    rows = listing(tmp_path / "clips")
    assert texts(rows)["c.mp4"] == "x"
    assert json.loads(rows["extras"][2]) == {"caption.2": "y"}


def test_what_lies_deeper_than_the_system_allows_is_a_fault_of_its_own(tmp_path):
    put(tmp_path / "clips/a.mp4")
    with deep_folder(tmp_path / "clips", LONGEST - 10) as deep:
        os.mkdir("too-long-a-name", dir_fd=deep)
        for name in ("b.mp4", "much-longer.mp4"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=deep))
            os.utime(name, ns=(OLD, OLD), dir_fd=deep)
        rows = listing(tmp_path / "clips")
    assert {name.rpartition("/")[2] for name in texts(rows)} == {"a.mp4", "b.mp4"}
    found = {name.rstrip("/").rpartition("/")[2]: reason for name, reason in faults(rows).items()}
    assert found == {"too-long-a-name": "unreadable", "much-longer.mp4": "unreadable"}
    assert all(len(one) < 200 for one in rows["detail"])


def test_a_table_a_folder_and_a_sidecar_that_may_not_be_read():
    with ordinary_user() as (folder, become):
        put(folder / "clips/a.mp4")
        put(folder / "clips/a.txt", "x").chmod(0)
        put(folder / "t.csv", "path,text\na.mp4,x\n").chmod(0)
        put(folder / "closed/a.mp4")
        (folder / "closed").chmod(0)
        become()
        rows = listing(folder / "clips")
        assert faults(rows) == {"a.mp4": "invalid_caption"}
        assert detail(rows, "a.mp4") == "a.txt may not be read (permission denied)"
        assert "t.csv: the captions table may not be read" in refusal(folder=folder / "clips", captions=folder / "t.csv")
        assert "may not be read (permission denied)" in refusal(folder=folder / "closed")


@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "mounts work")
@pytest.mark.parametrize("error", ["EIO", "ESTALE"])
@pytest.mark.parametrize("call", ["lookup", "readdir"])
def test_storage_that_fails_lists_nothing_rather_than_half(tmp_path, error, call):
    for name in ("a.mp4", "sub/b.mp4"):
        put(tmp_path / "source" / name)
    (tmp_path / "mount").mkdir()
    with faulty_mount(tmp_path / "source", tmp_path / "mount") as mount:
        mount.fail(error, on=(call,), name="sub")
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the point
            listing(tmp_path / "mount")
        assert raised.value.errno == getattr(errno, error)
        mount.mend()
        assert set(texts(listing(tmp_path / "mount"))) == {"a.mp4", "sub/b.mp4"}


# --- files still being copied -------------------------------------------------------------------------------------------------


def test_files_that_are_still_copied_wait_and_are_taken_later(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "young.mp4", mtime_ns=NOW - 3 * 10**9)
    put(tmp_path / "loaded.mp4.part")
    put(tmp_path / "notes.part")
    rows = listing(tmp_path)
    assert faults(rows) == {"young.mp4": "still_being_copied", "loaded.mp4": "still_being_copied"}
    assert set(rows["status"]) == {"ok", "waiting"}
    put(tmp_path / "loaded.mp4")
    (tmp_path / "loaded.mp4.part").unlink()
    rows = listing(tmp_path, previous=rows, now_ns=NOW + 60 * 10**9)
    assert set(texts(rows)) == {"a.mp4", "young.mp4", "loaded.mp4"}
    assert not faults(rows)


def test_a_copy_that_replaces_a_whole_clip_does_not_hide_it(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.mp4.tmp")
    assert texts(listing(tmp_path)) == {"a.mp4": ""}


def test_a_row_of_a_clip_that_is_still_downloaded_waits_with_its_caption(tmp_path):
    put(tmp_path / "a.mp4.crdownload")
    rows = listing(tmp_path, put(tmp_path / "t.csv", "path,text\na.mp4,x\n"))
    assert (rows["status"].item(), rows["text"].item()) == ("waiting", "x")


def test_a_modification_time_in_the_future_does_not_wait_for_ever(tmp_path):
    put(tmp_path / "a.mp4", mtime_ns=NOW + 10**18)
    first = listing(tmp_path)
    assert faults(first) == {"a.mp4": "still_being_copied"}
    assert texts(listing(tmp_path, previous=first)) == {"a.mp4": ""}


# --- a captions table ---------------------------------------------------------------------------------------------------------


def test_a_table_gives_captions_and_clips_without_a_row_are_listed_without_one(tmp_path):
    for name in ("a.mp4", "b.MP4", "sub/c.mp4"):
        put(tmp_path / "clips" / name)
    put(tmp_path / "clips/sub/c.txt", "not asked")
    table = put(tmp_path / "clips.csv", "path,text,score\na.mp4,one,5\n./sub//../b.MP4,two,\n")
    rows = listing(tmp_path / "clips", table)
    assert texts(rows) == {"a.mp4": "one", "b.MP4": "two", "sub/c.mp4": ""}
    assert rows["origin"].tolist() == ["clips.csv:2", "clips.csv:3", "folder"]
    assert json.loads(rows["extras"].iloc[0]) == {"score": "5"}


def test_rows_mean_files_below_the_tables_folder_then_below_root_and_folder(tmp_path):
    for name in ("tables/near.mp4", "root.mp4", "clips/far.mp4", "clips/near.mp4"):
        put(tmp_path / name)
    table = put(tmp_path / "tables/t.csv", "path,text\nnear.mp4,1\nroot.mp4,2\nfar.mp4,3\n")
    rows = listing(tmp_path / "clips", table, root=tmp_path)
    assert texts(rows) == {"tables/near.mp4": "1", "root.mp4": "2", "clips/far.mp4": "3", "clips/near.mp4": ""}


HALF = "b\\ud83d.mp4"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (f'{{"path": "{HALF}", "text": "x"}}\n{{"path": "a.mp4", "text": "y"}}', {}),
        ('{"path": "\\ud83d/b.mp4", "text": "x"}\n{"path": "a.mp4", "text": "y"}', {}),
        ('{"path": "/clips/\\ud83d/b.mp4", "text": "x"}\n{"path": "a.mp4", "text": "y"}', {}),
        (f'{{"{HALF}": "x", "a.mp4": "y"}}', {}),
        (f'{{"n": "{HALF}", "text": "x"}}\n{{"n": "a.mp4", "text": "y"}}', {"path_template": "{n}"}),
        (f'{{"path": "{HALF}", "text": "x"}}\n{{"path": "a.mp4", "text": "y"}}', {"add_prefix": "./"}),
        ('{"path": "b%00.mp4", "text": "x"}\n{"path": "a.mp4", "text": "y"}', {}),
        ('{"path": "/clips/%00/b.mp4", "text": "x"}\n{"path": "a.mp4", "text": "y"}', {}),
    ],
)
def test_a_path_with_half_a_character_is_a_fault_of_its_row(tmp_path, content, options):
    put(tmp_path / "clips/a.mp4")
    table = put(tmp_path / "t.json", content)
    rows = listing(tmp_path / "clips", table, **options)
    assert texts(rows) == {"a.mp4": "y"}
    expected = "unsupported_name" if "ud83d" in content else "missing_file" if '"b%00' in content else "outside_root"
    assert list(faults(rows).values()) == [expected]
    assert all(key.encode() for key in rows["clip_key"])


def test_a_header_with_a_name_that_looks_numbered_is_read(tmp_path):
    put(tmp_path / "a.mp4")
    rows = listing(tmp_path, put(tmp_path / "t.csv", "path,text,text.4,text\na.mp4,x,y,z\n"))
    assert texts(rows) == {"a.mp4": "x"}
    assert json.loads(rows["extras"][0]) == {"text.4": "y", "text.4.4": "z"}


def test_absolute_and_relative_paths_of_one_clip_are_one_clip(tmp_path):
    put(tmp_path / "a.mp4")
    rows = listing(None, put(tmp_path / "t.csv", f"path,text\na.mp4,x\n{tmp_path}/./a.mp4,x\n"))
    assert texts(rows) == {"a.mp4": "x"}
    assert faults(rows) == {"a.mp4#t.csv:3": "duplicate_path"}
    assert detail(rows, "a.mp4#t.csv:3") == "t.csv:2 lists this clip already, with the same caption"


def test_a_table_alone_may_name_absolute_paths_anywhere_but_not_climb_out(tmp_path):
    put(tmp_path / "elsewhere/a.mp4")
    table = put(tmp_path / "t/t.csv", f"path,text\n{tmp_path}/elsewhere/a.mp4,x\n../elsewhere/a.mp4,y\n")
    rows = listing(None, table)
    key = f"{tmp_path}/elsewhere/a.mp4"
    assert texts(rows) == {key: "x"}
    assert rows["clip_key"].iloc[0] == f"own_clips/{key}"
    assert list(faults(rows).values()) == ["duplicate_path"]
    climbing = listing(None, put(tmp_path / "t/u.csv", "path,text\n../elsewhere/a.mp4,y\n"))
    assert faults(climbing) == {key: "outside_root"}


def test_rows_that_name_no_usable_clip_get_one_line_each(tmp_path):
    for name in ("clips/ok.mp4", "clips/image.jpg", "outside.mp4", "clips/.hidden/h.mp4"):
        put(tmp_path / name)
    (tmp_path / "clips/d.mp4").mkdir()
    (tmp_path / "clips/lost.mp4").symlink_to("nowhere")
    lines = {
        "ok.mp4": "",
        "no.mp4": "missing_file",
        "ok.mp4/x.mp4": "missing_file",
        "x" * 300 + ".mp4": "missing_file",
        "d.mp4": "not_a_file",
        "image.jpg": "unsupported_suffix",
        "lost.mp4": "broken_link",
        str(tmp_path / "outside.mp4"): "outside_root",
        "https://example.org/v.mp4": "url",
        ".hidden/h.mp4": "",
    }
    table = put(tmp_path / "clips/t.csv", "path,text\n" + "".join(f"{path},x\n" for path in lines) + " ,x\n")
    rows = listing(tmp_path / "clips", table)
    expected = {path: reason for path, reason in lines.items() if reason} | {"#t.csv:12": "empty_path"}
    assert faults(rows) == expected
    assert set(texts(rows)) == {"ok.mp4", ".hidden/h.mp4"}
    assert "set own_clips.root" in detail(rows, str(tmp_path / "outside.mp4"))
    assert detail(rows, "no.mp4") == f"no such file: {tmp_path}/clips/no.mp4"


def test_a_table_beside_the_clips_folder_says_outside_root_when_its_file_is_there(tmp_path):
    put(tmp_path / "clips/a.mp4")
    put(tmp_path / "b.mp4")
    rows = listing(tmp_path / "clips", put(tmp_path / "t.csv", "path,text\na.mp4,x\nb.mp4,y\nc.mp4,z\nclips/a.mp4,again\n"))
    assert faults(rows) == {
        str(tmp_path / "b.mp4"): "outside_root",
        "c.mp4": "missing_file",
        "a.mp4#t.csv:5": "duplicate_path",
    }


def test_paths_that_cannot_be_stored_get_an_escaped_line(tmp_path):
    put(tmp_path / "a.mp4")
    content = '{"path": "a.mp4", "text": "x"}\n{"path": "half\\ud83d.mp4", "text": "y"}\n{"path": "n\\u0000.mp4", "text": "z"}\n'
    rows = listing(None, put(tmp_path / "t.jsonl", content))
    assert faults(rows) == {"half\\ud83d.mp4": "unsupported_name", "n\\x00.mp4": "unsupported_name"}


def test_a_caption_that_is_no_text_fails_its_clip_alone(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "b.mp4")
    rows = listing(None, put(tmp_path / "t.jsonl", '{"path": "a.mp4", "text": {"en": "x"}}\n{"path": "b.mp4", "text": "y"}\n'))
    assert faults(rows) == {"a.mp4": "invalid_caption"}
    assert texts(rows) == {"b.mp4": "y"}


def test_a_parquet_table_is_read(tmp_path):
    put(tmp_path / "a.mp4")
    pq.write_table(pa.table({"video": ["a.mp4"], "caption": ["x"]}), tmp_path / "t.parquet")
    assert texts(listing(None, tmp_path / "t.parquet")) == {"a.mp4": "x"}


def test_windows_1252_is_told(tmp_path):
    put(tmp_path / "a.mp4")
    rows = listing(None, put(tmp_path / "t.csv", "path,text\na.mp4,caf\u00e9\n".encode("cp1252")))
    assert texts(rows) == {"a.mp4": "caf\u00e9"}
    assert "not UTF-8" in rows.attrs["notes"][0]


def test_a_root_that_does_not_hold_the_folder_or_is_missing_is_refused(tmp_path):
    put(tmp_path / "clips/a.mp4")
    (tmp_path / "root").mkdir()
    assert "is not in own_clips.root" in refusal(folder=tmp_path / "clips", root=tmp_path / "root")
    assert "no such folder (own_clips.root)" in refusal(folder=tmp_path / "clips", root=tmp_path / "no")
    assert "no such captions table" in refusal(captions=tmp_path / "no/t.csv")


# --- captions without a table of their own ------------------------------------------------------------------------------------


def test_hugging_face_metadata_is_found_also_in_nested_folders(tmp_path):
    for name in ("a.mp4", "train/b.mp4", "train/deep/c.mp4", "jsonl/d.mp4", "parquet/e.mp4"):
        put(tmp_path / name)
    put(tmp_path / "metadata.csv", "file_name,text\na.mp4,1\ntrain/deep/c.mp4,far\n")
    put(tmp_path / "train/metadata.csv", "file_name,text,n\nb.mp4,2,7\ndeep/c.mp4,near,8\n")
    put(tmp_path / "jsonl/metadata.jsonl", '{"file_name": "d.mp4", "text": "4"}\n')
    pq.write_table(pa.table({"file_name": ["e.mp4"], "text": ["5"]}), tmp_path / "parquet/metadata.parquet")
    rows = listing(tmp_path)
    assert texts(rows) == {"a.mp4": "1", "train/b.mp4": "2", "train/deep/c.mp4": "near", "jsonl/d.mp4": "4", "parquet/e.mp4": "5"}
    assert faults(rows) == {"train/deep/c.mp4#metadata.csv:3": "duplicate_path"}


def test_two_metadata_tables_in_one_folder_are_refused(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "metadata.csv", "file_name,text\na.mp4,1\n")
    put(tmp_path / "metadata.jsonl", '{"file_name": "a.mp4", "text": "2"}\n')
    assert "both metadata.csv and metadata.jsonl" in refusal(folder=tmp_path)
    assert texts(listing(tmp_path, tmp_path / "metadata.jsonl")) == {"a.mp4": "2"}


def test_sidecars_give_captions_to_clips_that_no_metadata_names(tmp_path):
    for name in ("m.mp4", "t.mp4", "j.MP4", "both.mp4", "none.mp4", "sub/bom.mkv"):
        put(tmp_path / name)
    put(tmp_path / "metadata.csv", "file_name,text\nm.mp4,from the table\n")
    put(tmp_path / "m.txt", "not this")
    put(tmp_path / "t.txt", "  two\nlines\r\n\n")
    put(tmp_path / "j.json", '{"dense_caption": "dense", "caption": "short", "n": 1}')
    put(tmp_path / "both.TXT", "text wins")
    put(tmp_path / "both.json", '{"text": "json"}')
    put(tmp_path / "none.json", '{"width": 3}')
    put(tmp_path / "sub/bom.txt", "caf\u00e9".encode("utf-8-sig"))
    rows = listing(tmp_path)
    assert texts(rows) == {
        "m.mp4": "from the table",
        "t.mp4": "  two\nlines",
        "j.MP4": "short",
        "both.mp4": "text wins",
        "none.mp4": "",
        "sub/bom.mkv": "caf\u00e9",
    }
    assert json.loads(rows["extras"][rows["clip_key"] == "own_clips/j.MP4"].item()) == {"dense_caption": "dense", "n": 1}


def test_sidecars_that_hold_no_caption_fail_their_clip_alone(tmp_path):
    sidecars = {"a.json": b"{", "b.json": b"[1]", "c.txt": b"\x9d", "d.txt": b"x\0", "e.txt": b"x" * (2 << 20), "f.txt": b"fine"}
    for name, content in sidecars.items():
        put(tmp_path / name, content)
        put(tmp_path / f"{name[0]}.mp4")
    rows = listing(tmp_path)
    assert faults(rows) == dict.fromkeys(["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"], "invalid_caption")
    assert texts(rows) == {"f.mp4": "fine"}


def test_a_value_of_a_sidecar_that_is_called_as_all_captions_is_kept_beside_them(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.json", '{"text": ["x", "y"], "captions": 7}')
    rows = listing(tmp_path)
    assert json.loads(rows["extras"][0]) == {"captions": ["x", "y"], "captions.2": 7}


@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.parquet", "metadata.jsonl", "videos.txt", "a.txt", "a.json"])
def test_a_caption_that_no_csv_can_hold_is_a_fault_of_its_clip(tmp_path, name):
    texts_of = {"a.mp4": "x" * 131_073, "b.mp4": "\u00e9" * 131_072}
    folder = tmp_path / "clips"
    for clip in texts_of:
        put(folder / clip)
    captions = None
    if name == "t.parquet":
        captions = tmp_path / name
        pq.write_table(pa.table({"path": list(texts_of), "text": list(texts_of.values())}), captions)
    elif name.endswith(".jsonl"):
        rows_of = [{"file_name": clip, "text": text} for clip, text in texts_of.items()]
        path = put((folder if name.startswith("meta") else tmp_path) / name, "\n".join(map(json.dumps, rows_of)))
        captions = None if name.startswith("meta") else path
    elif name == "t.json":
        captions = put(tmp_path / name, json.dumps(texts_of))
    elif name == "videos.txt":
        put(folder / name, "\n".join(texts_of))
        put(folder / "prompts.txt", "\n".join(texts_of.values()))
    else:
        for clip, text in texts_of.items():
            put(folder / f"{clip[0]}{name[1:]}", json.dumps({"text": text}) if name == "a.json" else text)
    rows = listing(folder, captions)
    assert faults(rows) == {"a.mp4": "invalid_caption"}
    assert "131,073 characters; Python's csv module reads no CSV with more than 131,072" in detail(rows, "a.mp4")
    assert texts(rows) == {"b.mp4": texts_of["b.mp4"]}


def test_caption_files_that_a_named_table_leaves_unread_are_told(tmp_path):
    for name in ("a.mp4", "a.txt", "b.txt", "c.json", "notes.md"):
        put(tmp_path / name)
    table = put(tmp_path / "t.json", '{"a.mp4": "x"}')
    told = (
        "caption files beside clips are not read, since own_clips.captions names a table; files that may be such: 3 (.txt, .json)"
    )
    assert told in listing(tmp_path, table).attrs["notes"]
    assert not any("not read" in note for note in listing(tmp_path).attrs["notes"])
    for name in ("a.txt", "b.txt", "c.json"):
        (tmp_path / name).unlink()
    assert not any("not read" in note for note in listing(tmp_path, table).attrs["notes"])
    table.unlink()
    put(tmp_path / "prompts.txt", "x")
    pair = listing(tmp_path, put(tmp_path / "videos.txt", "a.mp4"))
    assert pair.attrs["notes"] == ["files that are no clips by their endings: 1 (.md: 1)"]


def test_half_a_character_in_a_list_of_captions_is_a_fault_of_its_clip(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "b.mp4")
    put(tmp_path / "prompts.txt", "+2D0-\nfine")
    rows = listing(tmp_path, put(tmp_path / "videos.txt", "a.mp4\nb.mp4"), encoding="utf-7")
    assert faults(rows) == {"a.mp4": "invalid_caption"}
    assert texts(rows) == {"b.mp4": "fine"}


def test_captions_that_are_too_long_together_are_a_fault_of_their_clip(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.json", json.dumps(["x" * 70_000, "y" * 70_000]))
    assert faults(listing(tmp_path, captions_pick="join")) == {"a.mp4": "invalid_caption"}
    assert texts(listing(tmp_path)) == {"a.mp4": "x" * 70_000}


def test_sidecars_in_another_encoding_are_never_read_as_other_words(tmp_path):
    contents = {
        "gbk": "一只狗在雪地里奔跑".encode("gbk"),
        "ru": "Собака бежит".encode("cp1251"),
        "fr": "créée à côté".encode("cp1252"),
    }
    contents |= {"utf16": "a dog é".encode("utf-16-le"), "utf8": "é".encode()}
    for name, content in contents.items():
        put(tmp_path / f"{name}.mp4")
        put(tmp_path / f"{name}.txt", content)
    rows = listing(tmp_path)
    assert texts(rows) == {"fr.mp4": "créée à côté", "utf16.mp4": "a dog é", "utf8.mp4": "é"}
    assert faults(rows) == {"gbk.mp4": "invalid_caption", "ru.mp4": "invalid_caption"}
    guessed, unknown = rows.attrs["notes"]
    assert "caption files that are not UTF-8: 1, read as Windows-1252; first fr.txt: 'créée à côté'" in guessed
    assert "caption files of unknown encoding: 2" in unknown
    again = listing(tmp_path, previous=rows)
    assert again.attrs["notes"] == rows.attrs["notes"], "also when no file is opened again"


def test_the_encoding_that_is_named_counts_for_sidecars_and_opens_them_again(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.txt", "Собака бежит".encode("cp1251"))
    rows = listing(tmp_path)
    rows = listing(tmp_path, previous=rows, encoding="cp1251")
    assert texts(rows) == {"a.mp4": "Собака бежит"}
    assert texts(listing(tmp_path, previous=rows, encoding="koi8-r")) != texts(rows)


def test_a_caption_file_that_does_not_fit_the_encoding_is_a_fault_of_its_clip(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.txt", b"dog")
    rows = listing(tmp_path, encoding="utf-32")
    assert faults(rows) == {"a.mp4": "invalid_caption"}
    assert "a.txt: not utf-32" in detail(rows, "a.mp4")
    table = put(tmp_path / "t.csv", "path,text\na.mp4,x\n")
    message = refusal(folder=tmp_path, captions=table, encoding="utf-16")
    assert message.startswith(f"{table}: not utf-16 (UTF-16 stream does not start with BOM)")
    assert "own_clips.encoding" in message
    assert texts(listing(tmp_path, put(table, "path,text\na.mp4,x\n".encode("utf-16")), encoding="utf-16")) == {"a.mp4": "x"}


def test_captions_lie_in_a_folder_beside_that_of_the_clips(tmp_path):
    for name in ("set/videos/a.mp4", "set/videos/b.mp4", "videos/c.mp4"):
        put(tmp_path / name)
    put(tmp_path / "set/labels/a.txt", "from labels")
    put(tmp_path / "set/videos/b.caption", "beside")
    put(tmp_path / "captions/c.json", '{"Caption": "json"}')
    rows = listing(tmp_path)
    assert texts(rows) == {"set/videos/a.mp4": "from labels", "set/videos/b.mp4": "beside", "videos/c.mp4": "json"}
    assert rows.attrs["notes"] == []


def test_a_folder_may_have_its_captions_by_name_or_in_two_lists(tmp_path):
    for name in ("a/x.mp4", "b/y.mp4", "c/z.mp4"):
        put(tmp_path / name)
    put(tmp_path / "a/captions.json", '{"x": ["one", "two words"]}')
    put(tmp_path / "b/videos.txt", "y.mp4\n")
    put(tmp_path / "b/prompts.txt", "three\n")
    put(tmp_path / "c/captions.json", '{"info": 1}')
    rows = listing(tmp_path, captions_pick="longest")
    assert texts(rows) == {"a/x.mp4": "two words", "b/y.mp4": "three", "c/z.mp4": ""}
    assert any("not used" in note and "c/captions.json" in note for note in rows.attrs["notes"])
    assert any("clips with several captions: 1; taken is: longest" in note for note in rows.attrs["notes"])


def test_one_caption_of_several_is_picked_by_the_clip_and_stays_the_same(tmp_path):
    for number in range(20):
        put(tmp_path / f"{number}.mp4")
        put(tmp_path / f"{number}.json", '{"text": ["one", "two"]}')
    rows = listing(tmp_path, captions_pick="random_by_key")
    assert set(texts(rows).values()) == {"one", "two"}
    assert texts(listing(tmp_path, captions_pick="random_by_key")) == texts(rows)
    assert set(texts(listing(tmp_path, captions_pick="join")).values()) == {"one two"}
    assert set(texts(listing(tmp_path, previous=rows)).values()) == {"one"}


def test_several_tables_are_named_by_a_pattern(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        put(tmp_path / "clips" / name)
    for number, name in enumerate(("a.mp4", "b.mp4")):
        pq.write_table(pa.table({"path": [name], "text": [str(number)]}), tmp_path / f"captions-{number}.parquet")
    assert texts(listing(tmp_path / "clips", tmp_path / "captions-*.parquet")) == {"a.mp4": "0", "b.mp4": "1"}
    assert "no captions table fits this pattern" in refusal(folder=tmp_path / "clips", captions=tmp_path / "x-*.parquet")


def test_videos_of_other_endings_are_counted_with_what_to_add(tmp_path):
    put(tmp_path / "a.mp4")
    for name in ("b.3gp", "c.3GP", "d.gif", "sub/e.mts"):
        put(tmp_path / name)
    put(tmp_path / "f.dat", b"\0\0\0\x18ftypisom")
    put(tmp_path / "g.dat", "words")
    put(tmp_path / "h.txt", "words")
    note, others = listing(tmp_path).attrs["notes"]
    assert note.startswith("videos that are NOT taken because of their endings: 5 (.3gp: 2, ")
    assert note.endswith('to take them, add ".3gp", ".dat", ".gif", ".mts" to own_clips.suffixes')
    assert others == "files that are no clips by their endings: 2 (.dat: 1, .txt: 1)"
    assert set(texts(listing(tmp_path, suffixes=(".mp4", ".3gp")))) == {"a.mp4", "b.3gp", "c.3GP"}


def test_a_folder_of_nothing_but_such_videos_says_what_to_add(tmp_path):
    put(tmp_path / "a.3gp")
    assert 'add ".3gp" to own_clips.suffixes' in refusal(folder=tmp_path)


def test_only_new_and_changed_sidecars_are_opened_again(tmp_path):
    for name in ("a", "b"):
        put(tmp_path / f"{name}.mp4")
        put(tmp_path / f"{name}.json", f'{{"text": "{name}1", "prompt": "{name}p"}}')
    rows = listing(tmp_path)
    put(tmp_path / "a.json", '{"text": "a2", "prompt": "ap"}')  # same size and time: not looked into
    put(tmp_path / "b.json", '{"text": "b2", "prompt": "bp"}', mtime_ns=OLD + 1)
    rows = listing(tmp_path, previous=rows)
    assert texts(rows) == {"a.mp4": "a1", "b.mp4": "b2"}
    assert texts(listing(tmp_path, previous=rows, text_column="prompt")) == {"a.mp4": "ap", "b.mp4": "bp"}


def test_a_clip_waits_for_a_sidecar_that_is_still_written(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "a.txt", "half a capt", mtime_ns=NOW - 10**9)
    rows = listing(tmp_path)
    assert faults(rows) == {"a.mp4": "still_being_copied"}
    assert texts(listing(tmp_path, previous=rows, now_ns=NOW + 60 * 10**9)) == {"a.mp4": "half a capt"}


# --- one listing after the other ----------------------------------------------------------------------------------------------


def test_a_clip_that_is_removed_is_gone_and_one_that_returns_is_ok(tmp_path):
    put(tmp_path / "a.mp4")
    put(tmp_path / "b.mp4")
    rows = listing(tmp_path)
    (tmp_path / "a.mp4").unlink()
    rows = listing(tmp_path, previous=rows)
    assert faults(rows) == {"a.mp4": "gone"}
    assert faults(listing(tmp_path, previous=rows)) == {"a.mp4": "gone"}
    put(tmp_path / "a.mp4")
    assert set(texts(listing(tmp_path, previous=rows))) == {"a.mp4", "b.mp4"}


def test_an_empty_mount_point_is_refused_instead_of_forgetting_every_clip(tmp_path):
    put(tmp_path / "clips/a.mp4")
    table = put(tmp_path / "t.csv", "path,text\na.mp4,x\n")
    rows = listing(tmp_path / "clips", table)
    (tmp_path / "clips/a.mp4").unlink()
    assert "is the disk mounted?" in refusal(folder=tmp_path / "clips", captions=table, previous=rows)


def test_an_absolute_path_is_not_looked_for_below_the_folder(tmp_path):
    put(tmp_path / "clips" / "a.mp4")
    rows = listing(tmp_path / "clips", put(tmp_path / "clips" / "captions.csv", "path,text\n/a.mp4,a dog\n"))
    assert texts(rows) == {"a.mp4": ""}
    assert faults(rows) == {"/a.mp4": "outside_root"}


def test_a_table_beside_the_folder_means_what_lies_beside_it_first(tmp_path):
    put(tmp_path / "clips" / "a" / "x.mp4")
    put(tmp_path / "clips" / "b" / "x.mp4")
    (tmp_path / "a").symlink_to("clips/b")
    rows = listing(tmp_path / "clips", put(tmp_path / "captions.csv", "path,text\na/x.mp4,a dog\n"))
    assert texts(rows) == {"b/x.mp4": "a dog", "a/x.mp4": ""}


def test_rows_below_the_root_are_found_by_the_names_that_they_have(tmp_path):
    for name in ("in/a.mp4", "in/sub/b.mp4", "in/c.mp4"):
        put(tmp_path / name)
    table = f"path,text\na.mp4,below the table\nsub/b.mp4,deeper\n{tmp_path}/in/c.mp4,absolute\n"
    rows = listing(tmp_path / "in", put(tmp_path / "in" / "captions.csv", table), root=tmp_path)
    assert texts(rows) == {"in/a.mp4": "below the table", "in/sub/b.mp4": "deeper", "in/c.mp4": "absolute"}
