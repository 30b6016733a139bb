"""Probing what is new, by one run or by several on as many machines.

New clips fall into `PROBE_PARTS` by a stable hash of the clip key. Whoever is at work on a part holds its lease and appends
results to a file that is called after it. A helper (`probe_new`) takes parts that nobody holds, and leaves such files. The run of
enriched_metadata (`probe_all`) does the same, waits for what others hold, and takes all of it. So helpers may come and go at any
time, no clip is probed twice, and without any of them one run does everything.
Belongs here: who probes what. Does not belong here: which clips are new (`pipeline.listed`), how a clip is probed
(`checking.check`), the table (`pipeline.enrich`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd

from video_assets.checking.check import ClipTask, probe_clips
from video_assets.core.errors import MendableError
from video_assets.core.json_values import JsonObject
from video_assets.core.matching import PROBES, plan_probes
from video_assets.core.results import ClipProbe
from video_assets.core.sharding import N_PROBE_PARTS, PROBE_PARTS, assign_shards
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.pipeline.listed import Known, Listed, note_of, read_probes, to_probe
from video_assets.pipeline.shard import MAX_UNREADABLE
from video_assets.pipeline.taking_turns import RunLeases
from video_assets.progress import Advance, Progress
from video_assets.settings.model import Source
from video_assets.settings.steps import Decode
from video_assets.storage.durable import identity
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease
from video_assets.storage.parts import PartWriter
from video_assets.tombstones.table import tombstones_hash
from video_assets.workers.stopping import Stop, stop_on_sigterm

PROBE = "probe"


class UnreadableClipsError(MendableError):
    """Clips could not be read on this machine; what was probed is kept, the rest is left to others."""


@dataclass
class Probed:
    """What this run measured, what others had measured of the same clips, and the files that hold all of it."""

    records: list[JsonObject] = field(default_factory=list)
    by_others: list[JsonObject] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Helped:
    """What a helper did: clips that it probed, and who was at work on the other parts that have new clips."""

    n_probed: int
    held: Mapping[str, str]


def probe_all(layout: Layout, todo: pd.DataFrame, *, settings: Decode, progress: Progress, run_id: str = "") -> Probed:
    """Measure every clip of `todo`, those that others are at work on when they have ended; all is durable within seconds."""
    by_part = _by_part(todo)
    # From the last to the first: helpers begin with the first.
    names, probed = sorted(by_part, reverse=True), Probed()
    with closing(_leases(layout, settings, run_id)) as leases:
        while names:
            n_clips = sum(len(by_part[name]) for name in names)
            with (
                progress("probe", n_clips, "clips") as advance,
                closing(_Work(layout, {name: by_part[name] for name in names}, leases, probed, advance=advance)) as work,
            ):
                for task, probe in probe_clips(work.tasks(), settings=settings):
                    work.record(task, probe)
            names = work.taken_by_others
            if names:
                leases.wait_for(names[0], stop=Stop(0.0), progress=progress)
    return probed


def probe_new(
    layout: Layout,
    sources: Sequence[Source],
    *,
    parts: Sequence[str] = PROBE_PARTS,
    settings: Decode,
    progress: Progress,
    memory_bytes: int | None = None,
    run_id: str = "",
) -> Helped:
    """Measure new and changed clips of `parts`, as far as nobody else is at work on them, and leave the results to the table.

    Told to stop by SIGTERM, it keeps what is measured.

    Raises:
        KeyboardInterrupt: this process was told to stop.
        StageError: a source's ledger is missing or was replaced meanwhile, or no source was materialized yet.
        UnreadableClipsError: clips could not be read here.
    """
    with stop_on_sigterm(settings.stop_grace_s) as stop, closing(_leases(layout, settings, run_id)) as leases:
        table = _Table.now(layout)
        known = Known(layout)
        note = note_of({}, tombstones_hash(layout))
        listed = Listed(layout, sources, note, again=known.again(), memory_bytes=memory_bytes)
        by_part = {name: rows for name, rows in _by_part(to_probe(listed, known)).items() if name in set(parts)}
        if not by_part:
            return Helped(0, {})
        n_clips, probed = sum(map(len, by_part.values())), Probed()
        with (
            progress("probe", n_clips, "clips") as advance,
            closing(_Work(layout, by_part, leases, probed, advance=advance, helper_of=table)) as work,
        ):
            for task, probe in probe_clips(work.tasks(), settings=settings, stop=stop):
                work.record(task, probe)
        if work.unreadable:
            raise UnreadableClipsError(_why_unreadable(work.unreadable, n_probed=len(probed.records)))
        return Helped(len(probed.records), {name: leases.holder(name) for name in work.taken_by_others})


@dataclass(frozen=True)
class _Table:
    """Which enriched_metadata there is; None: none."""

    identity: tuple[int, int, int] | None

    @classmethod
    def now(cls, layout: Layout) -> Self:
        """The one that is there now. Opened, not only asked for: network file systems then ask their server."""
        try:
            with layout.enriched_metadata.open("rb") as file:
                return cls(identity(os.fstat(file.fileno())))
        except FileNotFoundError:
            return cls(None)


class _Part:
    """The clips of one part that are still to be probed, by the one who holds its lease."""

    def __init__(self, layout: Layout, name: str, rows: pd.DataFrame, lease: Lease, probed: Probed) -> None:
        self._layout, self.name, self._probed, self.lease = layout, name, probed, lease
        # What others have done of it since this run began; its own from before a lost lease, too.
        records, files = read_probes(layout, begins=_begins(name))
        keys = set(rows["clip_key"])
        found = [record for record in records if record["clip_key"] in keys]
        self.rows = plan_probes(rows, None, PROBES.frame(found)) if found else rows
        self.n_known = len(rows) - len(self.rows)
        probed.by_others += found
        probed.files += files
        self.n_in_flight = 0
        self.is_issued = False

    @cached_property
    def _writer(self) -> PartWriter:
        writer = PartWriter(self._layout.probe_parts, begins=_begins(self.name))
        self._probed.files.append(writer.path)
        return writer

    @property
    def is_done(self) -> bool:
        """True when no clip of it is waited for any more."""
        return self.is_issued and self.n_in_flight == 0

    def keep(self, record: JsonObject) -> None:
        """Durable within seconds."""
        self._probed.records.append(record)
        self._writer.append(record)

    def close(self) -> None:
        """Make all of it durable."""
        if "_writer" in vars(self):
            self._writer.close()


class _Work:
    """The stream of clips over all parts, and which part each clip in flight belongs to."""

    def __init__(
        self,
        layout: Layout,
        by_part: Mapping[str, pd.DataFrame],
        leases: RunLeases,
        probed: Probed,
        *,
        advance: Advance,
        helper_of: _Table | None = None,
    ) -> None:
        self._layout, self._by_part, self._leases, self._probed, self._advance = layout, by_part, leases, probed, advance
        self._helper_of = helper_of
        self._owners: dict[str, _Part] = {}
        self._open: list[_Part] = []
        self.taken_by_others: list[str] = []
        self.unreadable: list[str] = []

    def tasks(self) -> Iterator[ClipTask]:
        """Clips without a measurement, part after part; a part is taken when the one before has given out its last clip."""
        for name, rows in self._by_part.items():
            if self._is_enough:
                return
            lease = self._leases.take(name)
            if lease is None:
                self.taken_by_others.append(name)
                continue
            part = _Part(self._layout, name, rows, lease, self._probed)
            if self._helper_of is not None and _Table.now(self._layout) != self._helper_of:
                return  # it was made since, of all new clips: what this run would find in the parts is gone
            yield from self._tasks_of(part)

    def record(self, task: ClipTask, probe: ClipProbe) -> None:
        """Take one clip's measurement; the last one finishes its part."""
        part = self._owners.pop(task.clip_key)
        part.n_in_flight -= 1
        if self._helper_of is not None and probe.is_unreadable:
            self.unreadable.append(f"{task.clip_key}: {probe.probe_detail}")
        else:
            part.keep({"clip_key": task.clip_key, "prober_version": PROBER_VERSION, **probe.as_record})
            self._advance(1)
        if part.is_done:
            self._finish(part)

    def close(self) -> None:
        """Make every measurement durable, whatever ends the run."""
        for part in self._open:
            part.close()

    @property
    def _is_enough(self) -> bool:
        """A mount that is gone fails every clip: the rest is left to others. The table's own run has nobody to leave it to."""
        return len(self.unreadable) >= MAX_UNREADABLE

    def _tasks_of(self, part: _Part) -> Iterator[ClipTask]:
        self._open.append(part)
        if part.n_known:
            self._advance(part.n_known, is_known=True)
        columns = zip(part.rows["clip_key"], part.rows["path"], part.rows["file_size"], strict=True)
        for key, path, size in columns:
            if self._is_enough or part.lease.is_lost:
                break
            self._owners[key] = part
            part.n_in_flight += 1
            yield ClipTask(clip_key=key, path=path, cost=float(size))
        part.is_issued = True
        if part.is_done:
            self._finish(part)

    def _finish(self, part: _Part) -> None:
        part.close()
        if part.lease.is_lost:
            self.taken_by_others.append(part.name)
        self._open.remove(part)
        self._leases.release(part.name)


def _leases(layout: Layout, settings: Decode, run_id: str) -> RunLeases:
    return RunLeases(layout, PROBE, unit="probe part", stale_after_s=settings.lease_stale_s, run_id=run_id)


def _by_part(todo: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of every part that has some, in the order of the parts."""
    names = assign_shards(todo["clip_key"], n_shards=N_PROBE_PARTS)
    return {str(name): rows.reset_index(drop=True) for name, rows in todo.groupby(names.to_numpy(), sort=True)}


def _begins(part: str) -> str:
    return f"{part}-by-"


def _why_unreadable(clips: list[str], *, n_probed: int) -> str:
    return (
        f"{len(clips):,} clips could not be read here, first {clips[0]}. {n_probed:,} others were probed, which is kept. Look at "
        "the mount of this machine. Clips that nobody could read are tried again when enriched_metadata is made."
    )
