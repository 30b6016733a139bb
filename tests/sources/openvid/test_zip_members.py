"""Archives as strangers make them, built for real: what is good is extracted, nothing else happens."""

import io
import os
import struct
import zipfile
import zlib

import pytest
from zips import Entry, zip_bytes

from video_assets.sources.fetching.ledger import crc32_of
from video_assets.sources.openvid.rules.members import list_candidates
from video_assets.sources.openvid.zip_members import ArchiveError, MemberError, extract, read_directory, remove_drafts


def read(data):
    return read_directory(io.BytesIO(data), name="part0.zip")


def extract_all(data, folder):
    """Extract what is accepted; returns reasons by member name."""
    folder.mkdir(exist_ok=True)
    file = io.BytesIO(data)
    outcome = {}
    for one in list_candidates(read(data), suffixes={".mp4"}, max_clip_bytes=1 << 30):
        outcome[one.member.name] = one.reason
        if not one.reason:
            try:
                extract(file, one.member, folder / one.file_name)
            except MemberError as error:
                outcome[one.member.name] = error.reason
    return outcome


def test_stored_and_deflated_members_of_an_ordinary_archive_come_out_with_their_bytes(tmp_path):
    packed = tmp_path / "part0.zip"
    clips = {f"video/clips/{number}.mp4": os.urandom(100_000) + bytes(200_000) for number in range(6)} | {"empty.mp4": b""}
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (name, data) in enumerate(clips.items()):
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED)
    assert set(extract_all(packed.read_bytes(), tmp_path / "clips").values()) == {""}
    for name, data in clips.items():
        path = tmp_path / "clips" / name.rpartition("/")[2]
        assert path.read_bytes() == data
        assert crc32_of(path) == zlib.crc32(data)
    assert len(list((tmp_path / "clips").iterdir())) == len(clips)


def test_archives_written_as_a_stream_have_sizes_behind_the_data(tmp_path):
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mp4", b"first" * 1000)
        archive.writestr("b.mp4", b"second" * 1000)
    assert extract_all(pipe.data, tmp_path / "clips") == {"a.mp4": "", "b.mp4": ""}
    assert (tmp_path / "clips" / "b.mp4").read_bytes() == b"second" * 1000


def test_hostile_and_odd_members_get_a_reason_nothing_is_written_outside_and_the_rest_is_extracted(tmp_path):
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    inflates_to_64_mib = bomb.compress(bytes(64 << 20)) + bomb.flush()
    entries = [
        Entry("good.mp4", b"first good clip"),
        Entry("../traversal.mp4"),
        Entry("a/../../../traversal2.mp4"),
        Entry(f"{tmp_path}/absolute.mp4"),
        Entry("..\\windows.mp4"),
        Entry("link.mp4", b"/etc/passwd", mode=0o120777),
        Entry("deep/er/good.mp4", b"same name"),
        Entry("-rf.mp4", b"a dash first"),
        Entry("nul\0.mp4"),
        Entry("n" * 300 + ".mp4"),
        Entry(b"caf\xe9.mp4", flags=0x800),
        Entry(b"caf\xe9-unflagged.mp4", flags=0),
        Entry("caf\u00e9.mp4", b"UTF-8"),
        Entry("caf\u00e9-unflagged.mp4".encode(), b"UTF-8 without the flag", flags=0),
        Entry("declared-bomb.mp4", b"", method=8, packed=b"\x03\x00", size=3 << 30),
        Entry("ratio-bomb.mp4", b"", method=8, packed=inflates_to_64_mib, size=64 << 20),
        Entry("undeclared-bomb.mp4", b"", method=8, packed=inflates_to_64_mib, size=100),
        Entry("encrypted.mp4", flags=1),
        Entry("deflate64.mp4", method=9),
        Entry("newer.mp4", b"needs version 9.9, they say", version=99),
        Entry("flipped.mp4", b"flipped", crc32=1),
        Entry("garbage.mp4", b"", method=8, packed=b"\xff\xff\xff\xff", size=50),
        Entry("short.mp4", b"", method=8, packed=b"\x03\x00", size=50),
        Entry("elsewhere.mp4", at=3),
        Entry("hidden-twin.mp4", at=0),
        Entry("nested/folders/fine.mp4", b"nested"),
        Entry("folder/", b"", mode=0o040755),
        Entry("notes.txt"),
    ]
    outcome = extract_all(zip_bytes(entries), tmp_path / "clips")
    assert {os.fsdecode(name)[-30:]: reason for name, reason in outcome.items() if reason} == {
        "../traversal.mp4": "unsafe_name",
        "a/../../../traversal2.mp4": "unsafe_name",
        f"{tmp_path}/absolute.mp4"[-30:]: "unsafe_name",
        "..\\windows.mp4": "unsafe_name",
        "link.mp4": "link_member",
        "deep/er/good.mp4": "duplicate_name",
        "nul\0.mp4": "unsafe_name",
        ("n" * 300 + ".mp4")[-30:]: "unsafe_name",
        "caf\u0398.mp4": "unsafe_name",
        "caf\u0398-unflagged.mp4": "unsafe_name",
        "declared-bomb.mp4": "zip_bomb",
        "ratio-bomb.mp4": "zip_bomb",
        "undeclared-bomb.mp4": "zip_bomb",
        "encrypted.mp4": "encrypted_member",
        "deflate64.mp4": "unsupported_compression",
        "flipped.mp4": "bad_crc",
        "garbage.mp4": "bad_member",
        "short.mp4": "bad_member",
        "elsewhere.mp4": "zip_bomb",
        "hidden-twin.mp4": "zip_bomb",
        "notes.txt": "not_a_clip",
    }
    extracted = {path.name: path.read_bytes() for path in (tmp_path / "clips").iterdir()}
    assert extracted == {
        "good.mp4": b"first good clip",
        "-rf.mp4": b"a dash first",
        "caf\u00e9.mp4": b"UTF-8",
        "caf\u00e9-unflagged.mp4": b"UTF-8 without the flag",
        "newer.mp4": b"needs version 9.9, they say",
        "fine.mp4": b"nested",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]


def test_a_directory_entry_that_points_nowhere_is_one_bad_member(tmp_path):
    data = zip_bytes([Entry("a.mp4"), Entry("b.mp4"), Entry("lost.mp4", at=90_000)])
    assert extract_all(data, tmp_path / "clips") == {"a.mp4": "", "b.mp4": "", "lost.mp4": "bad_member"}


def test_seventy_thousand_members_in_a_zip64(tmp_path):
    data = zip_bytes([Entry(f"video/{number:05d}.mp4", b"%05d" % number) for number in range(70_000)], zip64=True)
    found = list_candidates(read(data), suffixes={".mp4"}, max_clip_bytes=1 << 30)
    assert len(found) == 70_000
    assert {one.reason for one in found} == {""}
    extract(io.BytesIO(data), found[69_999].member, tmp_path / "last.mp4")
    assert (tmp_path / "last.mp4").read_bytes() == b"69999"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><head><title>Login</title>", "a web page instead of a zip"),
        (zip_bytes([Entry("a.mp4", bytes(5000))])[:3000], "only the beginning of a zip archive"),
        (zip_bytes([Entry("a.mp4", b"x" * 5000)])[3000:], "only the later part of one"),
        (b"x" * 1000, "not a zip archive"),
    ],
)
def test_what_is_no_archive_is_said_in_words(data, words):
    with pytest.raises(ArchiveError, match=r"^part0\.zip: ") as caught:
        read(data)
    assert words in str(caught.value)


def test_a_clip_that_does_not_come_whole_leaves_what_was_there_and_no_draft(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"the clip of an earlier run")
    data = zip_bytes([Entry("a.mp4", b"new", crc32=7)])
    (member,) = read(data)
    with pytest.raises(MemberError) as caught:
        extract(io.BytesIO(data), member, tmp_path / "a.mp4")
    assert caught.value.crc32 == zlib.crc32(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"the clip of an earlier run"}


def test_names_may_be_as_long_as_the_disk_allows(tmp_path):
    data = zip_bytes([Entry("n" * 251 + ".mp4")])
    (member,) = read(data)
    extract(io.BytesIO(data), member, tmp_path / member.name)
    assert (tmp_path / member.name).read_bytes() == b"clip"


def test_drafts_of_killed_runs_are_removed_and_nothing_else(tmp_path):
    for name in (".123-0badcafe.tmp", "a.mp4", "b.tmp.mp4", ".hidden"):
        (tmp_path / name).touch()
    remove_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.mp4", "b.tmp.mp4"]


def test_extra_fields_of_one_member_that_are_damaged_cost_no_other_member(tmp_path):
    sizes = struct.pack("<HHQQ", 1, 16, 3, 3)
    entries = [
        Entry("longer-than-it-is.mp4", b"a", extra=struct.pack("<HH", 1, 50) + b"xx"),
        Entry("unknown.mp4", b"b", extra=struct.pack("<HH", 0x7075, 900)),
        Entry("zip64.mp4", b"ccc", size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=b"\x99\x99\0\0" + sizes),
        Entry("zip64-without-sizes.mp4", b"d", size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=struct.pack("<HH", 1, 0)),
        Entry("zip64-cut.mp4", b"d", size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=sizes[:-4]),
        Entry("last.mp4", b"e"),
    ]
    assert {name: reason for name, reason in extract_all(zip_bytes(entries), tmp_path / "clips").items() if reason} == {
        "zip64-without-sizes.mp4": "zip_bomb",
        "zip64-cut.mp4": "zip_bomb",
    }
    assert {path.name: path.read_bytes() for path in (tmp_path / "clips").iterdir()} == {
        "longer-than-it-is.mp4": b"a",
        "unknown.mp4": b"b",
        "zip64.mp4": b"ccc",
        "last.mp4": b"e",
    }
