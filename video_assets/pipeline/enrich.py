"""The stage enriched_metadata: the ledgers of all sources in one table, every clip measured, those without a caption dropped.

Belongs here: read the ledgers, probe what is new, write the stage. Does not belong here: what is dropped and why (`core`), how a
clip is probed (`checking.check`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from video_assets.checking.check import ClipTask, probe_clips
from video_assets.core import filters
from video_assets.core.json_values import JsonObject
from video_assets.core.matching import PROBES, merge_probes, plan_probes
from video_assets.core.schema import CLIPS, LEDGER
from video_assets.core.takeover import standing_probes
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.pipeline.recipes import enriched_metadata_recipe
from video_assets.pipeline.stage_result import StageResult
from video_assets.progress import Progress
from video_assets.settings.model import Source
from video_assets.settings.steps import Decode
from video_assets.sources.ledgers import ledgers
from video_assets.storage.changes import changes_of
from video_assets.storage.durable import hash_file
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter, read_parts, remove_parts
from video_assets.storage.row_groups import opened, rows_with
from video_assets.storage.stages import StageError, StageNote, stage_note, unchanged_stage, write_stage_in_parts
from video_assets.tombstones.matching import drop_taken_down
from video_assets.tombstones.table import read_tombstones, tombstones_hash

_TO_PROBE = ["clip_key", "path", "file_size"]


def enrich(
    layout: Layout, sources: Sequence[Source], *, settings: Decode, progress: Progress, memory_bytes: int | None = None
) -> StageResult:
    """Probe new and changed clips, join captions, drop clips that the source could not give and empty captions.

    When nothing has changed since the last time, and no clip is left to be measured again, nothing is read or written. Else
    that is done where ledgers have changed, and the other rows stay (`storage.changes`). Ledgers are read twice, as many clips at
    a time as `memory_bytes` allow: for what is to be probed and dropped, then for the table.

    Raises:
        NoSpaceError: the disk is full; the table is as it was.
        StageError: a source's ledger is missing or was replaced meanwhile, or no source was materialized yet.
    """
    # Taken before the tombstones are read: one that is added meanwhile makes this table stale.
    buried = tombstones_hash(layout)
    if content_hash := _unchanged(layout, sources, buried):
        return StageResult(layout.enriched_metadata, content_hash)
    known = _Known(layout)
    listed = _Listed(layout, sources, _note({}, buried), again=known.again(), memory_bytes=memory_bytes)
    todo = pd.concat(
        [CLIPS.frame()[_TO_PROBE], *(plan_probes(split.kept, *known.of(part))[_TO_PROBE] for part, split in listed.splits())]
    )
    fresh, written = _probe(layout, todo, settings=settings, progress=progress)
    known.add(fresh)
    kept = (merge_probes(split.kept, *known.of(part)) for part, split in listed.splits())
    note = replace(_note(listed.inputs, buried), units=listed.changes.units)
    content_hash = write_stage_in_parts(
        layout.enriched_metadata, CLIPS, kept=kept, dropped=listed.dropped(), note=note, patch=listed.changes.patch
    )
    remove_parts([*known.parts, *written])
    return StageResult(layout.enriched_metadata, content_hash, n_new=len(fresh))


def is_final(layout: Layout, sources: Sequence[Source]) -> bool:
    """True when the table is there and would come out the same: all clips are measured, none was unreadable."""
    return _unchanged(layout, sources, tombstones_hash(layout)) is not None


def _note(inputs: dict[str, str], buried: str) -> StageNote:
    return StageNote(inputs=inputs, versions=enriched_metadata_recipe().versions, tombstones=buried)


def _unchanged(layout: Layout, sources: Sequence[Source], buried: str) -> str | None:
    """Hash of the table that is there when it would come out the same; None when there is work to do."""
    try:
        inputs = {name: hash_file(path) for name, path in ledgers(layout, sources).items()}
    except FileNotFoundError:
        return None
    content_hash = unchanged_stage(layout.enriched_metadata, _note(inputs, buried)) if inputs else None
    if content_hash is None or any(layout.probe_parts.glob("*.jsonl")):
        return None
    return None if _unread(layout) else content_hash


def _unread(layout: Layout) -> list[str]:
    """Keys of clips of the last table that could not be read."""
    with opened(layout.enriched_metadata) as file:
        found = rows_with(file, "probe_status", ["unreadable_now"], ["clip_key"])
        return [key for rows in found for key in rows.column("clip_key").to_pylist()]


class _Listed:
    """The ledgers of all sources where they have `changes`, a range of clip keys at a time; `inputs` are their hashes."""

    def __init__(
        self, layout: Layout, sources: Sequence[Source], note: StageNote, *, again: list[str], memory_bytes: int | None
    ) -> None:
        paths = ledgers(layout, sources)
        if not paths:
            raise StageError(f"nothing is listed yet: materialize {' or '.join(source.asset for source in sources)}")
        self._tombstones = read_tombstones(layout)
        if missing := next((name for name, path in paths.items() if not path.exists()), None):
            raise StageError(f"{paths[missing]} is missing: materialize {missing}")
        self._rows = TablesByKey(list(paths.values()), LEDGER)
        self.changes = changes_of(layout.enriched_metadata, CLIPS, note=note, units=self._rows.units(), again=again)
        self._ranges = self._rows.ranges(memory_bytes=memory_bytes, within=self.changes.ranges)
        # After the look at the files: one that is replaced meanwhile is refused when its rows are read.
        self.inputs = {name: hash_file(path) for name, path in paths.items()}
        self._dropped: dict[KeyRange, pd.DataFrame] = {}

    def splits(self) -> Iterator[tuple[KeyRange, filters.Split]]:
        """For every range the clips that are there and have a caption, and those taken down, not ok or without one."""
        for part in self._ranges:
            listed, taken_down = drop_taken_down(self._rows.rows(part), self._tombstones, stage="enriched_metadata")
            usable = filters.drop_not_ok(listed)
            captioned = filters.drop_empty_captions(usable.kept)
            self._dropped[part] = pd.concat([taken_down, usable.dropped, captioned.dropped])
            yield part, captioned

    def dropped(self) -> pd.DataFrame:
        """All that `splits` dropped, and what was dropped before where nothing has changed; by clip key."""
        every = pd.concat([self.changes.dropped_before(), *self._dropped.values()])
        return every.sort_values("clip_key", ignore_index=True)


class _Known:
    """Measurements that hold by the rules of now: of the last table, of runs that were killed, then new ones."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        records, self.parts = read_parts(layout.probe_parts)
        self._records = PROBES.frame([record for record in records if record.get("prober_version") == PROBER_VERSION])
        path = layout.enriched_metadata
        self._table = TablesByKey([path], PROBES) if path.exists() else None
        self._version = stage_note(path).versions.get("prober", "") if path.exists() else ""

    def again(self) -> list[str]:
        """Keys of clips that could not be read last time, and of those that a killed run has measured."""
        unread = [] if self._table is None else _unread(self._layout)
        return [*unread, *self._records["clip_key"]]

    def add(self, records: list[JsonObject]) -> None:
        """Take what was probed now."""
        self._records = pd.concat([self._records, PROBES.frame(records)], ignore_index=True)

    def of(self, part: KeyRange) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        """Of the clips in a range: measurements of the last table (None: there is none), and records."""
        previous = None if self._table is None else standing_probes(self._table.rows(part), self._version)
        return previous, part.of(self._records)


def _probe(layout: Layout, todo: pd.DataFrame, *, settings: Decode, progress: Progress) -> tuple[list[JsonObject], list[Path]]:
    """Probe `todo`; every result is durable within seconds. Returns the results and the part files that hold them."""
    if todo.empty:
        return [], []
    tasks = [
        ClipTask(clip_key=key, path=path, cost=float(size))
        for key, path, size in zip(todo["clip_key"], todo["path"], todo["file_size"], strict=True)
    ]
    results: list[JsonObject] = []
    with PartWriter(layout.probe_parts) as part, progress("probe", len(tasks), "clips") as advance:
        for task, probe in probe_clips(tasks, settings=settings):
            results.append({"clip_key": task.clip_key, "prober_version": PROBER_VERSION, **probe.as_record})
            part.append(results[-1])
            advance(1)
    return results, [part.path]
