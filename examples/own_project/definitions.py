"""Somebody's own Dagster project that takes in the assets of video_assets: docs/library.md.

`dagster dev -f definitions.py` starts it. CLIPS is a folder of clips with captions, DATA_ROOT takes tables and results.
"""

import os
from pathlib import Path

import dagster as dg

import video_assets

settings = video_assets.Settings(
    data_root=Path(os.environ.get("DATA_ROOT", "data")),
    own_clips={"folder": os.environ.get("CLIPS", "clips")},
    decode={"n_shards": 4},
)


@dg.asset(deps=["training_csv"], group_name="captions")
def caption_lengths() -> dg.MaterializeResult:
    """What this project adds: how long the captions of the published clips are."""
    table = video_assets.read_training(settings.data_root, settings=settings)
    lengths = table["text"].str.len()
    return dg.MaterializeResult(metadata={"clips": len(table), "longest": int(lengths.max()), "shortest": int(lengths.min())})


defs = dg.Definitions.merge(video_assets.build_defs(settings), dg.Definitions(assets=[caption_lengths]))
