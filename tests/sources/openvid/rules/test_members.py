"""Which members of an archive are clips, and which of those are wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.sources.openvid.rules.members import (
    REASONS,
    Candidate,
    Member,
    Row,
    Selection,
    file_name_of,
    list_candidates,
    select_clips,
)

ANY = Row(seconds=5.0, aesthetic=5.0, motion=5.0)


def member(name="a.mp4", index=0, **fields):
    return Member(**{"index": index, "name": name, "offset": index * 1000, "size": 10, "packed_size": 10, "crc32": 0, **fields})


def candidates(*members):
    return list_candidates(members, suffixes={".mp4"}, max_clip_bytes=1 << 30)


def reason(one):
    (candidate,) = candidates(one)
    return candidate.reason


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (member("-leading-dash.mp4"), ""),
        (member("a/b/c/nested.MP4"), ""),
        (member("windows\\folder\\a.mp4"), ""),
        (member("../a.mp4"), "unsafe_name"),
        (member("a/../../b.mp4"), "unsafe_name"),
        (member("..\\a.mp4"), "unsafe_name"),
        (member("/etc/a.mp4"), "unsafe_name"),
        (member("C:\\a.mp4"), "unsafe_name"),
        (member("a\0.mp4"), "unsafe_name"),
        (member("a\n.mp4"), "unsafe_name"),
        (member("x" * 300 + ".mp4"), "unsafe_name"),
        (member("\u00fc" * 126 + ".mp4"), "unsafe_name"),
        (member("caf\u2310.mp4", is_text_name=False), "unsafe_name"),
        (member(""), "unsafe_name"),
        (member("readme.txt"), "not_a_clip"),
        (member("__MACOSX/._a.mp4"), "not_a_clip"),
        (member(".mp4"), "not_a_clip"),
        (member(mode=0o120777), "link_member"),
        (member(mode=0o010644), "link_member"),
        (member(is_encrypted=True), "encrypted_member"),
        (member(method=9), "unsupported_compression"),
        (member(method=14), "unsupported_compression"),
        (member(size=2 << 30, packed_size=2 << 30), "zip_bomb"),
        (member(size=1 << 30, packed_size=1 << 20, method=8), "zip_bomb"),
        (member(size=11), "bad_member"),
    ],
)
def test_a_member_is_a_clip_or_has_a_reason(one, expected):
    assert reason(one) == expected
    assert not expected or expected in REASONS


def test_folders_are_no_clips_and_no_failures():
    assert candidates(member("folder/"), member("folder/a.mp4", 1))[0].file_name == "a.mp4"
    assert len(candidates(member("folder/"), member("folder/a.mp4", 1))) == 1


def test_of_members_with_one_file_name_the_first_in_the_archive_counts_and_keys_differ():
    found = candidates(member("b/a.mp4", 1), member("a/a.mp4", 0), member("../a.mp4", 2), member("a.mp4", 3, is_encrypted=True))
    assert [(one.member.name, one.reason) for one in found] == [
        ("a/a.mp4", ""),
        ("b/a.mp4", "duplicate_name"),
        ("../a.mp4", "unsafe_name"),
        ("a.mp4", "encrypted_member"),
    ]
    assert [one.key("p") for one in found] == ["p/a.mp4", "p/a.mp4#1", "p/a.mp4#2", "p/a.mp4#3"]


def test_members_that_share_bytes_are_a_bomb():
    found = candidates(member("a.mp4", 0, packed_size=5000, size=5000), member("b.mp4", 1), member("c.mp4", 2))
    assert [one.reason for one in found] == ["", "zip_bomb", "zip_bomb"]


@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=20).map(lambda name: f"{name}.mp4"), max_size=20))
def test_whatever_the_names_no_accepted_one_is_a_path_and_every_key_is_unique(names):
    found = candidates(*(member(name, index) for index, name in enumerate(names)))
    assert len(found) == len(names)
    for one in found:
        if not one.reason:
            assert "/" not in one.file_name
            assert "\\" not in one.file_name
            assert one.file_name not in {".", ".."}
            assert 0 < len(one.file_name.encode()) <= 255
    assert len({one.key("p") for one in found}) == len(found)


@pytest.mark.parametrize(
    ("selection", "row", "why_not"),
    [
        (Selection(), ANY, ""),
        (Selection(), Row(None, None, None), ""),
        (Selection(min_seconds=5.0, max_seconds=5.0, min_aesthetic=5.0, min_motion=5.0), ANY, ""),
        (Selection(min_seconds=6.0), ANY, "seconds 5, wanted at least 6"),
        (Selection(max_seconds=4.5), ANY, "seconds 5, wanted at most 4.5"),
        (Selection(min_aesthetic=5.5), ANY, "aesthetic score 5, wanted at least 5.5"),
        (Selection(min_motion=5.5), ANY, "motion score 5, wanted at least 5.5"),
        (Selection(min_motion=0.0), Row(5.0, 5.0, None), "motion score not known"),
        (Selection(min_motion=0.0), Row(5.0, 5.0, float("nan")), "motion score nan, wanted at least 0"),
        (Selection(names=frozenset({"b.mp4"})), ANY, "not in the list of names"),
    ],
)
def test_limits_count_as_wanted_and_what_is_not_known_is_not_wanted(selection, row, why_not):
    assert selection.why_not("a.mp4", row) == why_not


def test_the_first_wanted_clips_of_the_archive_are_taken_and_all_others_keep_a_reason():
    found = candidates(*(member(f"{name}.mp4", index) for index, name in enumerate("abcde")), member("x.txt", 9))
    rows = dict.fromkeys([f"{name}.mp4" for name in "bcde"], ANY) | {"c.mp4": ANY._replace(seconds=1.0)}
    chosen = select_clips(found, rows, Selection(min_seconds=2.0, max_clips=1))
    assert [(one.file_name, one.status, one.reason) for one in chosen] == [
        ("a.mp4", "skipped", "not_in_csv"),
        ("b.mp4", "ok", ""),
        ("c.mp4", "skipped", "not_selected"),
        ("d.mp4", "skipped", "not_selected"),
        ("e.mp4", "skipped", "not_selected"),
        ("x.txt", "skipped", "not_a_clip"),
    ]
    assert chosen[3].detail == "only the first 1 clips of each archive are wanted"


def test_a_clip_that_is_not_wanted_keeps_the_key_that_it_would_have():
    skipped = Candidate(member(), "a.mp4", status="skipped", reason="not_selected")
    assert skipped.key("p") == Candidate(member(), "a.mp4").key("p") == "p/a.mp4"


def test_a_name_is_the_last_part():
    assert file_name_of(member("a/b\\c.mp4")) == ("c.mp4", "")
