"""One archive of OpenVid to clips and a ledger: what is there is not fetched again, every member has a status at the end.

Belongs here: that order of things. Does not belong here: what is wanted (`sources.openvid.plan`), bytes of archives
(`sources.openvid.zip_members`) and where they come from (`sources.openvid.opening`), which archives are due
(`sources.openvid.fetch`).
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd

from video_assets.core.errors import MendableError
from video_assets.core.schema import LEDGER
from video_assets.core.text import escape
from video_assets.core.units import count, size
from video_assets.progress import Progress, megabytes
from video_assets.sources.fetching.fetches import Fetch, FetchSummary, summarize, to_ledger
from video_assets.sources.fetching.ledger import FetchLedger, crc32_of, timestamp
from video_assets.sources.openvid.opening import ArchiveFile
from video_assets.sources.openvid.outcomes import ArchiveResult, StoppedError, Transfer
from video_assets.sources.openvid.plan import ArchiveTask, ArchiveWork, plan_archive
from video_assets.sources.openvid.rules.due import captions_by_key
from video_assets.sources.openvid.rules.members import Candidate
from video_assets.sources.openvid.zip_members import Extracted, MemberError, extract, remove_drafts
from video_assets.storage.durable import fsync_folder
from video_assets.storage.leases import Lease
from video_assets.storage.space import explained_space, require_space
from video_assets.storage.tables import write_table

MIN_BAD = 5
MAX_WARNINGS = 20
_MAX_SKIPPED_SHARE = 0.01  # read in vain, so that the whole archive can be hashed
_LOCAL_HEADER_BYTES = 1024
_AGAIN = frozenset({"bad_crc", "bad_member", "zip_bomb"})  # what a damaged byte can look like
_TOOLS = f"video_assets {version('video_assets')}"


class BadArchiveError(MendableError):
    """Too many clips of an archive failed, or its bytes are not those of the listing."""


@dataclass(frozen=True)
class Told:
    """Where progress and words go."""

    progress: Progress
    info: Callable[[str], None]
    warn: Callable[[str], None]


def fetch_archive(
    task: ArchiveTask,
    file: ArchiveFile,
    ledger: FetchLedger,
    lease: Lease,
    *,
    find_captions: Callable[[Iterable[str]], pd.DataFrame],
    told: Told,
    stop: Event,
) -> ArchiveResult:
    """Fetch what is wanted of an archive and not there, then write its ledger; the caller holds `lease`.

    Raises:
        StoppedError: `stop` was set; what was fetched is kept.
        ArchiveError, BadArchiveError, FetchError: see there; what was fetched is kept.
        OSError: the disk failed.
    """
    remove_drafts(task.folder)
    work = plan_archive(task, file, ledger, find_captions=find_captions)
    return _ArchiveJob(task, file, ledger, lease, work, told=told, stop=stop).run()


class _ArchiveJob:
    """The work on one archive."""

    def __init__(
        self,
        task: ArchiveTask,
        file: ArchiveFile,
        ledger: FetchLedger,
        lease: Lease,
        work: ArchiveWork,
        *,
        told: Told,
        stop: Event,
    ) -> None:
        self._task, self._file, self._ledger, self._lease, self._work, self._told = task, file, ledger, lease, work, told
        self._stop = stop
        self._transfer = Transfer()

    def run(self) -> ArchiveResult:
        self._adopt()
        todo = self._work.todo
        self._announce()
        purpose = f"extracting {count(len(todo), 'clips')} of {self._task.archive}"
        n_bytes = sum(one.member.size for one in todo)
        require_space(self._task.folder, n_bytes, purpose=purpose, headroom_bytes=self._task.headroom_bytes)
        is_whole = self._is_whole_pass()
        with explained_space(self._task.folder, purpose=purpose), closing(self._ledger):
            self._fetch(is_whole=is_whole)
        sha256 = self._check_sha256() if is_whole else self._why_no_sha256()
        return self._finish(sha256)

    def _adopt(self) -> None:
        """Note the clips that are there, whole, and not in the ledger."""
        for one in self._work.adopted:
            there = self._task.path(one).stat()
            facts = {"n_bytes": there.st_size, "mtime_ns": there.st_mtime_ns, "crc32": f"{one.member.crc32:08x}"}
            attempts = self._work.attempts(self._task.key(one))
            self._append(one, timestamp(), attempts=attempts, detail="was there already", **facts)
        self._transfer.adopted = len(self._work.adopted)

    def _announce(self) -> None:
        work = self._work
        n_bytes = sum(one.member.packed_size for one in (*work.todo, *work.again))
        broken = f" and {count(len(work.again), 'clips')} that do not decode" if work.again else ""
        self._told.info(
            f"{self._task.archive}: {count(work.n_wanted, 'clips')} wanted of {len(work.candidates):,} members, "
            f"{work.n_there:,} there already; this fetches {count(len(work.todo), 'clips')}{broken}, about {size(n_bytes)}"
        )

    # --- transfer -------------------------------------------------------------------------------------------------------------

    def _is_whole_pass(self) -> bool:
        """(Nearly) everything is fetched, so that the whole archive may as well be read and hashed."""
        todo = self._work.todo
        if self._task.is_verified or not todo or len(todo) < self._work.n_wanted:
            return False
        n_read = sum(one.member.packed_size for one in todo)
        n_all = sum(one.member.packed_size for one in self._work.candidates)
        return n_all - n_read <= _MAX_SKIPPED_SHARE * n_all

    def _fetch(self, *, is_whole: bool) -> None:
        in_order = sorted((*self._work.todo, *self._work.again), key=lambda one: one.member.offset)
        if not in_order:
            return
        self._task.folder.mkdir(parents=True, exist_ok=True)
        if is_whole:
            self._file.seek(0)
        else:
            self._file.expect([_span(one) for one in in_order])
        broken = {one.file_name for one in self._work.again}
        n_bytes = sum(one.member.packed_size for one in in_order)
        with megabytes(self._told.progress, self._task.archive, n_bytes) as advance:
            for n_done, one in enumerate(in_order, start=1):
                if is_whole:
                    _read_up_to(self._file, one.member.offset)
                self._fetch_one(one, is_again=one.file_name in broken)
                advance(one.member.packed_size, f"{n_done:,} of {count(len(in_order), 'clips')}")
        fsync_folder(self._task.folder)

    def _fetch_one(self, one: Candidate, *, is_again: bool) -> None:
        if self._stop.is_set():
            raise StoppedError(f"{self._task.archive}: stopped; what was fetched is kept, a later run goes on")
        if self._lease.is_lost:
            self._lease.ensure()
        started, attempts = timestamp(), self._work.attempts(self._task.key(one)) + 1
        before = crc32_of(self._task.path(one)) if is_again else None
        try:
            clip = self._extract(one)
        except MemberError as error:
            facts = {"reason": error.reason, "detail": error.detail, "is_permanent": error.reason != "checksum_mismatch"}
            self._append(one, started, attempts=attempts, status="failed", **facts)
            self._warn(f"{self._task.archive}: skipped {escape(one.member.name)}: {error.reason} ({error.detail})")
            return
        label, detail = ("", "") if before is None else _label(before, clip.crc32)
        facts = {"n_bytes": clip.n_bytes, "crc32": f"{clip.crc32:08x}", "mtime_ns": clip.mtime_ns}
        self._append(one, started, attempts=attempts, reason=label, detail=detail, **facts)
        self._transfer.fetched += 1
        if label:
            self._transfer.repaired[label] = self._transfer.repaired.get(label, 0) + 1

    def _extract(self, one: Candidate) -> Extracted:
        """The clip on the disk. What does not fit is read once more: the same again is the archive's own fault."""
        try:
            return extract(self._file, one.member, self._task.path(one))
        except MemberError as first:
            if first.reason not in _AGAIN:
                raise
            told = (first.reason, first.detail)
        self._transfer.is_repeated = True
        self._file.forget()
        try:
            return extract(self._file, one.member, self._task.path(one))
        except MemberError as second:
            if told == (second.reason, second.detail):
                raise
            detail = f"two reads gave two things: {told[1]}; {second.detail}"
            raise MemberError("checksum_mismatch", detail) from second

    def _check_sha256(self) -> str:
        """Compare the hashes of a pass without a gap with those of the listing."""
        self._file.finish_hashes()
        listed = list(self._task.sha256s)
        found = [self._file.hash_of(piece) for piece in range(len(listed))]
        if found == listed and None not in found:
            return "checked"
        if None in found or None in listed:
            return "not checked: " + ("the pass had a gap" if None in found else "the listing has none")
        if self._transfer.is_repeated:
            return "not checked: some bytes came damaged and were read again"
        for one in self._work.todo:
            detail = "the archive in which this clip came does not have the listed sha256"
            self._append(one, timestamp(), status="failed", attempts=1, reason="checksum_mismatch", detail=detail)
            self._task.path(one).unlink(missing_ok=True)
        self._ledger.compact()
        raise BadArchiveError(
            f"{self._task.archive}: the bytes that came are not those of the listing (sha256 {found}, listed {listed}), so none "
            "of them is kept. Is there a proxy or mirror in between that changes files? Materialize it again"
        )

    def _why_no_sha256(self) -> str:
        if self._task.is_verified:
            return "checked"
        return "not checked: " + ("some clips were there already" if self._work.n_there else "only some of its clips are wanted")

    # --- ledger ---------------------------------------------------------------------------------------------------------------

    def _finish(self, sha256: str) -> ArchiveResult:
        """Give every member a line, make one table of all lines, and the raw ledger of that."""
        for one in self._work.candidates:
            if one.reason:
                self._append(one, timestamp(), status=one.status, reason=one.reason, detail=one.detail, is_permanent=True)
        for key, path in self._work.vanished.items():
            line = self._line(key, escape(Path(path).name), timestamp())
            self._ledger.append(replace(line, status="failed", reason="missing_in_archive", is_permanent=True, path=path))
        self._lease.ensure()
        task = self._task
        where = {"repo": task.repo, "pattern": task.pattern}
        rows = self._ledger.compact(note={"archive": list(task.sha256s), "revision": task.revision, **where})
        # What was refused in an earlier version of the archive is no clip that was ever listed.
        now = {*map(self._task.key, self._work.candidates), *self._work.vanished}
        rows = rows[rows["clip_key"].isin(list(now))]
        summary = summarize(rows)
        self._refuse_bad(rows, summary)
        captions = captions_by_key(self._work.captions, prefix=self._task.prefix)
        note = {"version": self._task.version, "waiting": summary.waiting}
        content_hash = write_table(self._task.ledger_path, LEDGER, to_ledger(rows, captions), note=note)
        self._remove_vanished()
        return ArchiveResult(summary, self._transfer, self._file.n_bytes_fetched, sha256, content_hash)

    def _remove_vanished(self) -> None:
        """Files of clips that the archive no longer has; the new ones are there and checked, and no table names these."""
        if self._task.is_keeping_vanished:
            return
        paths = [Path(path) for path in self._work.vanished.values() if path]
        doomed = [path for path in paths if path.parent == self._task.folder and path.is_file()]
        for path in doomed:
            path.unlink()
        if doomed:
            self._told.info(f"{self._task.archive}: removed {count(len(doomed), 'clips')} that it no longer has")

    def _refuse_bad(self, rows: pd.DataFrame, summary: FetchSummary) -> None:
        is_bad = (rows["status"] == "failed") & (rows["reason"] != "missing_in_archive")
        n_bad, n_asked = int(is_bad.sum()), summary.listed - summary.skipped
        if n_bad > max(MIN_BAD, self._task.max_bad_share * n_asked):
            reasons = rows.loc[is_bad, "reason"].value_counts().sort_index()
            told = ", ".join(f"{reason} {n:,}" for reason, n in reasons.items())
            raise BadArchiveError(
                f"{self._task.archive}: {n_bad:,} of {count(n_asked, 'clips')} failed ({told}), more than openvid.max_bad_share "
                f"({self._task.max_bad_share:.1%}) allows. The others are kept. Materialize it again; when the archive itself is "
                f"bad, raise the share. Each clip's reason is in {self._ledger.path}"
            )

    def _append(self, one: Candidate, started: str, *, status: str = "ok", **facts: Any) -> None:
        line = self._line(self._task.key(one), escape(one.member.name), started)
        path = "" if one.reason else str(self._task.path(one))
        self._ledger.append(replace(line, status=status, path=path, **facts))

    def _line(self, key: str, member: str, started: str) -> Fetch:
        where = {"source": self._task.source, "partition": self._task.archive, "revision": self._task.revision}
        times = {"started_at": started, "finished_at": timestamp()}
        return Fetch(clip_key=key, member=member, status="ok", attempts=0, tool_versions=_TOOLS, **where, **times)

    def _warn(self, text: str) -> None:
        self._transfer.warned += 1
        if self._transfer.warned <= MAX_WARNINGS:
            self._told.warn(text + ("; further ones are only counted" if self._transfer.warned == MAX_WARNINGS else ""))


def _span(one: Candidate) -> tuple[int, int]:
    return one.member.offset, one.member.offset + _LOCAL_HEADER_BYTES + one.member.packed_size


def _read_up_to(file: ArchiveFile, offset: int) -> None:
    while (n_left := offset - file.tell()) > 0 and file.read(min(n_left, 1 << 20)):
        pass


def _label(before: int, after: int) -> tuple[str, str]:
    """What a clip that does not decode turned out to be when it was fetched again."""
    if before == after:
        return "broken_at_source", f"CRC-32 {after:08x}, the archive's, both times"
    return "was_broken_in_transit", f"the file had CRC-32 {before:08x}, the archive has {after:08x}; it was replaced"
