"""How far each shard is, for whoever gives them out by hand. `pipeline.currency` is the judge of what is published."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.currency import shards_to_check
from video_assets.pipeline.decode_check import CHECK, list_rows
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.leases import holder_of


@dataclass(frozen=True)
class ShardState:
    """One shard: `n_clips` in its list, `holder` at work on it (empty: nobody, or one that is dead and has not said so)."""

    shard: str
    state: Literal["checked", "open"]
    n_clips: int
    holder: str = ""

    @property
    def is_open(self) -> bool:
        """True when there is something to check."""
        return self.state == "open"


def shard_states(layout: Layout, settings: Settings) -> Iterator[ShardState]:
    """All shards, in order.

    Raises:
        StageError: one has no list.
    """
    to_check = set(shards_to_check(layout, settings))
    for shard in shard_keys(settings.decode.n_shards):
        n_clips = list_rows(layout, shard)
        yield ShardState(shard, "open" if shard in to_check else "checked", n_clips, holder_of(layout.lease(CHECK, shard)))
