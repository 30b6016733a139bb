"""Runs of several partitions, each reported to Dagster on its own: finished ones stay green when others fail.

Belongs here: the events and the failure of such a run. Does not belong here: what is reported of a partition (its asset).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

Metadata = Mapping[str, dg.MetadataValue[Any] | Path | str | int | float]
"""What a materialization says of itself."""


@dataclass(frozen=True)
class PartitionReport:
    """What became of one partition: metadata and data version when it is complete, else `failure`, which says why it is not."""

    partition: str
    content_hash: str = ""
    metadata: Metadata = field(default_factory=dict)
    failure: str = ""


def report_each(context: dg.AssetExecutionContext, what: str, reports: Iterable[PartitionReport]) -> None:
    """Report partitions as they come; `what` they are, in the plural.

    Raises:
        dagster.Failure: some are not complete; all others have been reported. Not retried.
    """
    failures = {report.partition: report.failure for report in reports if not report_or_log(context, report)}
    if failures:
        names, first = ", ".join(list(failures)[:10]), next(iter(failures.values()))
        raise dg.Failure(
            f"{len(failures)} {what} are not complete: {names}. First: {first}",
            metadata={what: dg.MetadataValue.json(failures)},
            allow_retries=False,
        )


def report_or_log(context: dg.AssetExecutionContext, report: PartitionReport, *, asset: dg.AssetKey | None = None) -> bool:
    """Tell Dagster that a partition (of `asset`; default: the run's own) is complete (True), or log why it is not."""
    if report.failure:
        context.log.error(f"{report.partition}: {report.failure}")
        return False
    event = dg.AssetMaterialization(
        asset_key=asset or context.asset_key,
        partition=report.partition,
        metadata=report.metadata,
        tags={"dagster/data_version": report.content_hash},
    )
    context.log_event(event)
    return True
