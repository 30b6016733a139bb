"""The decode check of whole shards: known verdicts are looked up, unknown clips decoded, finished shards written.

All shards of a run share one stream of clips, so no core is idle while the last clip of a shard decodes. Verdicts are durable
within seconds (`io.parts`), whatever kills the run. A clip that the storage does not deliver gets no verdict: its shard is
not written.
Belongs here: that order of things. Does not belong here: how a clip is decoded (`io.checking`), what is kept (`core.filters`).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from video_assets.core.enrich import merge_verdicts
from video_assets.core.filters import drop_changed, split_by_verdict
from video_assets.core.schema import CHECKED, CLIPS, VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION
from video_assets.io.checking import ClipTask, decode_clips
from video_assets.io.layout import Layout
from video_assets.io.parts import PartWriter, read_parts, remove_parts
from video_assets.io.progress import Advance, Progress
from video_assets.io.stages import StageError, dropped_path, read_stage, stage_hash, stage_note, write_stage
from video_assets.io.stopping import stop_on_sigterm
from video_assets.io.tables import count_rows, hash_file, read_table, write_table
from video_assets.settings import Decode

# A mount that is gone fails every clip: after this many the rest of the shard is left for the backfill.
MAX_UNREADABLE = 20


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


def check_shards(layout: Layout, shards: list[str], *, settings: Decode, progress: Progress) -> Iterator[ShardOutcome]:
    """Decode what has no verdict yet in `shards` and yield each shard's outcome as it is finished.

    Told to stop by SIGTERM, it lets the clips in flight end for some seconds, keeps every verdict, and stops.

    Raises:
        StageError: a shard list is missing.
        WorkerError: workers cannot start at all.
        KeyboardInterrupt: this process was told to stop; the next run goes on from here.
    """
    total = sum(_list_rows(layout, name) for name in shards)
    with (
        progress("decode check", total, "clips") as advance,
        stop_on_sigterm(settings.stop_grace_s) as stop,
        closing(_Work(layout, shards, settings, advance)) as work,
    ):
        for task, verdict in decode_clips(work.tasks(), settings=settings, stop=stop):
            work.record(task, verdict)
            yield from work.take_finished()
        yield from work.take_finished()


class _Work:
    """The stream of clips over all shards, and which shard each clip in flight belongs to."""

    def __init__(self, layout: Layout, shards: list[str], settings: Decode, advance: Advance) -> None:
        self._layout, self._shards, self._settings, self._advance = layout, shards, settings, advance
        self._owners: dict[str, _Shard] = {}
        self._open: list[_Shard] = []
        self._finished: list[ShardOutcome] = []

    def tasks(self) -> Iterator[ClipTask]:
        """Clips without a verdict, shard after shard; a shard is opened when the one before has given out its last clip."""
        for name in self._shards:
            if unchanged := _unchanged(self._layout, name, self._settings):
                self._advance(unchanged.n_clips)
                self._finished.append(unchanged)
                continue
            shard = _Shard(self._layout, name, self._settings)
            self._open.append(shard)
            self._advance(shard.n_known)
            for task in shard.tasks():
                self._owners[task.clip_key] = shard
                yield task
            if shard.is_done:
                self._finish(shard)

    def record(self, task: ClipTask, verdict: dict[str, Any]) -> None:
        """Take one clip's verdict; the last one finishes its shard."""
        shard = self._owners.pop(task.clip_key)
        shard.record(verdict)
        self._advance(1)
        if shard.is_done:
            self._finish(shard)

    def _finish(self, shard: "_Shard") -> None:
        self._finished.append(shard.finish())
        self._open.remove(shard)

    def take_finished(self) -> list[ShardOutcome]:
        """Outcomes since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Make every verdict durable, whatever ends the run."""
        for shard in self._open:
            shard.close()


def _list_rows(layout: Layout, shard: str) -> int:
    path = layout.shard_list(shard)
    if not path.exists():
        raise StageError(f"{path} is missing: materialize shard_lists, partition {shard}")
    return count_rows(path)


def _note(layout: Layout, shard: str, settings: Decode) -> dict[str, Any]:
    """What a shard's result depends on."""
    return {
        "inputs": {"shard_lists": stage_hash(layout.shard_list(shard))},
        "settings": {"max_duration_s": settings.max_duration_s, "tolerated_reasons": sorted(settings.tolerated_reasons)},
        "versions": {"checker": CHECKER_VERSION},
    }


def _unchanged(layout: Layout, shard: str, settings: Decode) -> ShardOutcome | None:
    """The shard's outcome when its result on disk is whole and was made from this list by these rules; else None."""
    path = layout.checked(shard)
    if not path.exists() or not dropped_path(path).exists():
        return None
    note = stage_note(path)
    if any(note.get(key) != value for key, value in _note(layout, shard, settings).items()):
        return None
    if hash_file(dropped_path(path)) != note["dropped_hash"]:
        return None
    return ShardOutcome(shard=shard, content_hash=stage_hash(path), **note["outcome"])


class _Shard:
    """One shard while it is being checked."""

    def __init__(self, layout: Layout, name: str, settings: Decode) -> None:
        self._layout, self._name, self._settings = layout, name, settings
        self._note = _note(layout, name, settings)
        self._list = read_stage(layout.shard_list(name), CLIPS)
        self._known, self._parts = _known_verdicts(layout, name, self._list.kept)
        self._todo = merge_verdicts(self._list.kept, self._known).unchecked
        self.n_known = len(self._list.kept) - len(self._todo)
        self._records: list[dict[str, Any]] = []
        self._unreadable: list[str] = []
        self._in_flight = 0
        self._is_issued = False

    @cached_property
    def _writer(self) -> PartWriter:
        return PartWriter(self._layout.verdict_parts(self._name))

    def close(self) -> None:
        """Make its verdicts durable."""
        if self._records:
            self._writer.close()

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
            if len(self._unreadable) >= MAX_UNREADABLE:
                break
            self._in_flight += 1
            yield ClipTask(clip_key=clip_key, path=path, cost=clip_cost)
        self._is_issued = True

    def record(self, verdict: dict[str, Any]) -> None:
        """Take one verdict; durable within seconds."""
        self._in_flight -= 1
        if verdict["verdict"] == "unreadable_now":
            self._unreadable.append(f"{verdict['clip_key']}: {verdict['errors'] or verdict['reason']}")
            return
        self._records.append(verdict)
        self._writer.append(verdict)

    def finish(self) -> ShardOutcome:
        """Write the verdicts as a table and, when every clip has one, the shard's result."""
        known = _latest([self._known, VERDICTS.frame(self._records)])
        if self._records or self._parts:
            self._compact(known)
        if self._unreadable:
            return self._outcome(failure=_why_unreadable(self._unreadable, n_left=len(self._todo) - len(self._records)))
        merged = merge_verdicts(self._list.kept, known)
        changed = drop_changed(merged.unchecked).dropped
        split = split_by_verdict(merged.checked, tolerated_reasons=self._settings.tolerated_reasons)
        dropped = pd.concat([self._list.dropped, changed, split.dropped], ignore_index=True)
        new = pd.concat([changed, split.dropped])
        outcome = self._outcome(n_kept=len(split.kept), dropped=dict(sorted(Counter(new["reason"]).items())))
        facts = {key: value for key, value in asdict(outcome).items() if key not in {"shard", "content_hash"}}
        note = {**self._note, "outcome": {**facts, "n_decoded": 0, "decode_seconds": 0.0}}
        content_hash = write_stage(self._layout.checked(self._name), CHECKED, kept=split.kept, dropped=dropped, note=note)
        return replace(outcome, content_hash=content_hash)

    def _compact(self, known: pd.DataFrame) -> None:
        write_table(self._layout.verdicts(self._name), VERDICTS, known)
        if self._records:
            self._writer.close()
            self._parts.append(self._writer.path)
        remove_parts(self._parts)

    def _outcome(self, *, failure: str = "", n_kept: int = 0, dropped: dict[str, int] | None = None) -> ShardOutcome:
        return ShardOutcome(
            shard=self._name,
            failure=failure,
            n_clips=len(self._list.kept),
            n_decoded=len(self._records),
            n_kept=n_kept,
            n_bytes=int(self._list.kept["file_size"].sum()),
            decode_seconds=sum(record["decode_seconds"] or 0.0 for record in self._records),
            dropped=dropped or {},
        )


def _known_verdicts(layout: Layout, shard: str, clips: pd.DataFrame) -> tuple[pd.DataFrame, list[Path]]:
    """Verdicts given earlier, by the rules of now, and the part files they are in.

    Another number of shards makes other files: when clips are left over, those are looked through too, so that it decodes
    nothing.
    """
    tables = [read_table(path, VERDICTS).rows for path in (layout.verdicts(shard),) if path.exists()]
    records, parts = read_parts(layout.verdict_parts(shard))
    known = _latest([*tables, VERDICTS.frame(records)])
    if len(merge_verdicts(clips, known).unchecked):
        keys = set(clips["clip_key"])
        others = [table[table["clip_key"].isin(keys)] for table in _other_verdicts(layout, shard)]
        known = _latest([*others, known])
    return known, parts


def _other_verdicts(layout: Layout, shard: str) -> Iterator[pd.DataFrame]:
    suffix = shard.partition("-of-")[2]
    for path in sorted(layout.verdicts_folder.glob("*-of-*")):
        if path.stem.partition("-of-")[2] == suffix:
            continue
        yield read_table(path, VERDICTS).rows if path.suffix == ".parquet" else VERDICTS.frame(read_parts(path)[0])


def _latest(tables: list[pd.DataFrame]) -> pd.DataFrame:
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[rows["checker_version"] == CHECKER_VERSION]
    rows = rows.drop_duplicates(["clip_key", "file_size", "mtime_ns"], keep="last")
    return rows.sort_values(["clip_key", "mtime_ns", "file_size"], ignore_index=True)


def _why_unreadable(clips: list[str], *, n_left: int) -> str:
    return (
        f"{len(clips):,} clips could not be read or checked ({n_left:,} of this shard are left to check), first {clips[0]}. "
        "Verdicts so far are kept. Mend that (the mount, the memory limit), or materialize own_clips again if the file was "
        "removed on purpose; then materialize this partition again: it goes on where it stopped."
    )
