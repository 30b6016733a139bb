"""Shard lists as they are reported, by whichever run writes them: that of `size_filtered`, or that of `shard_lists` itself.

Belongs here: the report of a list, and which lists are news to Dagster. Does not belong here: the assets (`metadata`, `decode`).
"""

from typing import TYPE_CHECKING

import dagster as dg

from video_assets.defs.partition_reports import PartitionReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from video_assets.pipeline.shard_lists import ShardList

SHARD_LISTS = dg.AssetKey("shard_lists")
_VERSION = "dagster/data_version"


def list_report(written: "ShardList") -> PartitionReport:
    """What Dagster is told of one list."""
    metadata = {
        "dagster/partition_row_count": written.n_clips,
        "dropped_before": written.n_dropped,
        "bytes": written.n_bytes,
    }
    return PartitionReport(written.shard, written.content_hash, metadata)


def changed_lists(instance: dg.DagsterInstance, lists: "Iterable[ShardList]") -> "Iterator[ShardList]":
    """The lists whose content Dagster does not know yet, by its own events: what a killed run did not report is news."""
    storage = instance.event_log_storage
    known = storage.get_latest_tags_by_partition(SHARD_LISTS, dg.DagsterEventType.ASSET_MATERIALIZATION, [_VERSION])
    for written in lists:
        if known.get(written.shard, {}).get(_VERSION) != written.content_hash:
            yield written
