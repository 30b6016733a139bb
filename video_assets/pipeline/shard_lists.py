"""The stage shard_lists: which clips each shard checks.

Belongs here: read the stage before, write one list per shard. Does not belong here: which shard a clip is in (`core.sharding`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from video_assets.core.schema import CLIPS, DROPPED
from video_assets.core.sharding import assign_shards
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage, write_stage


@dataclass(frozen=True)
class ShardList:
    """One shard's list as written."""

    shard: str
    n_clips: int
    n_dropped: int
    n_bytes: int
    content_hash: str


def write_shard_lists(layout: Layout, shards: list[str], *, n_shards: int) -> Iterator[ShardList]:
    """Write the lists of `shards`: each clip ever listed is in exactly one shard, kept or dropped.

    A list whose clips stay as they are keeps its hash, so only shards with news are checked again. What it was made from
    therefore lies beside it (`Layout.shard_origin`), not in it.

    Raises:
        StageError: size_filtered is missing.
    """
    stage = read_stage(layout.size_filtered, CLIPS)
    kept = dict(iter(stage.kept.groupby(assign_shards(stage.kept["clip_key"], n_shards=n_shards))))
    dropped = dict(iter(stage.dropped.groupby(assign_shards(stage.dropped["clip_key"], n_shards=n_shards))))
    for shard in shards:
        rows = kept.get(shard, CLIPS.frame()).sort_values("clip_key", ignore_index=True)
        gone = dropped.get(shard, DROPPED.frame()).sort_values("clip_key", ignore_index=True)
        content_hash = write_stage(layout.shard_list(shard), CLIPS, kept=rows, dropped=gone, note={"shard": shard})
        origin = {"inputs": {"size_filtered": stage.content_hash}, "shard_lists": content_hash}
        write_text(layout.shard_origin(shard), json.dumps(origin, sort_keys=True) + "\n")
        yield ShardList(
            shard=shard,
            n_clips=len(rows),
            n_dropped=len(gone),
            n_bytes=int(rows["file_size"].sum()),
            content_hash=content_hash,
        )
