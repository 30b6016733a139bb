"""How far a data root is: each stage, each shard, who is at work, how fast, how much is left. Reads files only.

Belongs here: counting what lies on disk. Does not belong here: Dagster's runs and schedules (`local.status`), one clip (`why`).
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from video_assets.core.json_values import JsonObject
from video_assets.core.schema import LEDGER
from video_assets.core.sharding import shard_keys
from video_assets.pipeline.currency import shards_to_check
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import ledgers
from video_assets.storage.layout import Layout
from video_assets.storage.lease_files import find_claim
from video_assets.storage.stages import dropped_path
from video_assets.storage.tables import count_rows, read_table


@dataclass(frozen=True)
class StageStatus:
    """Rows of one table on disk: clips that went on, and clips that were dropped up to there."""

    stage: str
    kept: int
    dropped: int
    made_at: str


@dataclass(frozen=True)
class ShardStatus:
    """One shard: `checked` of its `clips` have a verdict. `holder` works on it now, at `clips_per_s` and `bytes_per_s`."""

    shard: str
    state: Literal["complete", "in work", "left", "no list"]
    clips: int = 0
    checked: int = 0
    holder: str = ""
    clips_per_s: float = 0.0
    bytes_per_s: float = 0.0


@dataclass(frozen=True)
class Status:
    """The whole. Times are ISO 8601 in UTC; rates are those of the shards in work since they were begun."""

    data_root: str
    listed: dict[str, int]
    stages: list[StageStatus]
    shards: list[ShardStatus]
    oldest_waiting: dict[str, str] = field(default_factory=dict)

    @property
    def clips(self) -> int:
        """Clips in all shard lists."""
        return sum(shard.clips for shard in self.shards)

    @property
    def checked(self) -> int:
        """Clips with a verdict."""
        return sum(shard.checked for shard in self.shards)

    @property
    def clips_per_s(self) -> float:
        """Verdicts a second, of all who are at work."""
        return sum(shard.clips_per_s for shard in self.shards)

    @property
    def left_s(self) -> float | None:
        """Seconds until the last verdict at this rate; None when nobody is at work."""
        return (self.clips - self.checked) / self.clips_per_s if self.clips_per_s else None

    def as_record(self) -> JsonObject:
        """JSON-able."""
        totals = {"clips": self.clips, "checked": self.checked, "clips_per_s": self.clips_per_s, "left_s": self.left_s}
        megabytes = sum(shard.bytes_per_s for shard in self.shards) / 1e6
        return {**asdict(self), "decode_check": {**totals, "megabytes_per_s": megabytes}}


def look(layout: Layout, settings: Settings) -> Status:
    """The status of a data root; a table that is torn or of another version counts as missing."""
    listed, oldest = _listed(layout, settings)
    return Status(
        data_root=str(layout.root),
        listed=listed,
        stages=list(_stages(layout, settings)),
        shards=look_at_shards(layout, settings),
        oldest_waiting=oldest,
    )


def look_at_shards(layout: Layout, settings: Settings) -> list[ShardStatus]:
    """All shards, in order."""
    left = set(shards_to_check(layout, settings))
    return [_shard(layout, name, is_left=name in left) for name in shard_keys(settings.decode.n_shards)]


def _listed(layout: Layout, settings: Settings) -> tuple[dict[str, int], dict[str, str]]:
    """Clips by status over all sources, and the clip that waits longest."""
    counts: dict[str, int] = {}
    oldest: tuple[int, str] | None = None
    for path in filter(Path.exists, ledgers(layout, settings.sources).values()):
        rows = read_table(path, LEDGER, columns=["clip_key", "status", "mtime_ns"]).rows
        for status, count in rows["status"].value_counts().items():
            counts[str(status)] = counts.get(str(status), 0) + int(count)
        waiting = rows[(rows["status"] == "waiting") & rows["mtime_ns"].notna()]
        if len(waiting):
            mtime_ns = waiting["mtime_ns"].to_numpy(dtype="int64")
            first = int(mtime_ns.argmin())
            found = (int(mtime_ns[first]), str(waiting["clip_key"].iloc[first]))
            oldest = min(oldest or found, found)
    return counts, {"clip_key": oldest[1], "since": _iso(oldest[0] / 1e9)} if oldest else {}


def _stages(layout: Layout, settings: Settings) -> Iterator[StageStatus]:
    tables = {"enriched_metadata": layout.enriched_metadata, "size_filtered": layout.size_filtered}
    for name, path in tables.items():
        if path.exists():
            yield StageStatus(name, _rows(path), _rows(dropped_path(path)), _iso(path.stat().st_mtime))
    table = layout.training_table(settings.product_name)
    if table.exists():
        yield StageStatus("training_csv", _rows(table), _rows(layout.dropped), _iso(table.stat().st_mtime))


def _shard(layout: Layout, name: str, *, is_left: bool) -> ShardStatus:
    path = layout.shard_list(name)
    if not path.exists():
        return ShardStatus(name, "no list")
    clips = _rows(path)
    if not is_left:
        return ShardStatus(name, "complete", clips, clips)
    parts = list(layout.verdict_parts(name).glob("*.jsonl"))
    sizes = [size for part in parts for size in _sizes(part)]
    checked = min(clips, _rows(layout.verdicts(name)) + len(sizes))
    claim = find_claim(layout.lease("decode_check", name))
    if claim is None or claim.is_released:
        return ShardStatus(name, "left", clips, checked)
    begun = pd.Timestamp(claim.holder.since).timestamp() if claim.holder.since else time.time()
    seconds = max(1.0, max((part.stat().st_mtime for part in parts), default=begun) - begun)
    return ShardStatus(name, "in work", clips, checked, claim.who, len(sizes) / seconds, sum(sizes) / seconds)


def _sizes(part: Path) -> Iterator[int]:
    """Bytes of each clip that has a verdict in a part; its last line may still be being written."""
    for line in part.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield int(json.loads(line).get("file_size") or 0)


def _rows(path: Path) -> int:
    try:
        return count_rows(path)
    except (FileNotFoundError, ValueError):
        return 0


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
