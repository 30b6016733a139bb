"""The stage enriched_metadata: the ledgers of all sources in one table, every clip measured, those without a caption dropped.

Belongs here: read the ledgers, probe what is new, write the stage. Does not belong here: what is dropped and why (`core`), how a
clip is probed (`checking.check`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from video_assets.checking.check import ClipTask, probe_clips
from video_assets.core import filters
from video_assets.core.matching import PROBES, merge_probes, plan_probes
from video_assets.core.schema import CLIPS, LEDGER
from video_assets.core.takeover import standing_probes
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.pipeline.recipes import enriched_metadata_recipe
from video_assets.pipeline.stage_result import StageResult
from video_assets.progress import Progress
from video_assets.settings.model import Source
from video_assets.settings.sections import Decode
from video_assets.sources.ledgers import ledgers
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter, read_parts, remove_parts
from video_assets.storage.row_groups import opened, rows_with
from video_assets.storage.stages import StageError, read_stage, stage_note, unchanged_stage, write_stage
from video_assets.storage.tables import Table, read_table
from video_assets.tombstones.rules import drop_taken_down
from video_assets.tombstones.table import read_tombstones, tombstones_hash


def enrich(layout: Layout, sources: Sequence[Source], *, settings: Decode, progress: Progress) -> StageResult:
    """Probe new and changed clips, join captions, drop clips that the source could not give and empty captions.

    When nothing has changed since the last time, and no clip is left to be measured again, nothing is read or written.

    Raises:
        StageError: a source's ledger is missing, or no source was materialized yet.
    """
    # Taken before the tombstones are read: one that is added meanwhile makes this table stale.
    buried = tombstones_hash(layout)
    if content_hash := _unchanged(layout, sources, buried):
        return StageResult(layout.enriched_metadata, content_hash)
    captioned, inputs = _captioned(layout, sources)
    previous = _measured_before(layout)
    records, parts = read_parts(layout.probe_parts)
    earlier = [record for record in records if record.get("prober_version") == PROBER_VERSION]
    todo = plan_probes(captioned.kept, previous, PROBES.frame(earlier))
    fresh, written = _probe(layout, todo, settings=settings, progress=progress)
    clips = merge_probes(captioned.kept, previous, PROBES.frame([*earlier, *fresh]))
    note = _note(inputs, buried)
    content_hash = write_stage(layout.enriched_metadata, CLIPS, kept=clips, dropped=captioned.dropped, note=note)
    remove_parts([*parts, *written])
    return StageResult(layout.enriched_metadata, content_hash, n_new=len(fresh))


def is_final(layout: Layout, sources: Sequence[Source]) -> bool:
    """True when the table is there and would come out the same: all clips are measured, none was unreadable."""
    return _unchanged(layout, sources, tombstones_hash(layout)) is not None


def _note(inputs: dict[str, str], buried: str) -> dict[str, Any]:
    return {"inputs": inputs, **enriched_metadata_recipe().note, "tombstones": buried}


def _unchanged(layout: Layout, sources: Sequence[Source], buried: str) -> str | None:
    """Hash of the table that is there when it would come out the same; None when there is work to do."""
    try:
        inputs = {name: hash_file(path) for name, path in ledgers(layout, sources).items()}
    except FileNotFoundError:
        return None
    content_hash = unchanged_stage(layout.enriched_metadata, _note(inputs, buried)) if inputs else None
    if content_hash is None or any(layout.probe_parts.glob("*.jsonl")):
        return None
    with opened(layout.enriched_metadata) as file:
        is_unread = any(rows_with(file, "probe_status", ["unreadable_now"], ["probe_status"]))
    return None if is_unread else content_hash


def _captioned(layout: Layout, sources: Sequence[Source]) -> tuple[filters.Split, dict[str, str]]:
    """Listed clips that are there and have a caption, what was dropped, and the ledgers' hashes.

    A function of its own, so that no table in between (a gigabyte of captions each, for a million clips) outlives it.
    """
    tables = {name: _read_ledger(name, path) for name, path in ledgers(layout, sources).items()}
    if not tables:
        raise StageError(f"nothing is listed yet: materialize {' or '.join(source.asset for source in sources)}")
    listed = pd.concat([LEDGER.frame(), *(table.rows for table in tables.values())], ignore_index=True)
    listed, taken_down = drop_taken_down(listed, read_tombstones(layout), stage="enriched_metadata")
    usable = filters.drop_not_ok(listed)
    captioned = filters.drop_empty_captions(usable.kept)
    dropped = pd.concat([taken_down, usable.dropped, captioned.dropped], ignore_index=True)
    return filters.Split(kept=captioned.kept, dropped=dropped), {name: table.content_hash for name, table in tables.items()}


def _measured_before(layout: Layout) -> pd.DataFrame | None:
    """The last table's measurements that hold by the rules of now; None when there is no table."""
    path = layout.enriched_metadata
    if not path.exists():
        return None
    version = stage_note(path).get("versions", {}).get("prober", "")
    return standing_probes(read_stage(path, CLIPS, columns=PROBES.names).kept, version)


def _read_ledger(name: str, path: Path) -> Table:
    try:
        return read_table(path, LEDGER)
    except FileNotFoundError:
        raise StageError(f"{path} is missing: materialize {name}") from None


def _probe(
    layout: Layout, todo: pd.DataFrame, *, settings: Decode, progress: Progress
) -> tuple[list[dict[str, Any]], list[Path]]:
    """Probe `todo`; every result is durable within seconds. Returns the results and the part files that hold them."""
    if todo.empty:
        return [], []
    tasks = [
        ClipTask(clip_key=key, path=path, cost=float(size))
        for key, path, size in zip(todo["clip_key"], todo["path"], todo["file_size"], strict=True)
    ]
    results = []
    with PartWriter(layout.probe_parts) as part, progress("probe", len(tasks), "clips") as advance:
        for task, probe in probe_clips(tasks, settings=settings):
            results.append({"clip_key": task.clip_key, "prober_version": PROBER_VERSION, **probe.as_record})
            part.append(results[-1])
            advance(1)
    return results, [part.path]
