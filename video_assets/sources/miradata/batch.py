"""One batch of MiraData: every clip that the table lists gets a ledger line, as politely and as seldom asked for as possible.

Belongs here: the run through its source videos, manners towards their sites. Does not belong here: what is wanted
(`sources.miradata.wanted`), one source video (`sources.miradata.video`), ledgers (`sources.miradata.ledgers`).
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from video_assets.media.versions import ffmpeg_versions
from video_assets.progress import Progress
from video_assets.settings.model import Settings
from video_assets.sources.fetching.fetches import Fetch
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.miradata.ledgers import BatchOutcome, pauses_of, read_batch_rows, write_ledger
from video_assets.sources.miradata.listing import ensure_listing
from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.sources.miradata.video import SourceVideo, VideoResult, VideoWork, remove_folder
from video_assets.sources.miradata.wanted import Plan, plan_batch
from video_assets.sources.web.rules.faults import cause_of
from video_assets.sources.web.rules.when_to_pause import site_of
from video_assets.sources.web.videos import WebVideos, tool_versions
from video_assets.sources.web.ways import n_ways, one_way
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease, hold
from video_assets.workers.cpus import cpu_count
from video_assets.workers.pool import Limits, WorkerPool

_WORK = "video_assets.sources.miradata.cut_task:work"
_log = logging.getLogger(__name__)


def fetch_batches(layout: Layout, batches: list[str], *, settings: Settings, progress: Progress) -> Iterator[BatchOutcome]:
    """Fetch and cut what is still wanted of `batches`, one after the other; yields each one's outcome.

    Raises:
        StageError: no listing, or no such batch.
        LeaseHeldError: another run works on a batch.
        NoSpaceError: the disk is full.
    """
    ensure_listing(layout, settings.miradata)
    for batch in batches:
        with hold(layout.lease(SOURCE, batch), stale_after_s=settings.decode.lease_stale_s) as lease:
            yield _Run(layout, batch, settings, lease).run(progress)


class _Run:
    """One batch while it is worked on."""

    def __init__(self, layout: Layout, batch: str, settings: Settings, lease: Lease) -> None:
        self._batch = read_batch_rows(layout, batch, settings.miradata)
        self._settings, self._mira, self._lease = settings, settings.miradata, lease
        self._ledger = FetchLedger(layout, SOURCE, batch)
        self._folder = layout.source_videos(SOURCE, batch)
        self._pauses = pauses_of(layout, settings.miradata)
        self._doubted: dict[str, list[Fetch]] = {}
        self._last_asked: dict[tuple[str, int], float] = {}
        self._last_way: dict[str, int] = {}
        self._left = Counter[str]()
        self._n_cut = self._n_asked = self._n_bytes = 0

    def run(self, progress: Progress) -> BatchOutcome:
        """Work through the source videos; write the ledger when no clip is left that nobody asked for."""
        for draft in self._batch.folder.glob(".draft-*"):  # of a worker that was killed: nobody else may be in this folder
            draft.unlink(missing_ok=True)
        with self._ledger:
            plan = plan_batch(self._batch, self._ledger.read())
            for line in plan.lines:
                self._ledger.append(line)
            if plan.videos:
                self._work(plan, progress)
        self._lease.ensure()
        outcome = write_ledger(self._batch, self._ledger, dict(self._left))
        if not self._left:
            remove_folder(self._folder)
        return replace(
            outcome,
            failure=self._why_stopped() if self._left else "",
            n_cut_now=self._n_cut,
            n_videos_asked=self._n_asked,
            n_bytes_fetched=self._n_bytes,
        )

    def _work(self, plan: Plan, progress: Progress) -> None:
        decode = self._settings.decode
        memory_bytes = decode.memory_mib << 20
        limits = Limits(timeout_s=decode.timeout_s, cpu_s=decode.cpu_s, memory_bytes=memory_bytes, max_file_bytes=None)
        versions = f"{tool_versions()}; {ffmpeg_versions()}"
        with (
            progress(self._batch.name, plan.n_clips, "clips") as advance,
            ExitStack() as stack,
            WorkerPool(_WORK, n_workers=decode.workers or cpu_count(), limits=limits) as pool,
        ):
            works = [self._work_on(way, stack, pool, versions) for way in range(n_ways(self._mira))]
            for video in plan.videos:
                way = self._way_to(video, works[0])
                if way is not None:
                    self._handle(video, works[way], way)
                    advance(len(video.clips), f"{self._n_cut:,} cut")

    def _work_on(self, way: int, stack: ExitStack, pool: WorkerPool, versions: str) -> VideoWork:
        settings = one_way(self._mira, way)
        web = stack.enter_context(WebVideos(settings, cache=self._folder / "cache"))
        return VideoWork(web, pool, self._folder, settings, versions=versions)

    def _way_to(self, video: SourceVideo, work: VideoWork) -> int | None:
        """None when its site is left alone now; else the way to it whose turn it is, when it is polite to ask there."""
        if work.is_here(video):
            return 0
        site = site_of(video.url)
        way = self._pauses.next_way(site, self._last_way.get(site))
        if way is None:
            self._left[site] += len(video.clips)
            return None
        self._last_way[site] = way
        last = self._last_asked.get((site, way))
        if last is not None:
            pause_s = random.uniform(self._mira.sleep_s, self._mira.max_sleep_s)  # noqa: S311 - no secret
            time.sleep(max(0.0, last + pause_s - time.monotonic()))
        self._n_asked += 1
        return way

    def _handle(self, video: SourceVideo, work: VideoWork, way: int) -> None:
        """Bring and cut one video; its lines are durable before it is deleted, those of finished clips at once."""
        site = site_of(video.url)
        result = work.handle(video, self._note)
        self._last_asked[site, way] = time.monotonic()
        self._lease.ensure()
        self._judge(video, result, site, way)
        self._ledger.flush()
        self._n_bytes += result.n_bytes
        work.finish(video, result)

    def _note(self, line: Fetch) -> None:
        """A clip's line, durable at once: a kill costs no clip that was finished."""
        self._ledger.append(line)
        self._ledger.flush()
        self._n_cut += line.status == "ok"

    def _judge(self, video: SourceVideo, result: VideoResult, site: str, way: int) -> None:
        """Note what the site did, and the lines of the clips that it did not give."""
        state = self._pauses.take(site, result.reason, asked_s=result.wait_s, way=way)
        if not result.reason:
            for line in self._doubted.pop(site, []):
                self._ledger.append(replace(line, is_permanent=True))
            return
        _log.warning("%s: %s: %s: %s", self._batch.name, site, result.reason, result.detail)
        for line in result.lines:
            is_decided = line.is_permanent and state.decides(result.reason, attempts=line.attempts)
            self._ledger.append(replace(line, is_permanent=is_decided))
            if line.is_permanent and not is_decided and cause_of(result.reason).is_refusal:
                self._doubted.setdefault(site, []).append(line)
        if self._pauses.remaining_s(site):
            self._left[site] += len(video.clips)

    def _why_stopped(self) -> str:
        paused = self._pauses.paused()
        times = {site: f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M} UTC" for site, when in paused.items()}
        told = ", ".join(f"{site} until {when}" for site, when in times.items() if site in self._left)
        return (
            f"{self._left.total():,} clips are still to be asked for: their site answered with bot checks, rate limits or "
            f"refusals in a row and is left alone ({told or 'the pause is over now'}). Materialize the batch again then: it goes "
            "on where it stopped. When this happens again, raise miradata.sleep_s and set miradata.cookies"
        )
