"""The stage enriched_metadata: the ledgers of all sources in one table, every clip measured, those without a caption dropped.

Belongs here: when it is current, the order of things, writing the stage. Does not belong here: what is still to be probed
(`pipeline.listed`), who probes it (`pipeline.probing`), what is dropped and why (`core`).
"""

from collections.abc import Sequence
from dataclasses import replace

from video_assets.core.matching import merge_probes
from video_assets.core.schema import CLIPS
from video_assets.pipeline.listed import Known, Listed, note_of, to_probe, unread
from video_assets.pipeline.probing import probe_all
from video_assets.pipeline.stage_result import StageResult
from video_assets.pipeline.two_runs import begun_anew
from video_assets.progress import Progress
from video_assets.settings.model import Source
from video_assets.settings.steps import Decode
from video_assets.sources.ledgers import ledgers
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.parts import remove_parts
from video_assets.storage.stages import unchanged_stage, write_stage_in_parts
from video_assets.tombstones.table import tombstones_hash


@begun_anew
def enrich(
    layout: Layout,
    sources: Sequence[Source],
    *,
    settings: Decode,
    progress: Progress,
    memory_bytes: int | None = None,
    run_id: str = "",
) -> StageResult:
    """Probe new and changed clips, join captions, drop clips that the source could not give and empty captions.

    When nothing has changed since the last time, and no clip is left to be measured again, nothing is read or written. Else
    that is done where ledgers have changed, and the other rows stay (`storage.changes`). Ledgers are read twice, as many clips at
    a time as `memory_bytes` allow: for what is to be probed and dropped, then for the table. Others may help: `pipeline.probing`.
    It begins anew when another run has written one of these tables meanwhile; no clip is probed twice.

    Raises:
        NoSpaceError: the disk is full; the table is as it was.
        ReplacedError: other runs write these tables again and again.
        StageError: a source's ledger is missing, or no source was materialized yet.
    """
    # Taken before the tombstones are read: one that is added meanwhile makes this table stale.
    buried = tombstones_hash(layout)
    if content_hash := _unchanged(layout, sources, buried):
        return StageResult(layout.enriched_metadata, content_hash)
    known = Known(layout)
    listed = Listed(layout, sources, note_of({}, buried), again=known.again(), memory_bytes=memory_bytes)
    probed = probe_all(layout, to_probe(listed, known), settings=settings, progress=progress, run_id=run_id)
    known.add([*probed.by_others, *probed.records])
    kept = (merge_probes(split.kept, *known.of(part)) for part, split in listed.splits())
    note = replace(note_of(listed.inputs, buried), units=listed.changes.units)
    content_hash = write_stage_in_parts(
        layout.enriched_metadata, CLIPS, kept=kept, dropped=listed.dropped(), note=note, patch=listed.changes.patch
    )
    remove_parts([*known.parts, *probed.files])
    return StageResult(layout.enriched_metadata, content_hash, n_new=len(probed.records))


def is_final(layout: Layout, sources: Sequence[Source]) -> bool:
    """True when the table is there and would come out the same: all clips are measured, none was unreadable."""
    return _unchanged(layout, sources, tombstones_hash(layout)) is not None


def _unchanged(layout: Layout, sources: Sequence[Source], buried: str) -> str | None:
    """Hash of the table that is there when it would come out the same; None when there is work to do."""
    try:
        inputs = {name: hash_file(path) for name, path in ledgers(layout, sources).items()}
    except FileNotFoundError:
        return None
    content_hash = unchanged_stage(layout.enriched_metadata, note_of(inputs, buried)) if inputs else None
    if content_hash is None or any(layout.probe_parts.glob("*.jsonl")):
        return None
    return None if unread(layout) else content_hash
