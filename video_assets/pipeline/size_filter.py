"""The stage size_filtered: clips that are small enough to be worth decoding.

Belongs here: read the stage before, ask `core.filters`, write the stage. Does not belong here: the rule (`core.filters`).
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from video_assets.core import filters
from video_assets.core.schema import CLIPS
from video_assets.pipeline.recipes import size_filtered_recipe
from video_assets.pipeline.stage_result import StageResult
from video_assets.pipeline.two_runs import begun_anew
from video_assets.storage.changes import changes_of, patch_of, ranges_with
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageNote, read_dropped, stage_hash, unchanged_stage, write_stage_in_parts

_NEEDED = ["clip_key", "source", "path", "file_size"]


@begun_anew
def filter_by_size(layout: Layout, *, max_bytes: int, memory_bytes: int | None = None) -> StageResult:
    """Drop clips larger than `max_bytes`. When nothing has changed since the last time, nothing is read or written.

    Else that is done where enriched_metadata has changed (`storage.changes`). A table that is made anew as a whole has the row
    groups of enriched_metadata, but those with a clip that is dropped. As many clips lie in memory at a time as `memory_bytes`
    allow. It begins anew when another run has written one of these tables meanwhile.

    Raises:
        NoSpaceError: the disk is full; the table is as it was.
        ReplacedError: other runs write these tables again and again.
        StageError: enriched_metadata is missing or torn.
    """
    path, source = layout.size_filtered, layout.enriched_metadata
    note = _note(source, max_bytes)
    if content_hash := unchanged_stage(path, note):
        return StageResult(path, content_hash)
    clips = TablesByKey([source], CLIPS)
    # Once more, of the file that is read: it may have been replaced since.
    note = _note(source, max_bytes)
    units = clips.units()
    changes = changes_of(path, CLIPS, note=note, units=units)
    ranges = clips.ranges(memory_bytes=memory_bytes, within=changes.ranges)
    splits = [filters.drop_too_large(clips.rows(part, _NEEDED), max_bytes=max_bytes).dropped for part in ranges]
    patch = changes.patch
    if patch is None and (patch := patch_of(source, CLIPS, ranges_with(units, pd.concat(splits)["clip_key"]))):
        patch = replace(patch, seen=clips.identity_of(source))
        ranges = clips.ranges(memory_bytes=memory_bytes, within=patch.ranges)
    before = changes.dropped_before()
    mine = pd.concat([before[before["stage"] == "size_filtered"], *splits])
    dropped = pd.concat([read_dropped(source), mine]).sort_values("clip_key", ignore_index=True)
    kept = (filters.drop_too_large(clips.rows(part), max_bytes=max_bytes).kept for part in ranges)
    note = replace(note, units=changes.units)
    content_hash = write_stage_in_parts(path, CLIPS, kept=kept, dropped=dropped, note=note, patch=patch)
    return StageResult(path, content_hash)


def _note(source: Path, max_bytes: int) -> StageNote:
    return StageNote(
        inputs={"enriched_metadata": stage_hash(source)}, settings=size_filtered_recipe(max_bytes=max_bytes).settings
    )
