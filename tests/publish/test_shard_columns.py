"""Columns of all shards as one table, and shards that do not have the rows that they had."""

import numpy as np
import pytest
from data_roots import Clip, fill

from video_assets.core.sharding import shard_keys
from video_assets.publish.shard_columns import ShardColumns
from video_assets.storage.stages import StageError

CLIPS = [Clip(f"{number:02d}.mp4") for number in range(12)]
N_SHARDS = 3


@pytest.fixture
def paths(tmp_path):
    layout, _ = fill(tmp_path / "data", CLIPS, decode={"n_shards": N_SHARDS})
    return [layout.checked(shard) for shard in shard_keys(N_SHARDS)]


def test_rows_are_found_under_their_numbers(paths):
    columns = ShardColumns(paths, len(CLIPS))
    keys = columns.column("clip_key")
    assert sorted(keys) == [clip.key for clip in CLIPS]
    is_wanted = np.isin(np.arange(len(CLIPS)), [1, 5, 11])
    found = columns.rows(is_wanted, ["path", "clip_key"])
    assert found.index.tolist() == [1, 5, 11]
    assert found["clip_key"].tolist() == keys[[1, 5, 11]].tolist()
    assert columns.rows(~is_wanted & is_wanted, ["path"]).empty


@pytest.mark.parametrize("n_more", [-1, 1, 5])
def test_shards_of_another_size_are_refused(paths, n_more):
    with pytest.raises(StageError, match="were replaced while they were read: wait for the other run"):
        ShardColumns(paths, len(CLIPS) + n_more).column("clip_key")
