"""Ask a random sample of MiraData's web videos whether they can be had, without downloading any.

Belongs here: asking politely, answers that survive a kill. Does not belong here: the sample and the estimate (`rules.survey`).
"""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict

import pyarrow.parquet as pq

from video_assets.core.json_values import read_value
from video_assets.progress import Progress
from video_assets.settings.model import Settings
from video_assets.settings.sources import MiraData
from video_assets.sources.miradata.ledgers import pauses_of
from video_assets.sources.miradata.listing import ensure_listing, read_listing, rows_path
from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.sources.miradata.rules.survey import Answer, SiteEstimate, draw, estimate
from video_assets.sources.web.explaining import WebFaultError
from video_assets.sources.web.pause_file import Pauses
from video_assets.sources.web.rules.faults import cause_of
from video_assets.sources.web.rules.when_to_pause import site_of
from video_assets.sources.web.videos import WebVideos
from video_assets.sources.web.ways import n_ways, one_way
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.parts import PartWriter, read_parts

_MIB = 1024 * 1024


def survey(layout: Layout, settings: Settings, *, n_per_site: int, progress: Progress) -> list[SiteEstimate]:
    """Ask up to `n_per_site` web videos of each site; those that were asked before are not asked again.

    A site in a pause is passed over, and one that asks us to stop is left alone: the next survey goes on with it.

    Raises:
        StageError: there is no listing yet.
        LeaseHeldError: another survey is at work.
    """
    ensure_listing(layout, settings.miradata)
    videos = _videos_by_site(layout)
    with hold(layout.lease(SOURCE, "survey"), stale_after_s=settings.decode.lease_stale_s) as lease:
        known = {answer.url for answer in read_answers(layout)}
        todo = [(site, url) for site, url in draw(videos, n_per_site) if url not in known]
        if todo:
            with (
                PartWriter(layout.survey_parts(SOURCE), batch=1) as writer,
                progress("survey", len(todo), "web videos") as advance,
            ):
                for answer in _ask(layout, settings.miradata, todo):
                    lease.ensure()
                    writer.append(asdict(answer))
                    advance(1, f"{answer.site}: {answer.reason or 'obtainable'}")
    return estimates(layout, settings.miradata)


def read_answers(layout: Layout) -> list[Answer]:
    """What sites have said so far."""
    return [read_value(Answer, record) for record in read_parts(layout.survey_parts(SOURCE))[0]]


def estimates(layout: Layout, miradata: MiraData) -> list[SiteEstimate]:
    """The estimate of each site that the current listing names, largest first; what was not asked yet says so.

    Raises:
        StageError: there is no listing yet.
    """
    videos = _videos_by_site(layout)
    answers: dict[str, list[Answer]] = {}
    for answer in read_answers(layout):
        if answer.url in videos.get(answer.site, ()):
            answers.setdefault(answer.site, []).append(answer)
    wait_s = (miradata.sleep_s + miradata.max_sleep_s) / 2
    rate = miradata.max_mib_per_s * _MIB if miradata.max_mib_per_s else None
    found = [
        estimate(site, len(urls), answers.get(site, []), wait_s=wait_s, bytes_per_s=rate) for site, urls in videos.items()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (-each.n_videos, each.site))


def _videos_by_site(layout: Layout) -> dict[str, set[str]]:
    rows = pq.read_table(rows_path(layout, read_listing(layout).revision), columns=["url", "reason"])
    found: dict[str, set[str]] = {}
    for url in {url for url, reason in zip(*(column.to_pylist() for column in rows.columns), strict=True) if not reason}:
        found.setdefault(site_of(url), set()).add(url)
    return found


def _ask(layout: Layout, miradata: MiraData, todo: list[tuple[str, str]]) -> Iterator[Answer]:
    """An answer for each web video whose site answers; what only failed for the moment is asked again by the next survey."""
    pauses, last, last_way = pauses_of(layout, miradata), dict[tuple[str, int], float](), dict[str, int]()
    cache = layout.source_videos(SOURCE, "survey") / "cache"
    with ExitStack() as stack:
        ways = [stack.enter_context(WebVideos(one_way(miradata, way), cache=cache)) for way in range(n_ways(miradata))]
        for site, url in todo:
            way = pauses.next_way(site, last_way.get(site))
            if way is None:
                continue
            last_way[site] = way
            if (site, way) in last:
                pause_s = random.uniform(miradata.sleep_s, miradata.max_sleep_s)  # noqa: S311 - no secret
                time.sleep(max(0.0, last[site, way] + pause_s - time.monotonic()))
            answer = _ask_one(ways[way], pauses, (site, way), url)
            last[site, way] = time.monotonic()
            if answer is not None:
                yield answer


def _ask_one(web: WebVideos, pauses: Pauses, asked: tuple[str, int], url: str) -> Answer | None:
    site, way = asked
    try:
        found = web.find(url)
    except WebFaultError as error:
        fault = error.fault
        pauses.take(site, fault.reason, asked_s=fault.wait_s, way=way)
        is_passing = fault.reason == "network" or cause_of(fault.reason).is_alarm
        return None if is_passing else Answer(url, site, fault.reason)
    pauses.take(site, "", way=way)
    return Answer(url, site, "", found.n_bytes, found.height)
