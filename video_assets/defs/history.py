"""Dagster's history: what of it is still needed, and deleting the rest. Loaded only by who cleans up: SQLAlchemy takes a second.

Kept whatever their age: runs that hold the last two materializations of an asset or partition, its last attempt, the last result
of a check, and runs of backfills that go on. So no partition turns from green or red to missing, and automation conditions
find the data versions that they compare.
Belongs here: Dagster's tables. Does not belong here: when it is done (`defs.clean_up`), the data root (`storage`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

# No public interface deletes these rows; tests/defs/test_history.py holds what is relied upon.
import sqlalchemy as db
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, PartitionBackfill
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.runs.schema import BackfillTagsTable, BulkActionsTable

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 500


@dataclass(frozen=True)
class CleanedUp:
    """What was deleted, and how many old runs were kept because something still stands on them."""

    runs: int
    kept_old_runs: int
    check_results: int
    backfills: int


def clean_up(instance: dg.DagsterInstance, *, before: datetime) -> CleanedUp:
    """Delete everything that ended before `before` and is not needed (see the module)."""
    needed = _needed_runs(instance)
    old = list(_ended_runs(instance, before))
    doomed = [run_id for run_id in old if run_id not in needed]
    for run_id in doomed:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        _delete_shard(instance, run_id)
    return CleanedUp(
        runs=len(doomed),
        kept_old_runs=len(old) - len(doomed),
        check_results=_delete_check_results(instance, doomed),
        backfills=_delete_backfills(instance, before),
    )


def _ended_runs(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    filters = dg.RunsFilter(statuses=_ENDED, updated_before=before)
    cursor = None
    while records := instance.get_run_records(filters, limit=_PAGE, cursor=cursor):
        yield from (record.dagster_run.run_id for record in records)
        cursor = records[-1].dagster_run.run_id


def active_backfills(instance: dg.DagsterInstance) -> list[PartitionBackfill]:
    """Backfills that have not ended."""
    return [backfill for backfill in instance.get_backfills() if backfill.status not in BULK_ACTION_TERMINAL_STATUSES]


def _needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs that something visible or automatic still stands on."""
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    by_asset = (events.asset_key, events.partition, events.dagster_event_type)
    last = db.select(db.func.max(events.id)).where(events.asset_key.is_not(None)).group_by(*by_asset)
    # The condition "data version changed" looks at the one before the last.
    before_last = last.where(events.id.not_in(last.scalar_subquery()))
    last_checks = db.select(db.func.max(checks.id)).group_by(checks.asset_key, checks.check_name, checks.partition)
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        found = [
            *connection.execute(db.select(events.run_id).where(events.id.in_(last.scalar_subquery()))),
            *connection.execute(db.select(events.run_id).where(events.id.in_(before_last.scalar_subquery()))),
            *connection.execute(db.select(checks.run_id).where(checks.id.in_(last_checks.scalar_subquery()))),
        ]
    names = [backfill.backfill_id for backfill in active_backfills(instance)]
    of_backfills = [run.run_id for name in names for run in instance.get_runs(dg.RunsFilter.for_backfill(name))]
    return {row[0] for row in found if row[0]} | set(of_backfills)


def _delete_check_results(instance: dg.DagsterInstance, run_ids: list[str]) -> int:
    """Dagster's own `delete_run` leaves them."""
    n_rows = 0
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        for start in range(0, len(run_ids), _PAGE):
            some = AssetCheckExecutionsTable.c.run_id.in_(run_ids[start : start + _PAGE])
            n_rows += connection.execute(AssetCheckExecutionsTable.delete().where(some)).rowcount
    return n_rows


def _delete_backfills(instance: dg.DagsterInstance, before: datetime) -> int:
    ended = [status.value for status in BULK_ACTION_TERMINAL_STATUSES]
    actions = BulkActionsTable.c
    is_old = db.and_(actions.status.in_(ended), actions.timestamp < before.astimezone(UTC).replace(tzinfo=None))
    storage: Any = instance.run_storage
    with storage.connect() as connection:
        keys = [row[0] for row in connection.execute(db.select(actions.key).where(is_old))]
        for start in range(0, len(keys), _PAGE):
            some = keys[start : start + _PAGE]
            connection.execute(BackfillTagsTable.delete().where(BackfillTagsTable.c.backfill_id.in_(some)))
            connection.execute(BulkActionsTable.delete().where(actions.key.in_(some)))
    return len(keys)


def _delete_shard(instance: dg.DagsterInstance, run_id: str) -> None:
    """SQLite keeps a file per run, which `delete_run` only empties."""
    storage: Any = instance.event_log_storage
    if not getattr(storage, "is_run_sharded", False):
        return
    shard = Path(storage.path_for_shard(run_id))
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            shard.with_name(shard.name + suffix).unlink()
