"""One shard while it is being checked: its known verdicts, its unknown clips, its result.

Belongs here: what is read and written for one shard. Does not belong here: the order of shards, who may work on them
(`pipeline.decode_check`), how a clip is decoded (`checking.check`), what is kept (`core.filters`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from video_assets.checking.check import ClipTask
from video_assets.core.check_limits import verdicts_within
from video_assets.core.filters import drop_changed, split_by_verdict
from video_assets.core.json_values import JsonObject, read_value
from video_assets.core.matching import is_rising, merge_verdicts, without_verdict
from video_assets.core.older_rules import standing_verdicts
from video_assets.core.results import ClipVerdict
from video_assets.core.schema import CHECKED, CLIPS, DROPPED, VERDICTS, TableSpec
from video_assets.pipeline.recipes import decode_check_recipe
from video_assets.settings.steps import Decode
from video_assets.storage.changes import Changes, changes_of, patch_of
from video_assets.storage.durable import hash_file
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease
from video_assets.storage.parts import PartWriter, read_parts, remove_parts
from video_assets.storage.patching import Patch
from video_assets.storage.stages import (
    StageError,
    StageNote,
    dropped_path,
    read_dropped,
    stage_hash,
    stage_note,
    write_stage_in_parts,
)
from video_assets.storage.tables import count_rows, read_older_table, read_table, write_table_in_parts

# A mount that is gone fails every clip: after this many the rest of the shard is left for the backfill.
MAX_UNREADABLE = 20
_STAGE = "decode_check"


@dataclass(frozen=True)
class ShardOutcome:
    """What became of one shard. `failure` is empty when the shard is complete; `content_hash` is then its stage hash."""

    shard: str
    failure: str = ""
    content_hash: str = ""
    n_clips: int = 0
    n_decoded: int = 0
    n_kept: int = 0
    n_bytes: int = 0
    decode_seconds: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, str | int | float | Path]:
        """What whoever checked it tells besides: the node, its log, how long it waited."""
        return {}


@dataclass(frozen=True)
class HeldShard(ShardOutcome):
    """Not looked at: somebody else works on it."""

    holder: str = ""


@dataclass(frozen=True)
class UndeliveredShard(ShardOutcome):
    """Not complete because clips could not be read here: another node may have a better mount."""


def outcome_of(shard: str, note: StageNote) -> ShardOutcome:
    """The numbers in the note of a shard's result.

    Raises:
        ValueError: they are not there; names the field.
    """
    return read_value(ShardOutcome, {**note.outcome, "shard": shard})


def _note(layout: Layout, shard: str, settings: Decode) -> StageNote:
    """What a shard's result depends on."""
    recipe = decode_check_recipe(settings)
    inputs = {"shard_lists": stage_hash(layout.shard_list(shard))}
    return StageNote(inputs=inputs, settings=recipe.settings, versions=recipe.versions)


def unchanged(layout: Layout, shard: str, settings: Decode) -> ShardOutcome | None:
    """The shard's outcome when its result on disk is whole and was made from this list by these rules; else None."""
    path = layout.checked(shard)
    if not path.exists() or not dropped_path(path).exists():
        return None
    try:
        note = stage_note(path)
    except StageError:  # torn by the disk: it is made again from the list and the verdicts
        return None
    if not note.says(_note(layout, shard, settings)) or hash_file(dropped_path(path)) != note.dropped_hash:
        return None
    return replace(outcome_of(shard, note), content_hash=stage_hash(path))


class Shard:
    """One shard while it is being checked, by the one who holds its lease."""

    def __init__(self, layout: Layout, name: str, settings: Decode, lease: Lease) -> None:
        self._layout, self.name, self._settings, self._lease = layout, name, settings, lease
        self._note = _note(layout, name, settings)
        path = layout.shard_list(name)
        clips = TablesByKey([path], CLIPS)
        self._dropped = read_dropped(path)
        given, self._parts = read_parts(layout.verdict_parts(name))
        self._changes = _changes(layout, name, self._note, clips, [str(record["clip_key"]) for record in given])
        self._clips = _rows_of(clips, CLIPS, self._changes.ranges)
        self._known, self._verdicts = _known_verdicts(layout, name, self._clips, settings, given=given, changes=self._changes)
        self._todo = without_verdict(self._clips, self._known)
        self.n_clips = count_rows(path)
        self.n_known = self.n_clips - len(self._todo)
        self._records: list[JsonObject] = []
        self._unreadable: list[str] = []
        self._decode_seconds = 0.0
        self._in_flight = 0
        self._is_issued = False

    @cached_property
    def _writer(self) -> PartWriter:
        return PartWriter(self._layout.verdict_parts(self.name))

    def close(self) -> None:
        """Make its verdicts durable."""
        if self._records:
            self._writer.close()

    @cached_property
    def _n_bytes(self) -> int:
        return int(read_table(self._layout.shard_list(self.name), CLIPS, columns=["file_size"]).rows["file_size"].sum())

    @property
    def is_done(self) -> bool:
        """True when no clip of the shard is waited for any more."""
        return self._is_issued and self._in_flight == 0

    def tasks(self) -> Iterator[ClipTask]:
        """Clips without a verdict, the longest first (bytes x pixels): a tail of long clips would leave cores idle."""
        cost = self._todo["file_size"].astype("float64") * self._todo["resolution"].astype("float64").fillna(1.0)
        order = cost.sort_values(ascending=False, kind="stable").index
        columns = zip(self._todo["clip_key"][order], self._todo["path"][order], cost[order], strict=True)
        for clip_key, path, clip_cost in columns:
            if len(self._unreadable) >= MAX_UNREADABLE or self._lease.is_lost:
                break
            self._in_flight += 1
            yield ClipTask(clip_key=clip_key, path=path, cost=clip_cost)
        self._is_issued = True

    def record(self, clip_key: str, verdict: ClipVerdict) -> None:
        """Take one verdict; durable within seconds."""
        self._in_flight -= 1
        if verdict.is_unreadable:
            self._unreadable.append(f"{clip_key}: {verdict.errors or verdict.reason}")
            return
        self._decode_seconds += verdict.decode_seconds or 0.0
        self._records.append({"clip_key": clip_key, **verdict.as_record, **vars(self._settings.limits)})
        self._writer.append(self._records[-1])

    def finish(self) -> ShardOutcome:
        """Write the verdicts as a table and, when every clip has one, the shard's result.

        Raises:
            LeaseLostError: another run works on this shard; nothing was written.
        """
        known = _latest([self._known, VERDICTS.frame(self._records)], self._settings) if self._records else self._known
        if self._records or self._parts:
            self._compact(known)
        if self._unreadable:
            why = _why_unreadable(self._unreadable, n_left=len(self._todo) - len(self._records))
            return UndeliveredShard(**vars(self._outcome(failure=why)))
        mine, kept = self._split(known)
        path = self._layout.checked(self.name)
        outcome = self._outcome(n_kept=self._n_standing() + len(kept), dropped=dict(sorted(Counter(mine["reason"]).items())))
        facts = {key: value for key, value in asdict(outcome).items() if key not in {"shard", "content_hash"}}
        self._lease.ensure()
        note = replace(self._note, outcome={**facts, "n_decoded": 0, "decode_seconds": 0.0}, units=self._changes.units)
        dropped = pd.concat([self._dropped, mine], ignore_index=True)
        content_hash = write_stage_in_parts(path, CHECKED, kept=[kept], dropped=dropped, note=note, patch=self._changes.patch)
        return replace(outcome, content_hash=content_hash)

    def _split(self, known: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All that the check drops of this shard, by clip key, and what it keeps of the clips that are looked at now."""
        merged = merge_verdicts(self._clips, known)
        changed = drop_changed(merged.unchecked).dropped
        tolerated, demands = self._settings.tolerated_reasons, self._settings.demands
        split = split_by_verdict(merged.checked, tolerated_reasons=tolerated, demands=demands)
        before = self._changes.dropped_before()
        mine = pd.concat([before[before["stage"] == _STAGE], changed, split.dropped])
        return mine.sort_values("clip_key", ignore_index=True), split.kept

    def _n_standing(self) -> int:
        """Clips that were kept before and are not looked at now."""
        if self._changes.patch is None:
            return 0
        checked = TablesByKey([self._changes.patch.path], CHECKED)
        n_looked_at = sum(len(checked.rows(part, ["clip_key"])) for part in self._changes.ranges)
        return count_rows(self._changes.patch.path) - n_looked_at

    def _compact(self, known: pd.DataFrame) -> None:
        self._lease.ensure()
        write_table_in_parts(self._layout.verdicts(self.name), VERDICTS, [known], patch=self._verdicts)
        if self._records:
            self._writer.close()
            self._parts.append(self._writer.path)
        remove_parts(self._parts)

    def _outcome(self, *, failure: str = "", n_kept: int = 0, dropped: dict[str, int] | None = None) -> ShardOutcome:
        return ShardOutcome(
            shard=self.name,
            failure=failure,
            n_clips=self.n_clips,
            n_decoded=len(self._records),
            n_kept=n_kept,
            n_bytes=self._n_bytes,
            decode_seconds=self._decode_seconds,
            dropped=dropped or {},
        )


def _changes(layout: Layout, shard: str, note: StageNote, clips: TablesByKey, given: list[str]) -> Changes:
    """Where the shard has to be looked at: where its list has changed, verdicts were given since, or none was found last time."""
    path = layout.checked(shard)
    try:
        dropped = read_dropped(path)
    except StageError:
        dropped = DROPPED.frame()
    again = [*given, *dropped["clip_key"][dropped["reason"] == "changed_since_listing"]]
    return changes_of(path, CHECKED, note=note, units=clips.units(), again=again)


def _rows_of(tables: TablesByKey, spec: TableSpec, ranges: tuple[KeyRange, ...]) -> pd.DataFrame:
    return pd.concat([spec.frame(), *(tables.rows(part) for part in ranges)], ignore_index=True)


def _known_verdicts(
    layout: Layout, shard: str, clips: pd.DataFrame, settings: Decode, *, given: list[JsonObject], changes: Changes
) -> tuple[pd.DataFrame, Patch | None]:
    """Verdicts given earlier that hold by the rules and `settings` of now; and what of their table can stay.

    `given` are records that are in no table yet. Another number of shards makes other files: when clips are left over, those are
    looked through too, so that it decodes nothing.
    """
    path = layout.verdicts(shard)
    patch = None if changes.patch is None else patch_of(path, VERDICTS, changes.ranges)
    ranges = (KeyRange("", None),) if patch is None else patch.ranges
    tables = [_rows_of(TablesByKey([path], VERDICTS), VERDICTS, ranges)] if path.exists() else []
    known = _latest([*tables, VERDICTS.frame(given)], settings)
    if len(without_verdict(clips, known)):
        keys = set(clips["clip_key"])
        others = [table[table["clip_key"].isin(keys)] for table in _other_verdicts(layout, shard)]
        known = _latest([*others, known], settings)
    return known, patch


def _other_verdicts(layout: Layout, shard: str) -> Iterator[pd.DataFrame]:
    suffix = shard.partition("-of-")[2]
    for path in sorted(layout.verdicts_folder.glob("*-of-*")):
        if path.stem.partition("-of-")[2] == suffix:
            continue
        yield read_older_table(path, VERDICTS) if path.suffix == ".parquet" else VERDICTS.frame(read_parts(path)[0])


def _latest(tables: list[pd.DataFrame], settings: Decode) -> pd.DataFrame:
    rows = standing_verdicts(pd.concat(tables, ignore_index=True), needed=settings.demands.columns)
    rows = verdicts_within(rows, settings.limits)
    if is_rising(rows["clip_key"]):  # one for each clip, in order: nearly always
        return rows.reset_index(drop=True)
    rows = rows.drop_duplicates(["clip_key", "file_size", "mtime_ns"], keep="last")
    return rows.sort_values(["clip_key", "mtime_ns", "file_size"], ignore_index=True)


def _why_unreadable(clips: list[str], *, n_left: int) -> str:
    return (
        f"{len(clips):,} clips could not be read or checked ({n_left:,} of this shard are left to check), first {clips[0]}. "
        "Verdicts so far are kept. Mend that (the mount, the memory limit), or materialize own_clips again if the file was "
        "removed on purpose; then materialize this partition again: it goes on where it stopped."
    )
