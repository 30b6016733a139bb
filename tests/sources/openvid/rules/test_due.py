"""Decisions of the source OpenVid that join its parts."""

from video_assets.core.funnel import funnel_from_counts
from video_assets.publish.rules.checks import drop_rate
from video_assets.sources.openvid.rules.due import due_archives, estimate_bytes, ledger_version
from video_assets.sources.openvid.rules.members import Selection


def test_clips_that_nobody_asked_for_do_not_count_as_losses():
    trial = funnel_from_counts(20, {"openvid": {"not_selected": 5_000, "not_in_csv": 400, "not_a_clip": 3, "taken_down": 61}})
    assert drop_rate(trial, max_drop_share=0.0, max_bad_share=0.0).is_passed
    bad = funnel_from_counts(10, {"openvid": {"not_selected": 5_000, "bad_crc": 10}})
    assert not drop_rate(bad, max_drop_share=0.4, max_bad_share=0.0).is_passed


def test_a_ledger_is_due_again_when_bytes_captions_or_filter_change_and_when_clips_are_left():
    base = {"archive": "a", "captions": "c", "selection": Selection()}
    version = ledger_version(**base)
    changes = (
        {"archive": "b"},
        {"captions": "d"},
        {"selection": Selection(max_clips=3)},
        {"selection": Selection(names=frozenset())},
    )
    assert len({version, *(ledger_version(**{**base, **change}) for change in changes)}) == 5
    notes = {"same": {"version": version, "waiting": 0}, "left": {"version": version, "waiting": 2}, "old": {"version": "?"}}
    assert due_archives(dict.fromkeys(("new", "same", "left", "old"), version), notes) == {
        "new": "new",
        "left": "2 clips could not be fetched",
        "old": "its bytes, its captions or the row filter have changed",
    }


def test_an_estimate_is_never_more_than_the_archives():
    assert estimate_bytes([10_000_000], n_rows=10, n_wanted_rows=10, max_clips=None) == 10_000_000
    assert estimate_bytes([100_000_000] * 2, n_rows=100, n_wanted_rows=10, max_clips=None) == 22_000_000
