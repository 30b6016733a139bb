"""`video-assets run --dry-run` says what a run would do, and writes nothing."""

import json
import os
import shutil
from pathlib import Path

from command_line import command

from video_assets.samples.demo.make import Sample


def test_a_dry_run_counts_estimates_and_writes_nothing(sample: Sample, tmp_path: Path) -> None:
    clips, root = tmp_path / "clips", tmp_path / "root"
    clips.mkdir()
    for name in ("aquarium.mp4", "windmill.webm", "mountains.mp4"):
        shutil.copy2(sample.clips / name, clips)
        (clips / name).with_suffix(".txt").write_text("" if name == "mountains.mp4" else f"this is {name}")
    for path in clips.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    options = ("--clips", clips, "--data-root", root, "--shards", "2")
    shown = command("run", *options, "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert (found["listed"], found["with_caption"], found["to_decode"], found["known"]) == (3, 2, 2, 0)
    assert found["dropped"]["empty_caption"] == 1
    assert found["bytes_to_decode"] == sum((clips / name).stat().st_size for name in ("aquarium.mp4", "windmill.webm"))
    assert found["decode_cpu_s"] > 0
    assert not root.exists()
    assert command("run", *options).returncode == 0
    again = command("run", "--data-root", root, "--dry-run")
    assert "known already      2 clips" in again.stdout
    assert "would be decoded   0 clips" in again.stdout
    assert "Nothing was written." in again.stdout
    shutil.copy2(sample.clips / "moonlight.mp4", clips)
    (clips / "moonlight.txt").write_text("one more")
    for name in ("moonlight.mp4", "moonlight.txt"):
        os.utime(clips / name, (1_700_000_000, 1_700_000_000))
    one = command("run", "--data-root", root, "--dry-run")
    assert "would be decoded   1 clip, " in one.stdout
    assert "(from 1 clip decoded now)" in one.stdout
