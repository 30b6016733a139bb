"""What is still wanted of a batch: its source videos with the clips to cut, and lines for clips that nobody asks for.

Belongs here: comparing rows, ledger and disk; taking over clips of earlier versions. Does not belong here: asking the web
(`sources.miradata.batch`), which ledger lines still count (`rules.again`).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from video_assets.core.json_values import read_value
from video_assets.media.cutting.place import Frames, Place
from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.fetches import Fetch, merge_fetches, plan_fetches
from video_assets.sources.fetching.ledger import crc32_of, files_in, timestamp
from video_assets.sources.miradata.rules.again import place_of, still_counting
from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.sources.miradata.video import SourceVideo, Wanted
from video_assets.sources.web.rules.when_to_pause import site_of
from video_assets.storage.layout import Layout
from video_assets.tombstones.matching import Tombstones

_TAKEN_DOWN = "taken down; see takedown/ in the data root"


@dataclass(frozen=True)
class Plan:
    """`videos` with the clips that are wanted of them; `lines` of clips that are not asked for, to be written to the ledger."""

    videos: list[SourceVideo] = field(default_factory=list)
    lines: list[Fetch] = field(default_factory=list)

    @property
    def n_clips(self) -> int:
        """Clips that are wanted."""
        return sum(len(video.clips) for video in self.videos)


@dataclass(frozen=True)
class Batch:
    """A batch with its rows (`MIRA_ROWS`), as the listing of `revision` has them."""

    layout: Layout
    name: str
    rows: pd.DataFrame
    revision: str
    settings: MiraData
    tombstones: Tombstones

    @property
    def folder(self) -> Path:
        """Where its clips lie."""
        return self.layout.clips_folder(SOURCE, self.name)

    def records(self) -> Iterator[dict[Any, Any]]:
        """Its rows one by one."""
        yield from self.rows.to_dict("records")


def plan_batch(batch: Batch, fetches: pd.DataFrame) -> Plan:
    """What to do about the batch whose ledger so far is `fetches`. Clips that earlier versions named otherwise are renamed.

    Raises:
        OSError: the clips' folder cannot be read or written.
    """
    taken_over = _take_over(batch, fetches)
    fetches = merge_fetches(fetches, [line.as_record() for line in taken_over])
    miradata = batch.settings
    days, max_gib = miradata.retry_lost_after_days, miradata.max_source_gib
    known = still_counting(fetches, batch.rows, now=datetime.now(UTC), days=days, max_gib=max_gib)
    rows: dict[str, dict[Any, Any]] = {row["clip_key"]: row for row in batch.records()}
    tries = dict(zip(known["clip_key"], known["attempts"], strict=True))
    lines = {key: _new_line(batch, row, int(tries.get(key, 0))) for key, row in rows.items()}
    refused = {key: refusal for key, row in rows.items() if (refusal := _refusal(row, batch.tombstones))}
    wanted = {key: lines[key].path for key in rows if key not in refused}
    plan = plan_fetches(wanted, known, files_in(batch.folder))
    kept = _kept(known[known["clip_key"].isin(plan.verify)], wanted)
    todo = [key for key in (*plan.verify, *plan.fetch) if key not in kept]
    return Plan(
        videos=_by_video([(rows[key], lines[key]) for key in todo]),
        lines=[*taken_over, *_refused_lines(refused, lines, known), *kept.values()],
    )


def _take_over(batch: Batch, fetches: pd.DataFrame) -> list[Fetch]:
    """Clips that are here under the key of an earlier version, renamed: none is downloaded or cut again for its name.

    The clip is known by its place and its bytes; a kill between renaming and the ledger's line leaves it to the next run.
    """
    known = {line["clip_key"]: line for line in fetches[fetches["status"] == "ok"].to_dict("records")}
    found = []
    for row in batch.records():
        line = known.get(row["former_key"] or "")
        if line is None or row["reason"] or row["clip_key"] in known or line["member"] != place_of(row):
            continue
        target, here = batch.folder / row["file_name"], Path(line["path"])
        if not _has_checksum(target, line["crc32"]):
            if not _has_checksum(here, line["crc32"]):
                continue
            here.rename(target)
        renamed = replace(_fetch(line), clip_key=row["clip_key"], path=str(target), finished_at=timestamp())
        found.append(replace(renamed, mtime_ns=target.stat().st_mtime_ns))
    return found


def _new_line(batch: Batch, row: dict[Any, Any], n_tries: int) -> Fetch:
    return Fetch(
        clip_key=row["clip_key"],
        source=SOURCE,
        partition=batch.name,
        revision=batch.revision,
        member=place_of(row) or f"line {row['line']}",
        status="failed",
        attempts=n_tries + 1,
        path=str(batch.folder / row["file_name"]),
    )


def _refusal(row: dict[Any, Any], tombstones: Tombstones) -> tuple[str, str] | None:
    """Reason and detail when a clip is not asked for: its row is unusable, or it was taken down, by this or a former key."""
    if row["reason"]:
        return row["reason"], row["detail"]
    facts = {"url": row["url"], "source_id": row["video_id"]}
    keys = [key for key in (row["clip_key"], row["former_key"]) if key]
    return ("taken_down", _TAKEN_DOWN) if any(tombstones.is_taken_down(clip_key=key, **facts) for key in keys) else None


def _refused_lines(refused: dict[str, tuple[str, str]], lines: dict[str, Fetch], known: pd.DataFrame) -> Iterator[Fetch]:
    """A line for each that has none yet. A clip that is here keeps its own: its row may be mended one day."""
    has = dict(zip(known["clip_key"], zip(known["status"], known["reason"], strict=True), strict=True))
    for key, (reason, detail) in refused.items():
        status, said = has.get(key, ("", ""))
        if said == reason or (status == "ok" and reason != "taken_down"):
            continue
        now = timestamp()
        yield replace(lines[key], reason=reason, detail=detail, is_permanent=True, path="", started_at=now, finished_at=now)


def _kept(known: pd.DataFrame, paths: dict[str, str]) -> dict[str, Fetch]:
    """Clips that are the same under another modification time or folder, as after copying the data root."""
    kept = {}
    for line in known[known["status"] == "ok"].to_dict("records"):
        path = Path(paths[line["clip_key"]])
        if _has_checksum(path, line["crc32"]):
            there = path.stat()
            kept[line["clip_key"]] = replace(
                _fetch(line), path=str(path), mtime_ns=there.st_mtime_ns, finished_at=timestamp()
            )  # fmt: skip
    return kept


def _by_video(clips: list[tuple[dict[Any, Any], Fetch]]) -> list[SourceVideo]:
    """Source videos in the order of their numbers, those of different sites by turns."""
    groups: dict[tuple[int, str], list[Wanted]] = {}
    for row, line in sorted(clips, key=lambda clip: (clip[0]["download_id"], clip[0]["start_s"])):
        groups.setdefault((row["download_id"], row["url"]), []).append(Wanted(line, _place(row)))
    sites: dict[str, list[SourceVideo]] = {}
    for (number, url), wanted in groups.items():
        video = SourceVideo(f"{number:012d}-{zlib.crc32(url.encode()):08x}", url, tuple(wanted))
        sites.setdefault(site_of(url), []).append(video)
    return [video for turn in zip_longest(*sites.values()) for video in turn if video is not None]


def _place(row: dict[Any, Any]) -> Place:
    frames = None if pd.isna(row["n_frames"]) else Frames(row["rate"], row["first_frame"], row["n_frames"])
    return Place(row["start_s"], row["end_s"], frames)


def _fetch(record: dict[Any, Any]) -> Fetch:
    return read_value(Fetch, {name: (None if pd.isna(value) else value) for name, value in record.items()})


def _has_checksum(path: Path, crc32: Any) -> bool:
    return isinstance(crc32, str) and path.is_file() and f"{crc32_of(path):08x}" == crc32
