"""Decisions about listed clips."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_assets.core.schema import LEDGER
from video_assets.sources.own_clips.statuses import (
    REASONS,
    carry_forward,
    has_lost_everything,
    mark_duplicates,
    settle,
    status_of,
)

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def line(key="a.mp4", *, reason="", size=10, mtime=NOW - 60 * SECOND, text="", origin="folder", detail=""):
    return {
        "clip_key": f"own_clips/{key}",
        "source": "own_clips",
        "path": f"/clips/{key}",
        "text": text,
        "status": status_of(reason),
        "reason": reason,
        "detail": detail,
        "file_size": size,
        "mtime_ns": mtime,
        "origin": origin,
        "extras": "{}",
    }


def ledger(*lines):
    return LEDGER.frame(lines)


def settled(now_line, before=None, *, settle_s=10):
    previous = None if before is None else ledger(before)
    rows = settle(ledger(now_line), previous=previous, now_ns=NOW, settle_ns=settle_s * SECOND)
    return rows["status"].iloc[0]


def test_a_file_that_changed_moments_ago_waits():
    assert settled(line(mtime=NOW - 9 * SECOND)) == "waiting"
    assert settled(line(mtime=NOW - 10 * SECOND)) == "ok"


def test_a_young_file_that_was_ok_and_is_unchanged_stays_ok():
    young = line(mtime=NOW - SECOND)
    assert settled(young, young) == "ok"
    assert settled(young, line(mtime=NOW - SECOND, reason="still_being_copied")) == "waiting"


def test_a_file_from_the_future_waits_only_until_it_was_seen_twice():
    future = line(mtime=NOW + 10**9 * SECOND)
    assert settled(future) == "waiting"
    assert settled(future, line(mtime=NOW + 10**9 * SECOND, reason="still_being_copied")) == "ok"
    assert settled(future, line(mtime=NOW + 10**9 * SECOND, size=9)) == "waiting"


def test_a_file_that_grows_under_one_modification_time_waits():
    assert settled(line(size=20), line(size=10)) == "waiting"
    assert settled(line(size=20, mtime=NOW - 50 * SECOND), line(size=10)) == "ok"


def test_settling_keeps_nanoseconds_and_can_be_switched_off():
    exact = NOW - 60 * SECOND - 1
    rows = settle(ledger(line(mtime=exact), line("b.mp4", mtime=NOW)), previous=None, now_ns=NOW, settle_ns=SECOND)
    assert rows["mtime_ns"].tolist() == [exact, NOW]
    assert settled(line(mtime=NOW), settle_s=0) == "ok"


def test_a_failed_line_never_becomes_waiting():
    assert settled(line(reason="missing_file", size=None, mtime=None)) == "failed"


def test_the_second_row_of_a_clip_fails_and_says_which_row_counts():
    rows = mark_duplicates(
        ledger(
            line(text="one", origin="t.csv:2"),
            line(text="two", origin="t.csv:3"),
            line(text="one", origin="t.csv:4"),
        )
    )
    assert rows["clip_key"].tolist() == ["own_clips/a.mp4", "own_clips/a.mp4#t.csv:3", "own_clips/a.mp4#t.csv:4"]
    assert rows["reason"].tolist() == ["", "duplicate_path", "duplicate_path"]
    assert rows["detail"].tolist()[1:] == [
        "t.csv:2 lists this clip already, with another caption",
        "t.csv:2 lists this clip already, with the same caption",
    ]


def test_an_escaped_name_that_looks_like_another_clip_keeps_its_own_reason():
    rows = mark_duplicates(ledger(line(), line(reason="unsupported_name", detail="why")))
    assert rows["reason"].tolist() == ["", "unsupported_name"]
    assert rows["detail"].iloc[1] == "why"
    assert rows["clip_key"].is_unique


def test_clips_that_are_no_longer_listed_are_gone_with_their_last_fingerprint():
    rows = carry_forward(ledger(line("a.mp4", size=1234), line("b.mp4")), ledger(line("b.mp4")))
    gone = rows.iloc[0]
    assert (gone["clip_key"], gone["status"], gone["reason"]) == ("own_clips/a.mp4", "failed", "gone")
    assert gone["file_size"] == 1234
    assert "1,234 bytes, modified 2023-11-14T22:12:20Z" in gone["detail"]


def test_a_clip_that_comes_back_has_its_own_line_again():
    before = carry_forward(ledger(line("a.mp4")), ledger(line("b.mp4")))
    rows = carry_forward(before, ledger(line("a.mp4"), line("b.mp4")))
    assert rows["status"].tolist() == ["ok", "ok"]


def test_lines_about_rows_and_folders_leave_nothing_behind_when_their_cause_is_away():
    before = ledger(
        line("a.mp4#t.csv:3", reason="duplicate_path", size=None, mtime=None),
        line("#t.csv:4", reason="empty_path", size=None, mtime=None),
        line("closed/", reason="unreadable", size=None, mtime=None),
        line("typo.mp4", reason="missing_file", size=None, mtime=None),
    )
    rows = carry_forward(before, ledger(line("b.mp4")))
    assert rows["clip_key"].tolist() == ["own_clips/b.mp4", "own_clips/typo.mp4"]
    assert rows["detail"].iloc[1] == "listed before (missing_file), no longer in the folder or the table"


def test_everything_lost_at_once_is_noticed():
    was = ledger(line("a.mp4"), line("b.mp4"))
    assert has_lost_everything(was, ledger(line("a.mp4", reason="missing_file", size=None, mtime=None)))
    assert not has_lost_everything(was, ledger(line("c.mp4")))
    assert not has_lost_everything(None, ledger())
    assert not has_lost_everything(ledger(line(reason="gone")), ledger())


@pytest.mark.parametrize("reason", [*REASONS, ""])
def test_every_reason_has_one_status(reason):
    assert status_of(reason) == {"": "ok", "still_being_copied": "waiting"}.get(reason, "failed")


def test_the_pages_for_users_explain_every_reason():
    docs = Path(__file__).parents[3] / "docs"
    pages = "".join((docs / name).read_text() for name in ("own-clips.md", "hub-dataset.md"))
    assert [reason for reason in REASONS if f"`{reason}`" not in pages] == []


NAMES = st.lists(st.sampled_from("abcdef"), max_size=8)


@settings(max_examples=30)
@given(NAMES, NAMES, NAMES)
def test_every_clip_ever_listed_has_exactly_one_line_and_listing_again_changes_nothing(first, second, third):
    previous = None
    seen = set()
    for names in (first, second, third):
        current = mark_duplicates(ledger(*[line(name, origin=f"t.csv:{at}") for at, name in enumerate(names)]))
        previous = carry_forward(previous, current)
        seen |= {f"own_clips/{name}" for name in names}
        keys = previous["clip_key"].tolist()
        assert keys == sorted(keys)
        assert len(keys) == len(set(keys))
        assert {key for key in keys if "#" not in key} == seen
        assert set(previous["clip_key"][previous["status"] == "ok"]) == {f"own_clips/{name}" for name in names}
    assert carry_forward(previous, current).equals(previous)
