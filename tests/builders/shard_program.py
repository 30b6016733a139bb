"""`python shard_program.py DATA_ROOT LEASE_STALE_S`: the decode check of all shards; prints the outcomes as JSON."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.decode_check import check_shards
from video_assets.progress import LogProgress
from video_assets.settings.steps import Decode
from video_assets.storage.layout import Layout

N_SHARDS = 2


def main(root, lease_stale_s):
    """Check both shards with one worker process."""
    settings = Decode(n_shards=N_SHARDS, workers=1, lease_stale_s=lease_stale_s)
    log = LogProgress(lambda line: sys.stderr.write(line + "\n"))
    outcomes = check_shards(Layout(Path(root)), shard_keys(N_SHARDS), settings=settings, progress=log, run_id=f"run-{root[-6:]}")
    sys.stdout.write(json.dumps([asdict(outcome) for outcome in outcomes]))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
