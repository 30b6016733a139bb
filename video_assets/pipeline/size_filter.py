"""The stage size_filtered: clips that are small enough to be worth decoding.

Belongs here: read the stage before, ask `core.filters`, write the stage. Does not belong here: the rule (`core.filters`).
"""

import pandas as pd

from video_assets.core import filters
from video_assets.core.schema import CLIPS
from video_assets.pipeline.recipes import size_filtered_recipe
from video_assets.pipeline.stage_result import StageResult
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage, write_stage


def filter_by_size(layout: Layout, *, max_bytes: int) -> StageResult:
    """Drop clips larger than `max_bytes`.

    Raises:
        StageError: enriched_metadata is missing.
    """
    stage = read_stage(layout.enriched_metadata, CLIPS)
    split = filters.drop_too_large(stage.kept, max_bytes=max_bytes)
    note = {"inputs": {"enriched_metadata": stage.content_hash}, **size_filtered_recipe(max_bytes=max_bytes).note}
    dropped = pd.concat([stage.dropped, split.dropped], ignore_index=True)
    content_hash = write_stage(layout.size_filtered, CLIPS, kept=split.kept, dropped=dropped, note=note)
    return StageResult(kept=split.kept, dropped=split.dropped, content_hash=content_hash)
