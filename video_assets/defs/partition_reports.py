"""Runs of several partitions, each told to Dagster on its own: finished ones stay green when others fail.

Belongs here: the events and the failure of such a run. Does not belong here: what is told about a partition (its asset).
"""

from typing import Any

import dagster as dg


def report_partition(context: dg.AssetExecutionContext, partition: str, *, metadata: dict[str, Any], content_hash: str) -> None:
    """Tell Dagster that one partition of the run is complete."""
    event = dg.AssetMaterialization(
        asset_key=context.asset_key,
        partition=partition,
        metadata=metadata,
        tags={"dagster/data_version": content_hash},
    )
    context.log_event(event)


def incomplete(what: str, failures: dict[str, str]) -> dg.Failure:
    """The run's failure: which partitions are not complete (`what` they are, in the plural), and why. Not retried."""
    names, first = ", ".join(list(failures)[:10]), next(iter(failures.values()))
    return dg.Failure(
        f"{len(failures)} {what} are not complete: {names}. First: {first}",
        metadata={what: dg.MetadataValue.json(failures)},
        allow_retries=False,
    )
