"""Shards are stable: a clip's shard depends on its key and the number of shards, and on nothing else."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.sharding import assign_shards, shard_keys, shard_of

_KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True)


def test_the_hash_never_changes():
    # Written down once: another hash would move every clip, and each would be decoded again.
    assert shard_of("own_clips/a.mp4", n_shards=24) == "00011-of-00024"
    assert shard_of("own_clips/ü/b.mp4", n_shards=24) == "00018-of-00024"


def test_names_sort_in_the_order_of_their_numbers():
    assert shard_keys(24) == sorted(shard_keys(24))
    assert shard_keys(3) == ["00000-of-00003", "00001-of-00003", "00002-of-00003"]


@given(_KEYS, st.integers(1, 50))
def test_every_clip_is_in_exactly_one_existing_shard(keys, n_shards):
    shards = assign_shards(pd.Series(keys, dtype="str"), n_shards=n_shards)
    assert len(shards) == len(keys)
    assert set(shards) <= set(shard_keys(n_shards))
    assert shards.tolist() == [shard_of(key, n_shards=n_shards) for key in keys]


@given(_KEYS, st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 50))
def test_a_new_clip_moves_no_other(keys, new, n_shards):
    before = dict(zip(keys, assign_shards(pd.Series(keys, dtype="str"), n_shards=n_shards), strict=True))
    more = sorted({new, *keys})
    after = dict(zip(more, assign_shards(pd.Series(more, dtype="str"), n_shards=n_shards), strict=True))
    assert all(after[key] == shard for key, shard in before.items())


def test_shards_are_of_similar_size():
    keys = pd.Series([f"own_clips/{number}.mp4" for number in range(24_000)])
    sizes = assign_shards(keys, n_shards=24).value_counts()
    assert sizes.min() > 850
    assert sizes.max() < 1150
