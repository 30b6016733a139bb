"""What is wanted of an archive of OpenVid, and what of that is on the disk already.

Belongs here: reading the archive's directory, the captions of its clips, the ledger and the folder, and holding them against each
other. Does not belong here: fetching (`sources.openvid.archive`), the decisions themselves (`sources.openvid.rules.members`,
`sources.fetching.rules`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from video_assets.core.text import escape
from video_assets.sources.fetching.ledger import FetchLedger, crc32_of, files_in
from video_assets.sources.fetching.rules import FetchPlan, plan_fetches
from video_assets.sources.openvid.opening import ArchiveFile
from video_assets.sources.openvid.rules.due import LABELS, rows_of
from video_assets.sources.openvid.rules.members import Candidate, Selection, list_candidates, select_clips
from video_assets.sources.openvid.zip_members import read_directory
from video_assets.tombstones.rules import Tombstones


@dataclass(frozen=True)
class ArchiveTask:
    """What is asked of one archive.

    `version`: see `sources.openvid.rules.due.ledger_version`. `sha256s`: of the pieces, as listed; `is_verified`: they were
    checked when the archive was downloaded. `suspects`: clips that did not decode, each with size and modification time (ns) of
    the file then.
    """

    source: str
    archive: str
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
class Known:
    """A ledger line of an earlier run, as far as it decides anything."""

    status: str
    reason: str
    crc32: str | None
    attempts: int
    n_bytes: int | None
    mtime_ns: int | None


class ArchivePlanner:
    """An archive's members and what the ledger says of them. `find_captions(names)` gives the rows of the captions table."""

    def __init__(
        self,
        task: ArchiveTask,
        file: ArchiveFile,
        ledger: FetchLedger,
        *,
        find_captions: Callable[[Iterable[str]], pd.DataFrame],
    ) -> None:
        self._task, self._note = task, ledger.note()
        self.rows = ledger.read()
        names = ["clip_key", "status", "reason", "crc32", "attempts", "n_bytes", "mtime_ns"]
        self._lines = {key: Known(*values) for key, *values in self.rows[names].itertuples(index=False, name=None)}
        members = read_directory(file, name=f"{task.archive} at {task.revision[:12]}")
        found = list_candidates(members, suffixes=task.suffixes, max_clip_bytes=task.max_clip_bytes)
        self.captions = find_captions(one.file_name for one in found if not one.reason)
        chosen = select_clips(found, rows_of(self.captions), task.selection)
        self.candidates = [self._without_taken_down(one) for one in chosen]
        self.wanted = {task.key(one): one for one in self.candidates if not one.reason}

    def plan(self) -> FetchPlan:
        """What to fetch, verify, leave. Lines about other bytes, and failures of another version of the archive, do not count."""
        is_same_version = self._note.get("archive") == list(self._task.sha256s)
        crcs = {key: f"{one.member.crc32:08x}" for key, one in self.wanted.items()}
        is_valid = [
            (line.status == "ok" and crcs.get(key) == line.crc32) or (line.status == "failed" and is_same_version)
            for key, line in self._lines.items()
        ]
        wanted = {key: str(self._task.path(one)) for key, one in self.wanted.items()}
        return plan_fetches(wanted, self.rows[pd.Series(is_valid, dtype=bool)], files_in(self._task.folder))

    def is_as_archived(self, key: str) -> bool:
        """The file on the disk has the bytes that the archive promises."""
        one = self.wanted[key]
        path = self._task.path(one)
        return path.stat().st_size == one.member.size and crc32_of(path) == one.member.crc32

    def is_broken(self, key: str) -> bool:
        """The file as the ledger knows it does not decode, and has not been fetched a second time."""
        line = self._lines.get(key)
        return line is not None and line.reason not in LABELS and (key, line.n_bytes, line.mtime_ns) in self._task.suspects

    def attempts(self, key: str) -> int:
        """How often it was asked for so far."""
        return self._lines[key].attempts if key in self._lines else 0

    @cached_property
    def vanished(self) -> Mapping[str, str]:
        """Paths of clips that were in the archive before and are not now, by key."""
        now = {self._task.key(one) for one in self.candidates}
        was_clip = self.rows["status"].isin(["ok", "skipped"]) | (self.rows["reason"] == "missing_in_archive")
        is_gone = was_clip & ~self.rows["clip_key"].str.contains("#") & ~self.rows["clip_key"].isin(now)
        return dict(zip(self.rows["clip_key"][is_gone], self.rows["path"][is_gone], strict=True))

    def _without_taken_down(self, one: Candidate) -> Candidate:
        facts = {"clip_key": self._task.key(one), "path": str(self._task.path(one)), "member": escape(one.member.name)}
        if one.reason or not (cause := self._task.tombstones.cause(**facts)):
            return one
        return replace(one, status="skipped", reason="taken_down", detail=cause)
