"""Which batches come next: every site has its turn, and one that blocks us starves no other."""

import pytest

from video_assets.sources.miradata.rules.due import BatchState, choose_batches


def choose(states, *, paused=(), suspects=(), lost_before=0.0, limit=2):
    return choose_batches(states, paused=paused, suspects=suspects, lost_before=lost_before, limit=limit)


def test_two_blocked_batches_do_not_keep_the_others_waiting():
    states = [BatchState(f"y{n}", {"youtube.com": 500}) for n in range(9)] + [
        BatchState("p", {"pexels": 3}),
        BatchState("v", {"v": 3}),
    ]
    assert choose(states) == ["y0", "p"]
    assert choose(states, paused=["youtube.com"]) == ["p", "v"]
    assert choose(states, suspects=["youtube.com"], limit=4) == ["p", "v", "y0", "y1"]


def test_the_site_that_was_worked_on_longest_ago_comes_first():
    states = [
        BatchState("y0", {"y": 9}, worked_at=200.0),
        BatchState("y1", {"y": 9}),
        BatchState("p0", {"p": 9}, worked_at=100.0, is_complete=True),
        BatchState("p1", {"p": 9}),
    ]
    assert choose(states, suspects=["y"]) == ["p1", "y0"]
    assert choose(states, limit=9) == ["p1", "y0", "y1"]


def test_a_batch_of_several_sites_goes_on_with_those_that_are_not_paused():
    mixed = BatchState("m", {"y": 9, "p": 1})
    assert choose([mixed], paused=["y"]) == ["m"]
    assert choose([mixed], paused=["y", "p"]) == []


@pytest.mark.parametrize(("lost_before", "expected"), [(50.0, ["w"]), (150.0, ["l", "w"])])
def test_losses_are_asked_for_again_after_their_time_though_their_batch_has_nothing_else_to_do(lost_before, expected):
    states = [
        BatchState("done", {"p": 1}, worked_at=1.0, is_complete=True),
        BatchState("w", {"p": 1}, worked_at=9.0, is_complete=True, has_waiting=True),
        BatchState("l", {"p": 1}, worked_at=8.0, is_complete=True, lost_at=100.0),
    ]
    assert choose(states, lost_before=lost_before) == expected


def test_a_batch_of_which_no_site_is_known_is_offered():
    assert choose([BatchState("old")], paused=["y"], suspects=["y"]) == ["old"]
