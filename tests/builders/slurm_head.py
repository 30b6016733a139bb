"""`python slurm_head.py DATA_ROOT SHARD...`: has shards checked by Slurm; prints each outcome as JSON when it comes."""

import json
import logging
import os
import sys
from dataclasses import asdict

from video_assets.core.sharding import shard_keys
from video_assets.progress import LogProgress
from video_assets.settings.model import load_settings
from video_assets.slurm.follow import check_shards_on_slurm
from video_assets.storage.layout import Layout


def main(root, *shards):
    """Follow them to the end."""
    logging.basicConfig(level=logging.INFO)
    os.environ["VIDEO_ASSETS_DATA_ROOT"] = root
    settings = load_settings()
    shards = list(shards) or shard_keys(settings.decode.n_shards)
    log = LogProgress(lambda line: sys.stderr.write(line + "\n"))
    for outcome in check_shards_on_slurm(Layout(settings.data_root), shards, settings=settings, progress=log):
        sys.stdout.write(json.dumps(asdict(outcome), default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
