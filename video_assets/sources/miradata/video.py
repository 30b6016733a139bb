"""One source video: found, fetched whole or by parts, cut into its clips, deleted.

Belongs here: that order, retries by cause, one result per clip. Does not belong here: which videos and which clips
(`sources.miradata.batch`), the web (`sources.web.videos`), cutting (`sources.miradata.cut_task`).
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from video_assets.media.cutting.place import Place
from video_assets.media.cutting.result import CutResult
from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.fetches import Fetch
from video_assets.sources.fetching.ledger import timestamp
from video_assets.sources.miradata.cut_request import ClipPlace, CutAnswer, CutRequest, SourceFile
from video_assets.sources.miradata.rules.cuts import Cut, plan_sections
from video_assets.sources.web.explaining import WebFaultError
from video_assets.sources.web.rules.faults import Fault, cause_of
from video_assets.sources.web.rules.when_to_pause import wait_before_retry
from video_assets.sources.web.videos import WebVideo, WebVideos
from video_assets.sources.web.ways import for_worker
from video_assets.storage.durable import write_text
from video_assets.workers.pool import Outcome, Task, WorkerPool

_log = logging.getLogger(__name__)
T = TypeVar("T")
_CLIPS_PER_READER = 16


@dataclass(frozen=True)
class Wanted:
    """A clip that is to be cut: its ledger line as far as it is known, and its place in the source video."""

    line: Fetch
    place: Place


@dataclass(frozen=True)
class SourceVideo:
    """A web video and the clips that are wanted of it. `name` is unique in its batch."""

    name: str
    url: str
    clips: tuple[Wanted, ...]


@dataclass(frozen=True)
class VideoResult:
    """`lines` of the clips that were not had because the video was not; `reason` and `detail` say why ("" when it was had)."""

    lines: list[Fetch] = field(default_factory=list)
    reason: str = ""
    detail: str = ""
    wait_s: float | None = None
    n_bytes: int = 0


class VideoWork:
    """Handles source videos one by one in a folder of its own."""

    def __init__(self, videos: WebVideos, pool: WorkerPool, folder: Path, settings: MiraData, *, versions: str) -> None:
        self._videos, self._pool, self._folder, self._settings = videos, pool, folder, settings
        self._versions = versions
        self._n_bytes = 0

    def is_here(self, video: SourceVideo) -> bool:
        """True when an earlier run has brought all of it: then nobody is asked."""
        return self._note(video).exists()

    def handle(self, video: SourceVideo, note: Callable[[Fetch], None]) -> VideoResult:
        """Bring the video and cut all clips that are wanted; call `finish` when the result's lines are durable.

        `note` takes the line of each clip as soon as it is cut, or turned out not to be in the video.

        Raises:
            NoSpaceError: the disk is full.
            OSError: the storage failed.
        """
        started, self._n_bytes = timestamp(), 0
        try:
            files = self._have(video)
        except WebFaultError as error:
            return self._not_had(video.clips, error.fault, started)
        clips = video.clips
        if not any(file.url for file in files.values()):
            self._cut(files, [[clip] for clip in clips], started, note)
            return VideoResult(n_bytes=self._n_bytes)
        # One connection at a time, and a kill costs no more than the clips of one worker's task.
        for start in range(0, len(clips), _CLIPS_PER_READER):
            fault = self._cut(files, [clips[start : start + _CLIPS_PER_READER]], started, note)
            if fault is not None:
                return self._not_had(clips[start + fault[0] :], fault[1], started)
        return VideoResult(n_bytes=self._n_bytes)

    def _not_had(self, clips: Sequence[Wanted], fault: Fault, started: str) -> VideoResult:
        lines = [self._failed(clip, fault, started) for clip in clips]
        return VideoResult(lines, fault.reason, fault.detail, fault.wait_s, self._n_bytes)

    def finish(self, video: SourceVideo, result: VideoResult) -> None:
        """Delete the video; parts of its files stay when they can be continued."""
        keeps_parts = bool(result.reason) and not cause_of(result.reason).is_permanent
        self._note(video).unlink(missing_ok=True)
        for path in self._folder.glob(f"{video.name}.*"):
            if not (keeps_parts and path.suffix in {".part", ".ytdl"}):
                path.unlink(missing_ok=True)

    def _have(self, video: SourceVideo) -> dict[str, SourceFile]:
        """The video's files by role: on the disk, or where their parts can be read."""
        note = self._note(video)
        if note.exists():
            roles = json.loads(note.read_text(encoding="utf-8"))
            if all(Path(path).exists() for path in roles.values()):
                return {role: SourceFile(path=path) for role, path in roles.items()}
        found = self._patiently(lambda: self._videos.find(video.url))
        if self._settings.is_sectioned and found.has_ranges and self._is_cheaper_by_parts(found, video):
            return {file.role: SourceFile(url=file.url, headers=file.headers, n_bytes=file.n_bytes or 0) for file in found.files}
        paths = self._patiently(lambda: self._videos.fetch(found, self._folder, video.name))
        self._n_bytes = sum(path.stat().st_size for path in paths.values())
        write_text(note, json.dumps({role: str(path) for role, path in paths.items()}))
        return {role: SourceFile(path=str(path)) for role, path in paths.items()}

    def _is_cheaper_by_parts(self, found: WebVideo, video: SourceVideo) -> bool:
        spans = [(clip.place.start_s, clip.place.end_s) for clip in video.clips]
        return plan_sections(spans, duration_s=found.duration_s, n_bytes=found.n_bytes) is not None

    def _patiently(self, ask: Callable[[], T]) -> T:
        n_tries = 0
        while True:
            n_tries += 1
            try:
                return ask()
            except WebFaultError as error:
                fault = error.fault
                first_s = self._settings.retry_wait_s
                wait_s = wait_before_retry(fault.reason, n_tries=n_tries, first_wait_s=first_s, asked_s=fault.wait_s)
                if wait_s is None:
                    raise
                _log.info("%s (%s); trying again in %.0f s", fault.reason, fault.detail, wait_s)
                time.sleep(wait_s)

    # --- cutting ----------------------------------------------------------------------------------------------------------------

    def _cut(
        self, files: dict[str, SourceFile], groups: Sequence[Sequence[Wanted]], started: str, note: Callable[[Fetch], None]
    ) -> tuple[int, Fault] | None:
        """Cut each group in a worker; returns how many clips came before the site did not go on, and why it did not."""
        is_remote, stopped = any(file.url for file in files.values()), None
        timeout_s = self._settings.max_source_s if is_remote else None
        self._folder.mkdir(parents=True, exist_ok=True)
        tasks = [Task(str(number), self._request(files, group).as_json(), timeout_s) for number, group in enumerate(groups)]
        for outcome in self._pool.run(tasks):
            answer = CutAnswer() if outcome.result is None else CutAnswer.from_json(outcome.result)
            self._n_bytes += answer.n_bytes
            if is_remote and answer.fault is not None:
                stopped = (len(answer.results), answer.fault)
            clips = groups[int(outcome.id)]
            for line in self._lines(clips if stopped is None else clips[: stopped[0]], answer, outcome, started):
                note(line)
        return stopped

    def _request(self, files: dict[str, SourceFile], clips: Sequence[Wanted]) -> CutRequest:
        places = [ClipPlace(clip.line.path, clip.place) for clip in clips]
        return CutRequest(files, places, self._settings.cut, for_worker(self._settings), str(self._folder))

    def _lines(self, clips: Sequence[Wanted], answer: CutAnswer, outcome: Outcome, started: str) -> Iterator[Fetch]:
        """A line for each clip: what the worker says, or that it died."""
        for clip, result in zip(clips, answer.results, strict=False):
            yield self._line(clip, result, started)
        died = Fault("cut_failed", f"the worker that cut it {outcome.status}: {outcome.detail}; tried again")
        for clip in clips[len(answer.results) :]:
            yield self._failed(clip, answer.fault or died, started, is_permanent=False)

    def _line(self, clip: Wanted, result: CutResult, started: str) -> Fetch:
        if result.reason:
            return self._failed(clip, Fault(result.reason, result.detail), started)
        cut = Cut(result.method, result.start_s, result.end_s, result.n_frames, result.n_wanted, result.note)
        detail = f"{cut.as_text()}; {result.detail}" if result.detail else cut.as_text()
        return replace(
            clip.line, status="ok", reason="", detail=detail, is_permanent=False, n_bytes=result.n_bytes,
            mtime_ns=result.mtime_ns, crc32=result.crc32, started_at=started, finished_at=timestamp(),
            tool_versions=self._versions,
        )  # fmt: skip

    def _failed(self, clip: Wanted, fault: Fault, started: str, *, is_permanent: bool | None = None) -> Fetch:
        is_for_good = cause_of(fault.reason).is_permanent if is_permanent is None else is_permanent
        return replace(
            clip.line, status="failed", reason=fault.reason, detail=fault.detail, is_permanent=is_for_good, path="",
            http_status=fault.http_status, started_at=started, finished_at=timestamp(), tool_versions=self._versions,
        )  # fmt: skip

    # --- files ------------------------------------------------------------------------------------------------------------------

    def _note(self, video: SourceVideo) -> Path:
        """Written when all files of the video are whole."""
        return self._folder / f"{video.name}.whole.json"


def remove_folder(folder: Path) -> None:
    """Delete the folder of source videos with what is left in it."""
    shutil.rmtree(folder, ignore_errors=True)
