"""One batch of MiraData: every clip that the table lists gets a ledger line, as politely and as seldom asked for as possible.

Belongs here: what is still wanted, the order of source videos, pauses, the batch's ledgers. Does not belong here: one source
video (`sources.miradata.video`), what a row says (`sources.miradata.rules.rows`).
"""

import json
import logging
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd

from video_assets.core.schema import LEDGER
from video_assets.media.versions import ffmpeg_versions
from video_assets.progress import Progress
from video_assets.settings.model import Settings
from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.ledger import FetchLedger, crc32_of, files_in, timestamp
from video_assets.sources.fetching.rules import Fetch, plan_fetches, summarize, to_ledger
from video_assets.sources.miradata.listing import read_batch, read_listing
from video_assets.sources.miradata.rules.cuts import parse_cut
from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.sources.miradata.video import SourceVideo, VideoResult, VideoWork, Wanted, remove_folder
from video_assets.sources.web.rules.patience import Breaker, site_of
from video_assets.sources.web.videos import WebVideos, tool_versions
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease, hold
from video_assets.storage.tables import read_table, write_table
from video_assets.tombstones.rules import Tombstones, bury
from video_assets.tombstones.table import read_tombstones
from video_assets.workers.cpus import cpu_count
from video_assets.workers.pool import Limits, WorkerPool

_WORK = "video_assets.sources.miradata.cut_task:work"
_NOT_WORTH_ASKING = frozenset({"invalid_row", "duplicate_row", "taken_down"})
_log = logging.getLogger(__name__)


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


def fetch_batches(layout: Layout, batches: list[str], *, settings: Settings, progress: Progress) -> Iterator[BatchOutcome]:
    """Fetch and cut what is still wanted of `batches`, one after the other; yields each one's outcome.

    Raises:
        StageError: no listing, or no such batch.
        LeaseHeldError: another run works on a batch.
        NoSpaceError: the disk is full.
    """
    for batch in batches:
        with hold(layout.lease(SOURCE, batch), stale_after_s=settings.decode.lease_stale_s) as lease:
            yield _Batch(layout, batch, settings, lease).run(progress)


def due_batches(layout: Layout, miradata: MiraData) -> list[str]:
    """The batches to work on next, at most `batches_per_night`: those that were never completed, then those with clips that wait.

    Raises:
        StageError: there is no listing yet.
    """
    batches = read_listing(layout).batches
    paths = {batch: layout.partition_ledger(SOURCE, batch) for batch in batches}
    new = [batch for batch, path in paths.items() if not path.exists()]
    there = sorted((path.stat().st_mtime_ns, batch) for batch, path in paths.items() if path.exists())
    waiting = (batch for _, batch in there if _has_waiting(paths[batch]))
    return list(islice(chain(new, waiting), miradata.batches_per_night))


def _has_waiting(ledger: Path) -> bool:
    return bool((read_table(ledger, LEDGER, columns=["status"]).rows["status"] == "waiting").any())


def obtainable(layout: Layout) -> tuple[int, dict[str, int]]:
    """Of all batches that were materialized: clips that are here, and the others by reason."""
    n_ok, reasons = 0, Counter[str]()
    for path in sorted(layout.partition_ledger(SOURCE, "x").parent.glob("*.parquet")):
        rows = read_table(path, LEDGER, columns=["status", "reason"]).rows
        is_ok = rows["status"] == "ok"
        n_ok += int(is_ok.sum())
        reasons.update({str(reason): int(n) for reason, n in rows.loc[~is_ok, "reason"].value_counts().items()})
    return n_ok, dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


class _Batch:
    """One batch while it is worked on."""

    def __init__(self, layout: Layout, batch: str, settings: Settings, lease: Lease) -> None:
        self._layout, self._batch, self._settings, self._lease = layout, batch, settings, lease
        self._mira = settings.miradata
        self._ledger = FetchLedger(layout, SOURCE, batch)
        self._rows = read_batch(layout, batch)
        self._tombstones = read_tombstones(layout)
        self._revision = read_listing(layout).revision
        self._folder = layout.source_videos(SOURCE, batch)
        self._pauses = layout.pauses(SOURCE)
        self._breaker = Breaker.of(_read_pauses(self._pauses), max_alarms=self._mira.alarms, pause_s=self._mira.alarm_pause_s)
        self._last_asked: dict[str, float] = {}
        self._n_cut = self._n_asked = self._n_bytes = 0

    def run(self, progress: Progress) -> BatchOutcome:
        """Work through the source videos; write the ledger when no clip is left that nobody asked for."""
        with self._ledger:
            videos = self._videos()
            left = self._work(videos, progress) if videos else 0
        self._lease.ensure()
        fetches = self._ledger.compact(note={"revision": self._revision})
        if left:
            return self._outcome(fetches, failure=self._why_stopped(left))
        remove_folder(self._folder)
        ledger = self._ledger_rows(fetches[fetches["clip_key"].isin(self._rows["clip_key"])])
        path = self._layout.partition_ledger(SOURCE, self._batch)
        return self._outcome(fetches, content_hash=write_table(path, LEDGER, ledger, note={"revision": self._revision}))

    # --- what is wanted ---------------------------------------------------------------------------------------------------------

    def _videos(self) -> list[SourceVideo]:
        """Source videos with the clips that are still wanted of them; lines for clips that nobody can want are written here."""
        known = _asked_again(self._ledger.read(), self._rows, days=self._mira.retry_lost_after_days)
        folder = self._layout.clips_folder(SOURCE, self._batch)
        rows: dict[str, dict[Any, Any]] = {row["clip_key"]: row for row in self._rows.to_dict("records")}
        tries = dict(zip(known["clip_key"], known["attempts"], strict=True))
        lines = {key: self._line(row, int(tries.get(key, 0)), folder) for key, row in rows.items()}
        wanted = {key: lines[key].path for key, row in rows.items() if not self._refuse(row, lines[key], known)}
        plan = plan_fetches(wanted, known, files_in(folder))
        checksums = dict(zip(known["clip_key"], known["crc32"], strict=True))
        same = {key for key in plan.verify if _has_checksum(Path(wanted[key]), checksums.get(key))}
        self._keep(known[known["clip_key"].isin(same)])
        todo = [key for key in (*plan.verify, *plan.fetch) if key not in same]
        groups: dict[tuple[int, str], list[Wanted]] = {}
        for key in sorted(todo, key=lambda key: (rows[key]["download_id"], rows[key]["start_s"])):
            row = rows[key]
            clip = Wanted(lines[key], row["start_s"], row["end_s"])
            groups.setdefault((row["download_id"], row["url"]), []).append(clip)
        return [
            SourceVideo(f"{number:012d}-{zlib.crc32(url.encode()):08x}", url, tuple(clips))
            for (number, url), clips in groups.items()
        ]

    def _line(self, row: dict[Any, Any], n_tries: int, folder: Path) -> Fetch:
        place = "" if pd.isna(row["start_s"]) else f"{row['url']}#t={row['start_s']:.6f},{row['end_s']:.6f}"
        return Fetch(
            clip_key=row["clip_key"],
            source=SOURCE,
            partition=self._batch,
            revision=self._revision,
            member=place or f"line {row['line']}",
            status="failed",
            attempts=n_tries + 1,
            path=str(folder / row["file_name"]),
        )

    def _refuse(self, row: dict[Any, Any], line: Fetch, known: pd.DataFrame) -> bool:
        """True for a clip that is not asked for: its row is of no use, or it was taken down."""
        reason, detail = row["reason"], row["detail"]
        if not reason and _is_taken_down(self._tombstones, row):
            reason, detail = "taken_down", "taken down; see takedown/ in the data root"
        if reason and not bool(((known["clip_key"] == row["clip_key"]) & (known["reason"] == reason)).any()):
            now = timestamp()
            self._ledger.append(
                replace(line, reason=reason, detail=detail, is_permanent=True, path="", started_at=now, finished_at=now)
            )
        return bool(reason)

    def _keep(self, lines: pd.DataFrame) -> None:
        """Clips that are the same under another modification time, as after copying the data root."""
        for record in lines.to_dict("records"):
            status = Path(record["path"]).stat()
            fields: dict[str, Any] = {str(name): (None if pd.isna(value) else value) for name, value in record.items()}
            self._ledger.append(replace(Fetch(**fields), mtime_ns=status.st_mtime_ns, finished_at=timestamp()))

    # --- the work ---------------------------------------------------------------------------------------------------------------

    def _work(self, videos: list[SourceVideo], progress: Progress) -> int:
        """Handle all videos; returns how many clips were left because their site wants a pause."""
        decode = self._settings.decode
        limits = Limits(timeout_s=decode.timeout_s, cpu_s=decode.cpu_s, memory_bytes=decode.memory_mib << 20)
        versions = f"{tool_versions()}; {ffmpeg_versions()}"
        left = 0
        with (
            progress(self._batch, sum(len(video.clips) for video in videos), "clips") as advance,
            WebVideos(self._mira, cache=self._folder / "cache") as web,
            WorkerPool(_WORK, n_workers=decode.workers or cpu_count(), limits=limits) as pool,
        ):
            work = VideoWork(web, pool, self._folder, self._mira, versions=versions)
            for video in videos:
                site = site_of(video.url)
                if not work.is_here(video):
                    if self._breaker.remaining_s(site, now_s=time.time()):
                        left += len(video.clips)
                        continue
                    self._be_polite(site)
                result = work.handle(video)
                if self._take(result, site):
                    left += len(video.clips)
                work.finish(video, result)
                advance(len(video.clips), f"{self._n_cut:,} cut")
        return left

    def _be_polite(self, site: str) -> None:
        last = self._last_asked.get(site)
        if last is not None:
            pause_s = random.uniform(self._mira.sleep_s, self._mira.max_sleep_s)  # noqa: S311 - no secret
            time.sleep(max(0.0, last + pause_s - time.monotonic()))
        self._n_asked += 1

    def _take(self, result: VideoResult, site: str) -> bool:
        """Note what became of a video's clips; True when its site wants to be left alone from now on."""
        self._last_asked[site] = time.monotonic()
        self._lease.ensure()
        for line in result.lines:
            self._ledger.append(line)
        self._ledger.flush()
        self._n_cut += sum(line.status == "ok" for line in result.lines)
        self._n_bytes += result.n_bytes
        if result.reason:
            _log.warning("%s: %s: %s", self._batch, result.reason, result.lines[0].detail)
        is_alarmed = self._breaker.take(site, result.reason, now_s=time.time(), asked_s=result.wait_s)
        if is_alarmed:
            write_text(self._pauses, json.dumps(self._breaker.until, indent=1, sort_keys=True))
        return is_alarmed

    # --- results ----------------------------------------------------------------------------------------------------------------

    def _why_stopped(self, left: int) -> str:
        until = {site: when for site, when in self._breaker.until.items() if when > time.time()}
        times = {site: f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M} UTC" for site, when in until.items()}
        told = ", ".join(f"{site} until {when}" for site, when in times.items())
        return (
            f"{left:,} clips are still to be asked for: their site answered with bot checks or rate limits and is left alone "
            f"({told or 'the pause is over now'}). Materialize the batch again then: it goes on where it stopped. When this "
            "happens again, raise miradata.sleep_s and set miradata.cookies"
        )

    def _ledger_rows(self, fetches: pd.DataFrame) -> pd.DataFrame:
        cuts = dict(zip(fetches["clip_key"], fetches["detail"], strict=True))
        rows = zip(self._rows["clip_key"], self._rows["extras"], strict=True)
        extras = [_with_cut(text, cuts.get(key, "")) for key, text in rows]
        captions = self._rows[["clip_key", "text"]].assign(extras=extras)
        return bury(to_ledger(fetches, captions), self._tombstones)

    def _outcome(self, fetches: pd.DataFrame, *, failure: str = "", content_hash: str = "") -> BatchOutcome:
        counted = summarize(fetches)
        return BatchOutcome(
            batch=self._batch,
            failure=failure,
            content_hash=content_hash,
            n_clips=len(self._rows),
            n_ok=counted.ok,
            n_waiting=counted.waiting,
            n_cut_now=self._n_cut,
            n_videos_asked=self._n_asked,
            n_bytes_fetched=self._n_bytes,
            n_bytes=counted.n_bytes,
            by_reason=counted.by_reason,
        )


def _asked_again(fetches: pd.DataFrame, rows: pd.DataFrame, *, days: float) -> pd.DataFrame:
    """The ledger without what says nothing any more: clips whose place the table has changed, losses that are long ago."""
    places = {
        key: f"{url}#t={start:.6f},{end:.6f}"
        for key, url, start, end in zip(rows["clip_key"], rows["url"], rows["start_s"], rows["end_s"], strict=True)
        if not pd.isna(start)
    }
    is_as_listed = [places.get(key, member) == member for key, member in zip(fetches["clip_key"], fetches["member"], strict=True)]
    known = fetches[pd.Series(is_as_listed, index=fetches.index, dtype=bool)]
    oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    is_old = (known["finished_at"] < oldest) & ~known["reason"].isin(_NOT_WORTH_ASKING)
    return known.assign(is_permanent=known["is_permanent"] & ~is_old)


def _with_cut(extras: str, detail: str) -> str:
    """The row's columns with what is known of the cut."""
    cut = parse_cut(detail)
    if cut is None:
        return extras
    return json.dumps({**json.loads(extras), "cut": cut._asdict()}, ensure_ascii=False, sort_keys=True)


def _has_checksum(path: Path, crc32: Any) -> bool:
    if not isinstance(crc32, str) or not path.is_file():
        return False
    return f"{crc32_of(path):08x}" == crc32


def _is_taken_down(tombstones: Tombstones, row: dict[Any, Any]) -> bool:
    return tombstones.is_taken_down(clip_key=row["clip_key"], url=row["url"], source_id=row["video_id"])


def _read_pauses(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # without the note the site is asked, and says so again
        return {}
