"""Reading one clip: each byte hashed once, and faults of the storage told from faults of the clip."""

import os
import re
from pathlib import Path

import pytest
import xxhash

from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError

DATA = os.urandom(3_000_000)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(DATA)
    return str(path)


def test_the_hash_is_that_of_the_file_wherever_libav_jumped(path):
    with ClipFile(path) as file:
        file.read(1000)
        file.seek(-50_000, os.SEEK_END)
        while file.read(1 << 20):
            pass
        file.seek(500)
        file.read(2_000_000)
        assert file.content_hash() == xxhash.xxh3_128_hexdigest(DATA)


def test_reads_return_what_a_file_returns(path):
    with ClipFile(path) as file:
        assert file.seek(10) == 10
        assert file.read(5) == DATA[10:15]
        assert file.seek(5, os.SEEK_CUR) == 20
        assert file.tell() == 20
        assert file.seek(-1, os.SEEK_END) == len(DATA) - 1
        assert file.read(100) == DATA[-1:]
        assert file.read(100) == b""
        assert file.seek(-1) < 0
        assert file.peek(4, position=100) == DATA[100:104]


def test_a_sequential_reader_gets_large_blocks_and_a_jumping_one_small_ones(path):
    with ClipFile(path) as file:
        sizes = [len(file.read(1 << 20)) for _ in range(8)]
        assert sizes[0] == 1 << 15
        assert max(sizes) == 1 << 20
        file.seek(100)
        assert len(file.read(1 << 20)) == 1 << 15


def test_a_missing_file_is_the_storage_s_fault_with_errno_and_path(tmp_path):
    with pytest.raises(StorageError, match=r"ENOENT: No such file or directory: .*/gone\.mp4"):
        ClipFile(str(tmp_path / "gone.mp4"))


@pytest.mark.parametrize("name", ["a\0b.mp4", "x" * 300 + ".mp4"])
def test_a_name_that_no_file_can_have_is_no_crash(tmp_path, name):
    with pytest.raises(StorageError):
        ClipFile(str(tmp_path / name))


def test_folders_and_pipes_are_not_files_and_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("", "pipe.mp4"):
        with pytest.raises(NotAFileError):
            ClipFile(str(tmp_path / name))


def test_a_file_that_shrinks_while_it_is_read_is_no_end_of_file(path):
    with ClipFile(path) as file:
        file.read(1000)
        os.truncate(path, 100_000)
        file.seek(90_000)
        with pytest.raises(OSError, match="delivered 100000 of 3000000 bytes"):
            file.read(1 << 20)
        with pytest.raises(StorageError, match="delivered 100000 of 3000000 bytes"):
            file.check_unchanged()


def test_a_file_that_was_rewritten_while_it_was_read_is_noticed(path):
    with ClipFile(path) as file:
        file.read(1000)
        with Path(path).open("ab") as other:
            other.write(b"more")
        with pytest.raises(StorageError, match="changed while it was read"):
            file.check_unchanged()


def renamed_over(path):
    Path(path).with_name("new").write_bytes(Path(path).read_bytes())
    os.utime(Path(path).with_name("new"), ns=(0, Path(path).stat().st_mtime_ns))
    Path(path).with_name("new").replace(path)


def folder_moved(path):
    Path(path).parent.rename(Path(path).parent.with_name("moved"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed_over, "replaced by another file while it was read"),
        (os.remove, "deleted or moved while it was read"),
        (folder_moved, "deleted or moved while it was read"),
    ],
)
def test_a_path_that_no_longer_leads_to_what_was_read_is_noticed(tmp_path, change, words):
    path = tmp_path / "folder" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(bytes(100))
    with ClipFile(str(path)) as file:
        file.content_hash()
        change(path)
        with pytest.raises(StorageError, match=re.escape(f"{path}: {words}")):
            file.check_unchanged()


def test_links_are_followed_and_other_names_of_the_file_do_not_matter(tmp_path):
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "link.mp4"
    first.write_bytes(bytes(100))
    second.write_bytes(bytes(100))
    (tmp_path / "other name").hardlink_to(first)
    link.symlink_to(first)
    with ClipFile(str(link)) as file:
        file.content_hash()
        (tmp_path / "other name").unlink()
        file.check_unchanged()
        link.unlink()
        link.symlink_to(second)
        with pytest.raises(StorageError, match="replaced by another file"):
            file.check_unchanged()


def test_the_name_that_libav_sees_is_harmless_and_keeps_the_suffix(tmp_path):
    for name, seen in {"%03d.MP4": "clip.MP4", "http:x.mp4": "clip.mp4", "a.m%p": "clip", "b": "clip", "c.mp4,d": "clip"}.items():
        (tmp_path / name).touch()
        with ClipFile(str(tmp_path / name)) as file:
            assert file.name == seen


def test_no_descriptor_stays_open(path, tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        with ClipFile(path) as file:
            file.read(10)
        with pytest.raises(NotAFileError):
            ClipFile(str(tmp_path))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
