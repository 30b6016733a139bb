"""What is wanted of an archive of OpenVid, and what of that is on the disk already.

Belongs here: reading the archive's directory, the captions of its clips, the ledger and the folder, and holding them against each
other. Does not belong here: fetching (`sources.openvid.archive`), the decisions themselves (`sources.openvid.rules.members`,
`sources.fetching.fetches`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from video_assets.core.text import escape
from video_assets.sources.fetching.fetches import FetchPlan, plan_fetches
from video_assets.sources.fetching.ledger import FetchLedger, crc32_of, files_in
from video_assets.sources.openvid.opening import ArchiveFile
from video_assets.sources.openvid.rules.due import LABELS, rows_of
from video_assets.sources.openvid.rules.members import Candidate, Selection, is_of_no_clip, list_candidates, select_clips
from video_assets.sources.openvid.zip_members import read_directory
from video_assets.tombstones.matching import Tombstones


@dataclass(frozen=True)
class ArchiveTask:
    """What is asked of one archive.

    `repo` (or folder), `pattern`: where it comes from, see `sources.openvid.rules.listing.Listing`.
    `version`: see `sources.openvid.rules.due.ledger_version`. `sha256s`: of the pieces, as listed; `is_verified`: they were
    checked when the archive was downloaded. `is_keeping_vanished`: files of clips that it no longer has stay. `suspects`:
    clips that did not decode, each with size and modification time (ns) of the file then.
    """

    source: str
    archive: str
    repo: str
    pattern: str
    revision: str
    version: str
    sha256s: tuple[str | None, ...]
    is_verified: bool
    folder: Path
    ledger_path: Path
    suffixes: tuple[str, ...]
    max_clip_bytes: int
    max_bad_share: float
    headroom_bytes: int
    selection: Selection
    is_keeping_vanished: bool
    suspects: frozenset[tuple[str, int, int]]
    tombstones: Tombstones

    @property
    def prefix(self) -> str:
        """Clip keys of the archive begin with this and a slash."""
        return f"{self.source}/{self.archive}"

    def path(self, one: Candidate) -> Path:
        """Where the clip lies or will lie."""
        return self.folder / one.file_name

    def key(self, one: Candidate) -> str:
        """Its clip key."""
        return one.key(self.prefix)


@dataclass(frozen=True)
class ArchiveWork:
    """What is to be done about an archive; clips are in the order of their bytes.

    `candidates`: every member. `todo`: clips to fetch. `again`: clips that are there and do not decode, to fetch a second time.
    `adopted`: clips whose files are there and whole, though the ledger does not know them so. `n_wanted`, `n_there`: clips that
    are wanted, and those of them that need not come (`again` and `adopted` among them). `vanished`: paths of clips that were in
    the archive before and are not now, by key. `captions`: rows of SCORED_CAPTIONS.
    """

    candidates: tuple[Candidate, ...]
    todo: tuple[Candidate, ...]
    again: tuple[Candidate, ...]
    adopted: tuple[Candidate, ...]
    n_wanted: int
    n_there: int
    vanished: Mapping[str, str]
    captions: pd.DataFrame
    attempts_before: Mapping[str, int]

    def attempts(self, key: str) -> int:
        """How often a clip was asked for in earlier runs."""
        return self.attempts_before.get(key, 0)


def plan_archive(
    task: ArchiveTask, file: ArchiveFile, ledger: FetchLedger, *, find_captions: Callable[[Iterable[str]], pd.DataFrame]
) -> ArchiveWork:
    """Read the archive's directory and hold it against captions, ledger and folder; changes nothing.

    Args:
        task: what is asked of the archive.
        file: the archive.
        ledger: what became of its clips so far.
        find_captions: gives the rows of the captions table for file names.

    Raises:
        ArchiveError: not a whole zip archive.
        FetchError, OSError: it cannot be read.
    """
    members = read_directory(file, name=f"{task.archive} at {task.revision[:12]}")
    found = list_candidates(members, suffixes=task.suffixes, max_clip_bytes=task.max_clip_bytes)
    captions = find_captions(one.file_name for one in found if not one.reason)
    chosen = select_clips(found, rows_of(captions), task.selection)
    candidates = tuple(_without_taken_down(task, one) for one in chosen)
    return _Planner(task, candidates, ledger).work(captions)


def _without_taken_down(task: ArchiveTask, one: Candidate) -> Candidate:
    facts = {"clip_key": task.key(one), "path": str(task.path(one)), "member": escape(one.member.name)}
    if one.reason or not (cause := task.tombstones.cause(**facts)):
        return one
    return replace(one, status="skipped", reason="taken_down", detail=cause)


class _Known(NamedTuple):
    """A ledger line of an earlier run, as far as it decides anything."""

    status: str
    reason: str
    crc32: str | None
    attempts: int
    n_bytes: int | None
    mtime_ns: int | None


class _Planner:
    """The members of an archive beside what the ledger says of them."""

    def __init__(self, task: ArchiveTask, candidates: tuple[Candidate, ...], ledger: FetchLedger) -> None:
        self._task, self._candidates, self._note = task, candidates, ledger.note()
        self._rows = ledger.read()
        names = ["clip_key", *_Known._fields]
        self._lines = {key: _Known(*values) for key, *values in self._rows[names].itertuples(index=False, name=None)}
        self._wanted = {task.key(one): one for one in candidates if not one.reason}

    def work(self, captions: pd.DataFrame) -> ArchiveWork:
        plan = self._plan()
        adopted = [key for key in plan.verify if self._is_as_archived(key)]
        to_fetch = {*plan.fetch, *plan.verify} - set(adopted)
        there = [*plan.done, *adopted]
        return ArchiveWork(
            candidates=self._candidates,
            todo=tuple(one for key, one in self._wanted.items() if key in to_fetch),
            again=tuple(self._wanted[key] for key in there if self._is_broken(key)),
            adopted=tuple(self._wanted[key] for key in adopted),
            n_wanted=len(self._wanted),
            n_there=len(there),
            vanished=self._vanished(),
            captions=captions,
            attempts_before={key: line.attempts for key, line in self._lines.items()},
        )

    def _plan(self) -> FetchPlan:
        """What to fetch, verify, leave. Lines about other bytes, and failures of another version of the archive, do not count."""
        is_same_version = self._note.get("archive") == list(self._task.sha256s)
        crcs = {key: f"{one.member.crc32:08x}" for key, one in self._wanted.items()}
        is_valid = [
            (line.status == "ok" and crcs.get(key) == line.crc32) or (line.status == "failed" and is_same_version)
            for key, line in self._lines.items()
        ]
        wanted = {key: str(self._task.path(one)) for key, one in self._wanted.items()}
        return plan_fetches(wanted, self._rows[pd.Series(is_valid, dtype=bool)], files_in(self._task.folder))

    def _is_as_archived(self, key: str) -> bool:
        """The file on the disk has the bytes that the archive promises."""
        one = self._wanted[key]
        path = self._task.path(one)
        return path.stat().st_size == one.member.size and crc32_of(path) == one.member.crc32

    def _is_broken(self, key: str) -> bool:
        """The file as the ledger knows it does not decode, and has not been fetched a second time."""
        line = self._lines.get(key)
        return line is not None and line.reason not in LABELS and (key, line.n_bytes, line.mtime_ns) in self._task.suspects

    def _vanished(self) -> dict[str, str]:
        now = {self._task.key(one) for one in self._candidates}
        rows = self._rows
        was_clip = rows["status"].isin(["ok", "skipped"]) | (rows["reason"] == "missing_in_archive")
        is_gone = was_clip & ~rows["clip_key"].map(is_of_no_clip).astype(bool) & ~rows["clip_key"].isin(now)
        return dict(zip(rows["clip_key"][is_gone], rows["path"][is_gone], strict=True))
