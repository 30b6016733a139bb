"""Data roots with shard lists over copies of clips, and no verdict yet."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import tomlkit

from video_assets.core.sharding import shard_keys, shard_of
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import LogProgress
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout

SHARDS = shard_keys(3)


def prepare(base: Path, clips: Sequence[Path], *, n_shards: int = 3, folder: Path | None = None, **sections: dict) -> Layout:
    """Copy `clips`, evenly over the shards, and write everything up to the shard lists.

    `folder` is where clips are read, when that is not where they lie; `sections` are settings, which are also written to the file
    of the data root.
    """
    lie = base / "clips"
    lie.mkdir(parents=True)
    for name, clip in zip(_names(len(clips), n_shards), clips, strict=True):
        shutil.copy2(clip, lie / name)
        caption = (lie / name).with_suffix(".txt")
        caption.write_text(f"what is seen in {name}")
        os.utime(caption, (1_700_000_000, 1_700_000_000))
    told = {
        "own_clips": {"folder": str(folder or lie), "settle_s": 0},
        "filter": {"max_file_size_mib": 1000},
        **sections,
        "decode": {"n_shards": n_shards, "workers": 1, "retries": 0, **sections.get("decode", {})},
        "training": {"duplicates": "keep", **sections.get("training", {})},
    }
    root = base / "data"
    root.mkdir()
    (root / "video_assets.toml").write_text(tomlkit.dumps(told))
    settings, layout = Settings(data_root=root, **told), Layout(root)
    progress = LogProgress(lambda _line: None)
    refresh_own_clips(layout, settings)
    enrich(layout, settings.sources, settings=settings.decode, progress=progress)
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    list(write_shard_lists(layout, shard_keys(n_shards), n_shards=n_shards))
    return layout


def _names(n_clips: int, n_shards: int) -> list[str]:
    """File names that fall into all shards in turn."""
    keys, names, number = shard_keys(n_shards), [], 0
    while len(names) < n_clips:
        name = f"clip-{number}.mp4"
        if shard_of(f"own_clips/{name}", n_shards=n_shards) == keys[len(names) % n_shards]:
            names.append(name)
        number += 1
    return names
