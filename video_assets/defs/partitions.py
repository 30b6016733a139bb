"""Partitions and how they are backfilled. One partition per shard, never per clip."""

from collections.abc import Iterator, Sequence

import dagster as dg

from video_assets.core.sharding import PROBE_PARTS, shard_keys
from video_assets.settings.model import Settings, Source


def shard_partitions(settings: Settings) -> dg.StaticPartitionsDefinition:
    """`00000-of-00024` onwards: another number of shards makes other keys, so nothing stale looks materialized."""
    return dg.StaticPartitionsDefinition(shard_keys(settings.decode.n_shards))


def probe_partitions() -> dg.StaticPartitionsDefinition:
    """One partition per part of the new clips; their number is fixed, so that all helpers mean the same."""
    return dg.StaticPartitionsDefinition(PROBE_PARTS)


def archive_partitions(settings: Settings) -> dg.DynamicPartitionsDefinition:
    """One partition per archive of OpenVid, added by its listing; the two families repeat each other and share none."""
    return dg.DynamicPartitionsDefinition(name=f"{settings.openvid.source_name}_archives")


MIRADATA_BATCHES = dg.DynamicPartitionsDefinition(name="miradata_batches")
"""One partition per 500 source videos of MiraData, added by its listing."""


def source_dep(source: Source) -> dg.AssetDep:
    """What follows a source follows all of its partitions."""
    mapping = dg.AllPartitionMapping() if source.is_partitioned else None
    return dg.AssetDep(source.asset, partition_mapping=mapping)


def list_policy(settings: Settings) -> dg.BackfillPolicy:
    """One run for all lists, but never the run of `decode_check`.

    A single run of both would skip `decode_check` without a word: `shard_lists` reports its partitions itself, yields no output.
    Dagster puts assets into one run only when their policies are equal, so this one says "all" in other words.
    """
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=max(2, settings.decode.n_shards))


def backfill_policy(settings: Settings) -> dg.BackfillPolicy:
    """One run for all shards on one machine (24 runs cost 25 times the orchestration), one run per shard on a cluster."""
    if settings.automation.backfill == "single_run":
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def ranges(every: Sequence[str], wanted: set[str]) -> Iterator[tuple[str, str]]:
    """Runs of neighbours among all partitions, as (first, last): Dagster takes ranges, not sets."""
    group: list[str] = []
    for key in [*every, ""]:
        if key in wanted:
            group.append(key)
        elif group:
            yield group[0], group[-1]
            group = []


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags of a run of neighbouring partitions."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
