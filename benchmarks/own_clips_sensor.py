"""What a tick of the own clips sensor costs with a million (empty) files: the first look, nothing new, one new file.

python benchmarks/own_clips_sensor.py [FILES] [FOLDERS]      # 1,000,000 files in 1,000 folders, on $TMPDIR (a tmpfs)
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.watch import look_for_news
from video_assets.storage.layout import Layout


def main(n_files=1_000_000, n_folders=1_000):
    """Print CPU and wall seconds of each kind of tick."""
    with tempfile.TemporaryDirectory() as base:
        clips, layout = Path(base, "clips"), Layout(Path(base, "data"))
        for folder in range(n_folders):
            (clips / f"{folder:05d}").mkdir(parents=True)
            for number in range(n_files // n_folders):
                os.close(os.open(f"{clips}/{folder:05d}/{number:06d}.mp4", os.O_CREAT | os.O_WRONLY))
        settings, seen = OwnClips(folder=clips, settle_s=0), ""
        print(f"{n_files:,} files in {n_folders:,} folders")
        for kind in ("first look", "nothing new", "nothing new", "one new file", "nothing new"):
            if kind == "one new file":
                (clips / "00000" / "new.mp4").touch()
            cpu_s, wall_s, n_looks = time.process_time(), time.monotonic(), 1
            while "goes on from there" in (news := look_for_news(layout, settings, last=seen)).reason:
                n_looks += 1
            seen = news.seen
            told = f"{time.process_time() - cpu_s:.3f} CPU s, {time.monotonic() - wall_s:.3f} s, {n_looks} looks"
            print(f"{kind:<14}{told}; cursor {len(seen)} B, memory {layout.own_clips_watch.stat().st_size:,} B: {news.reason}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
