"""Batches of source videos: about as much work each, and for ever the same."""

import math

from hypothesis import given
from hypothesis import strategies as st

from video_assets.sources.miradata.rules.batches import VIDEOS_PER_BATCH, assign_batches

HOUR = 3600.0
VIDEOS = st.dictionaries(st.integers(0, 2_000_000), st.floats(0, 5 * HOUR), max_size=300)


def seconds_by_batch(wanted, batches):
    found = {}
    for video, seconds in wanted.items():
        found.setdefault(batches[video], []).append(seconds)
    return {name: math.fsum(each) for name, each in sorted(found.items())}


@given(VIDEOS)
def test_every_video_has_a_batch_and_none_is_fuller_than_it_may_be(wanted):
    batches = assign_batches(wanted, {}, seconds_per_batch=HOUR)
    assert batches.keys() == wanted.keys()
    in_order = [batches[video] for video in sorted(wanted)]
    assert in_order == sorted(in_order), "videos come in the order of their numbers"
    assert sorted(set(in_order)) == [f"mira_{number:06d}" for number in range(len(set(in_order)))], "no number is left out"
    for name, seconds in seconds_by_batch(wanted, batches).items():
        assert in_order.count(name) == 1 or seconds <= HOUR + 0.001


@given(VIDEOS, VIDEOS, st.floats(1, 9 * HOUR))
def test_a_video_that_has_a_batch_keeps_it_whatever_the_table_says_later(first, second, other):
    before = assign_batches(first, {}, seconds_per_batch=HOUR)
    after = assign_batches(second, before, seconds_per_batch=other)
    assert before.items() <= after.items()
    new = {after[video] for video in second.keys() - first.keys()}
    assert new.isdisjoint(before.values()), "a batch that may be complete gets no other videos"
    assert assign_batches(second, after, seconds_per_batch=HOUR) == after


def test_sparse_numbers_make_full_batches():
    """3,000 videos with numbers far apart, two clips of a minute each: slices of 500 numbers would hold 1 to 20 of them."""
    wanted = {(n * 7919) % 1_500_000: 60.0 + n % 120 for n in range(3000)}
    held = list(seconds_by_batch(wanted, assign_batches(wanted, {}, seconds_per_batch=10 * HOUR)).values())
    assert len(held) == math.ceil(1.02 * sum(wanted.values()) / (10 * HOUR))
    assert max(held) - min(held) < 0.02 * max(held)


def test_many_short_clips_are_many_videos_and_these_are_bounded_too():
    wanted = dict.fromkeys(range(1200), 1.0)
    batches = list(assign_batches(wanted, {}, seconds_per_batch=10 * HOUR).values())
    assert [batches.count(name) for name in sorted(set(batches))] == [400, 400, 400]
    assert VIDEOS_PER_BATCH == 500


def test_a_data_root_of_an_earlier_version_goes_on_after_its_last_batch():
    known = {0: "mira_000000", 61_999: "mira_000123", 7: "mira_invalid"}
    assert assign_batches({61_500: 9.0, 61_999: 9.0}, known, seconds_per_batch=HOUR) == known | {61_500: "mira_000124"}
