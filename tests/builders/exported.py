"""A data root whose sample is published, for tests of what comes after; made once per module by the pipeline itself."""

from pathlib import Path

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.publish.publish import publish
from video_assets.samples.demo.make import SAMPLE_MAX_FILE_SIZE_MIB
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout


def published_root(root: Path, folder: Path, captions: Path, **sections: dict) -> tuple[Layout, Settings]:
    """List, measure, decode and publish the clips of `folder`."""
    limits = {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB}
    own = {"folder": folder, "captions": captions, "settle_s": 0, **sections.pop("own_clips", {})}
    settings = Settings(
        data_root=root, **{"filter": limits, "decode": {"n_shards": 2, "workers": 1}, **sections, "own_clips": own}
    )
    layout = Layout(root)
    refresh_own_clips(layout, settings)
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    shards = shard_keys(2)
    list(write_shard_lists(layout, shards, n_shards=2))
    list(check_shards(layout, shards, settings=settings.decode, progress=no_progress))
    publish(layout, settings)
    return layout, settings
