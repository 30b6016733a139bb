"""How far the work is, and when it ends."""

import pytest

from video_assets.sources.miradata.rules.progress import Progress, count_days, paused_markdown
from video_assets.sources.miradata.rules.survey import Answer, estimate, total

IGNORED = frozenset({"duplicate_row"})


def test_clips_count_on_the_day_on_which_they_were_decided():
    lines = [
        ("ok", "", False, "2026-11-01T22:00:00+00:00"),
        ("ok", "", False, "2026-11-02T01:00:00+00:00"),
        ("failed", "not_found", True, "2026-11-02T01:00:00+00:00"),
        ("failed", "network", False, "2026-11-02T01:00:00+00:00"),
        ("failed", "duplicate_row", True, "2026-11-02T01:00:00+00:00"),
        ("waiting", "not_asked_yet", False, "2026-11-02T01:00:00+00:00"),
    ]
    assert count_days(lines, ignored=IGNORED) == ({"2026-11-01": 1, "2026-11-02": 1}, {"2026-11-02": {"not_found": 1}})


def test_the_end_is_estimated_by_the_last_week_idle_nights_included():
    progress = Progress(1000, {"2026-10-01": 300, "2026-11-01": 40}, {"2026-11-03": {"private": 30}}, today="2026-11-05")
    assert (progress.n_cut, progress.n_lost, progress.n_left) == (340, 30, 630)
    assert progress.per_day == pytest.approx(70 / 7)
    assert progress.days_left == pytest.approx(63)
    assert progress.ends_on == "2027-01-07"


def test_a_work_that_began_yesterday_is_not_measured_by_a_week():
    assert Progress(100, {"2026-11-04": 10, "2026-11-05": 10}, today="2026-11-05").per_day == 10


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(10, today="2026-11-05"), "unknown: nothing was done"),
        (Progress(10, {"2026-01-01": 5}, today="2026-11-05"), "unknown: nothing was done"),
        (Progress(10, {"2026-11-05": 10}, today="2026-11-05"), "2026-11-05"),
        (Progress(10**9, {"2026-10-30": 1}, today="2026-11-05"), "unknown: at this rate"),
    ],
)
def test_an_end_is_told_only_when_there_is_a_rate(progress, words):
    assert progress.ends_on.startswith(words)


def test_lost_shares_grow_with_what_was_decided():
    lost = {"2026-11-01": {"private": 1}, "2026-11-02": {"private": 1, "not_found": 1}}
    progress = Progress(100, {"2026-11-01": 1, "2026-11-03": 4}, lost, today="2026-11-03")
    assert progress.lost_shares() == {"private": [0.5, 0.5, 0.25], "not_found": [0, 0.25, 0.125]}


def test_paused_sites_are_told_with_their_time():
    assert "| youtube.com | 2026-11-05 01:00 UTC |" in paused_markdown(Progress(1, paused={"youtube.com": 1_793_840_400.0}))
    assert paused_markdown(Progress(1)) == "no site is in a pause"


def test_all_sites_together_are_weighed_by_their_web_videos():
    large = estimate("a", 900, [Answer(str(n), "a", "", 10) for n in range(10)], wait_s=1, bytes_per_s=None)
    small = estimate("b", 100, [Answer(str(n), "b", "private") for n in range(10)], wait_s=1, bytes_per_s=None)
    whole = total([large, small, estimate("c", 5000, [], wait_s=1, bytes_per_s=None)])
    assert (whole.n_videos, whole.n_asked, whole.reasons) == (1000, 20, {"private": 10})
    assert whole.share == pytest.approx(0.9)
    assert whole.low < whole.share < whole.high
    assert whole.n_bytes == 9000
