"""The stage size_filtered: clips that are small enough to be worth decoding.

Belongs here: read the stage before, ask `core.filters`, write the stage. Does not belong here: the rule (`core.filters`).
"""

import pandas as pd

from video_assets.core import filters
from video_assets.core.schema import CLIPS
from video_assets.pipeline.recipes import size_filtered_recipe
from video_assets.pipeline.stage_result import StageResult
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage, stage_hash, unchanged_stage, write_stage


def filter_by_size(layout: Layout, *, max_bytes: int) -> StageResult:
    """Drop clips larger than `max_bytes`. When nothing has changed since the last time, nothing is read or written.

    Raises:
        StageError: enriched_metadata is missing.
    """
    path = layout.size_filtered
    note = {
        "inputs": {"enriched_metadata": stage_hash(layout.enriched_metadata)},
        **size_filtered_recipe(max_bytes=max_bytes).note,
    }
    if content_hash := unchanged_stage(path, note):
        return StageResult(path, content_hash)
    stage = read_stage(layout.enriched_metadata, CLIPS)
    split = filters.drop_too_large(stage.kept, max_bytes=max_bytes)
    note["inputs"] = {"enriched_metadata": stage.content_hash}
    dropped = pd.concat([stage.dropped, split.dropped], ignore_index=True)
    return StageResult(path, write_stage(path, CLIPS, kept=split.kept, dropped=dropped, note=note))
