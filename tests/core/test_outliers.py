"""Shards that stand out, and those that do not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.outliers import shard_outliers


def shards(listed, dropped):
    return pd.DataFrame(
        {"shard": [f"{i:05d}-of-{len(listed):05d}" for i in range(len(listed))], "listed": listed, "dropped": dropped}
    )


def test_a_shard_on_a_sick_machine_is_named_with_its_numbers():
    (outlier,) = shard_outliers(shards([54_000] * 24, [1_080] * 7 + [21_600] + [1_080] * 16), max_excess=0.3)
    assert outlier.message == (
        "shard 00007-of-00024: 40 % of 54,000 clips dropped, median shard 2 %: look at the mount, not at the clips"
    )


@pytest.mark.parametrize(
    ("listed", "dropped"),
    [
        ([2, 2, 2, 2, 2, 2], [1, 0, 0, 0, 0, 0]),
        ([1, 0, 3, 2, 1, 2, 1, 1], [1, 0, 0, 2, 0, 0, 1, 0]),
        ([15, 16, 14, 15], [4, 2, 0, 1]),
        ([54_000] * 24, [40_000] * 24),
        ([54_000], [54_000]),
        ([0, 0, 0], [0, 0, 0]),
        ([], []),
    ],
)
def test_few_bad_clips_or_equally_bad_shards_are_no_alarm(listed, dropped):
    assert shard_outliers(shards(listed, dropped), max_excess=0.3) == []


def test_many_of_few_clips_are_an_alarm():
    found = shard_outliers(shards([15] * 24, [0] * 23 + [13]), max_excess=0.3)
    assert [outlier.shard for outlier in found] == ["00023-of-00024"]


def test_an_excess_within_the_limit_is_no_alarm_however_certain_it_is():
    assert shard_outliers(shards([54_000] * 24, [0] * 23 + [13_500]), max_excess=0.3) == []
    assert shard_outliers(shards([54_000] * 24, [0] * 23 + [13_500]), max_excess=0.2)


@given(seed=st.integers(0, 10**6), size=st.integers(1, 60), bad_share=st.floats(0, 1))
def test_healthy_shards_of_any_size_raise_no_alarm(seed, size, bad_share):
    random = np.random.default_rng(seed)
    listed = random.poisson(size, 24)
    assert shard_outliers(shards(listed, random.binomial(listed, bad_share)), max_excess=0.05) == []
