"""The ledgers of MiraData's batches: what the rest of the program reads, and what they say of the work that is left.

Belongs here: writing a batch's ledger, doing so again when the table has changed, the state of every batch. Does not belong here:
fetching (`sources.miradata.batch`), choosing batches (`rules.due`).
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from video_assets.core.json_values import read_value
from video_assets.core.schema import LEDGER
from video_assets.settings.model import Settings
from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.fetches import FETCHES, Fetch, summarize, to_ledger
from video_assets.sources.fetching.ledger import FetchLedger, timestamp
from video_assets.sources.miradata.batches import CLIP_KEY
from video_assets.sources.miradata.listing import MiraListing, read_batch, read_listing
from video_assets.sources.miradata.rules.cuts import parse_cut
from video_assets.sources.miradata.rules.due import BatchState, choose_batches
from video_assets.sources.miradata.rules.rows import MIRA_ROWS, ROW_REASONS, SOURCE
from video_assets.sources.miradata.wanted import Batch, Plan, plan_batch
from video_assets.sources.web.pause_file import Pauses
from video_assets.sources.web.rules.when_to_pause import Limits
from video_assets.sources.web.ways import n_ways
from video_assets.storage.layout import Layout
from video_assets.storage.leases import LeaseHeldError, hold
from video_assets.storage.tables import read_note, read_table, write_table
from video_assets.tombstones.matching import bury
from video_assets.tombstones.table import read_tombstones


@dataclass(frozen=True)
class BatchOutcome:
    """What became of one batch. `failure` says why it is not complete ("" when it is); `content_hash` is then its ledger's."""

    batch: str
    failure: str = ""
    content_hash: str = ""
    n_clips: int = 0
    n_ok: int = 0
    n_waiting: int = 0
    n_cut_now: int = 0
    n_videos_asked: int = 0
    n_bytes_fetched: int = 0
    n_bytes: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)


def read_batch_rows(layout: Layout, name: str, settings: MiraData) -> Batch:
    """The batch as the current listing has it.

    Raises:
        StageError: no listing yet, or it has no such batch.
    """
    revision = read_listing(layout).revision
    return Batch(layout, name, read_batch(layout, name), revision, settings, read_tombstones(layout))


def pauses_of(layout: Layout, settings: MiraData) -> Pauses:
    """What the sites have done lately."""
    return Pauses(layout.pauses(SOURCE), Limits(settings.alarms, settings.refusals, settings.alarm_pause_s), n_ways(settings))


def write_ledger(batch: Batch, ledger: FetchLedger, left: dict[str, int]) -> BatchOutcome:
    """Make one table of the batch's lines; its ledger too, when no clip is `left` to be asked for (clips by site)."""
    listing = read_listing(batch.layout)
    ledger.flush()
    every = ledger.read()
    is_listed = every["clip_key"].isin(batch.rows["clip_key"])
    fetches, others = every[is_listed], _no_longer_listed(every[~is_listed], batch)
    note = {"revision": batch.revision, "rows": listing.row_hashes.get(batch.name), "left": left, "lost_at": _lost_at(fetches)}
    ledger.compact(note=note)
    fetches = FETCHES.frame(pd.concat([_with_refusals(fetches, batch.rows), others]))
    content_hash = ""
    if not left:
        path = batch.layout.partition_ledger(SOURCE, batch.name)
        content_hash = write_table(path, LEDGER, _ledger_rows(fetches, batch), note={"revision": batch.revision})
    counted = summarize(fetches)
    return BatchOutcome(
        batch=batch.name,
        content_hash=content_hash,
        n_clips=len(batch.rows) + len(others),
        n_ok=counted.ok,
        n_waiting=counted.waiting,
        n_bytes=counted.n_bytes,
        by_reason=counted.by_reason,
    )


def _no_longer_listed(fetches: pd.DataFrame, batch: Batch) -> pd.DataFrame:
    """The lines of clips that the table had before. One that is listed under another key now is still there."""
    is_clip = fetches["clip_key"].map(lambda key: CLIP_KEY.fullmatch(key) is not None).astype(bool)
    lost = fetches[is_clip & ~fetches["clip_key"].isin(batch.rows["former_key"])]
    told = {"reason": "not_in_table", "detail": "the table was changed; the clip's file, if there was one, stays"}
    return lost.assign(status="failed", is_permanent=True, **told)


def _lost_at(fetches: pd.DataFrame) -> float | None:
    """When the oldest loss was noted that is asked for again one day, seconds since 1970."""
    lost = fetches[(fetches["status"] == "failed") & fetches["is_permanent"] & ~fetches["reason"].isin(ROW_REASONS)]
    return datetime.fromisoformat(lost["finished_at"].min()).timestamp() if len(lost) else None


def _with_refusals(fetches: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """A clip that is here, and whose row is of no use now, counts as its row says."""
    useless = {row["clip_key"]: row for row in rows[rows["reason"] != ""].to_dict("records")}
    told = [
        line | {"status": "failed", "is_permanent": True, "path": "", "reason": row["reason"], "detail": row["detail"]}
        if (row := useless.get(line["clip_key"]))
        else line
        for line in fetches.to_dict("records")
    ]
    return FETCHES.frame(told) if useless else fetches


def _ledger_rows(fetches: pd.DataFrame, batch: Batch) -> pd.DataFrame:
    cuts = dict(zip(fetches["clip_key"], fetches["detail"], strict=True))
    rows = zip(batch.rows["clip_key"], batch.rows["extras"], strict=True)
    extras = [_with_cut(text, cuts.get(key, "")) for key, text in rows]
    captions = batch.rows[["clip_key", "text"]].assign(extras=pd.Series(extras, index=batch.rows.index, dtype="object"))
    return bury(to_ledger(fetches, captions), batch.tombstones)


def _with_cut(extras: str, detail: str) -> str:
    """The row's columns with what is known of the cut."""
    cut = parse_cut(detail)
    if cut is None:
        return extras
    return json.dumps({**json.loads(extras), "cut": cut.as_json()}, ensure_ascii=False, sort_keys=True)


# --- when the table has changed -------------------------------------------------------------------------------------------------


def refresh_ledgers(layout: Layout, settings: Settings) -> Iterator[BatchOutcome]:
    """Write the ledgers of complete batches anew whose rows have changed: captions, ids, places. Nobody is asked for anything.

    So are those of batches that the table no longer has. Clips that are wanted now and are not here wait; a batch that another
    run works on is left to that run.
    """
    listing = read_listing(layout)
    gone = [name for name in layout.partitions(SOURCE) if name not in listing.batches]
    for name in (*listing.batches, *gone):
        if not _is_stale(layout, name, listing):
            continue
        try:
            lease = hold(layout.lease(SOURCE, name), stale_after_s=settings.decode.lease_stale_s)
            with lease, FetchLedger(layout, SOURCE, name) as ledger:
                batch = _batch_of(layout, name, settings.miradata, listing)
                plan = plan_batch(batch, ledger.read())
                for line in (*plan.lines, *_waiting_lines(plan)):
                    ledger.append(line)
                yield write_ledger(batch, ledger, {})
        except LeaseHeldError:
            continue


def _batch_of(layout: Layout, name: str, miradata: MiraData, listing: MiraListing) -> Batch:
    """The batch; one that the table no longer has is without rows."""
    if name in listing.batches:
        return read_batch_rows(layout, name, miradata)
    return Batch(layout, name, MIRA_ROWS.frame(), listing.revision, miradata, read_tombstones(layout))


def _is_stale(layout: Layout, name: str, listing: MiraListing) -> bool:
    if not layout.partition_ledger(SOURCE, name).exists():
        return False
    return FetchLedger(layout, SOURCE, name).note().get("rows") != listing.row_hashes.get(name)


def _waiting_lines(plan: Plan) -> Iterator[Fetch]:
    now = timestamp()
    for clip in (clip for video in plan.videos for clip in video.clips):
        waiting = replace(clip.line, attempts=clip.line.attempts - 1, path="", started_at=now, finished_at=now)
        yield replace(waiting, reason="not_asked_yet", detail="the table has changed since its batch was complete")


# --- what there is to do --------------------------------------------------------------------------------------------------------


def due_batches(layout: Layout, miradata: MiraData, listing: MiraListing | None = None) -> list[str]:
    """The batches to work on next, at most `batches_per_night`, see `rules.due`; by the current listing, or by another one.

    Raises:
        StageError: there is no listing yet.
    """
    pauses = pauses_of(layout, miradata)
    paused = pauses.paused()
    lost_before = time.time() - miradata.retry_lost_after_days * 24 * 3600
    return choose_batches(
        batch_states(layout, listing or read_listing(layout)),
        paused=paused,
        suspects=pauses.sites() - paused.keys(),
        lost_before=lost_before,
        limit=miradata.batches_per_night,
    )


def batch_states(layout: Layout, listing: MiraListing) -> list[BatchState]:
    """What is known of each batch, in their order."""
    return [_state(layout, name, listing.sites.get(name, {})) for name in listing.batches]


def _state(layout: Layout, name: str, sites: dict[str, int]) -> BatchState:
    ledger, fetches = layout.partition_ledger(SOURCE, name), layout.fetches(SOURCE, name)
    if not fetches.exists():
        return BatchState(name, sites)
    note, worked_at = read_note(fetches), fetches.stat().st_mtime
    if not ledger.exists():
        return BatchState(name, read_value(dict[str, int], note.get("left") or sites), worked_at)
    lost = note["lost_at"] if "lost_at" in note else _lost_at(read_table(fetches, FETCHES).rows)
    lost_at = float(lost) if isinstance(lost, int | float) else None
    return BatchState(name, sites, worked_at, is_complete=True, has_waiting=_has_waiting(ledger), lost_at=lost_at)


def _has_waiting(ledger: Any) -> bool:
    return bool((read_table(ledger, LEDGER, columns=["status"]).rows["status"] == "waiting").any())


def obtainable(layout: Layout) -> tuple[int, dict[str, int]]:
    """Of all batches that were materialized: clips that are here, and the others by reason."""
    n_ok, reasons = 0, Counter[str]()
    for name in layout.partitions(SOURCE):
        rows = read_table(layout.partition_ledger(SOURCE, name), LEDGER, columns=["status", "reason"]).rows
        is_ok = rows["status"] == "ok"
        n_ok += int(is_ok.sum())
        reasons.update({str(reason): int(n) for reason, n in rows.loc[~is_ok, "reason"].value_counts().items()})
    return n_ok, dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
