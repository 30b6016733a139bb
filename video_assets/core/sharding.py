"""Which shard a clip belongs to.

A stable hash of the clip key, so that a new clip moves no other clip; the number of shards is part of the shard's name, so that
another number makes other partitions instead of silently moving clips between equal names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:  # Dagster's definitions need the names of the shards; they must load without pandas
    import pandas as pd


def shard_keys(n_shards: int) -> list[str]:
    """Partition keys, `00000-of-00024` onwards."""
    return [f"{index:05d}-of-{n_shards:05d}" for index in range(n_shards)]


N_PROBE_PARTS = 24
PROBE_PARTS = shard_keys(N_PROBE_PARTS)
"""Into which new clips fall for probing, in the same way; whatever the number of shards, so that all who probe mean the same."""


def shard_of(clip_key: str, *, n_shards: int) -> str:
    """The shard of one clip: XXH3-64 of the key's UTF-8 bytes modulo the number of shards."""
    return f"{xxhash.xxh3_64_intdigest(clip_key.encode()) % n_shards:05d}-of-{n_shards:05d}"


def assign_shards(clip_keys: pd.Series, *, n_shards: int) -> pd.Series:
    """`shard_of` for a column."""
    import pandas as pd

    names = shard_keys(n_shards)
    digest = xxhash.xxh3_64_intdigest
    return pd.Series(
        [names[digest(key.encode()) % n_shards] for key in clip_keys], index=clip_keys.index, dtype="str", name="shard"
    )
