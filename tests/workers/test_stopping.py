"""SIGTERM, as on a spot node that is taken back: what is in flight ends or is given back, nothing is lost or done twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from command_line import command
from faulty_mount import faulty_mount, why_no_mount
from media_factory import make_clip

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.check_limits import CheckLimits
from video_assets.core.schema import VERDICTS
from video_assets.settings.steps import Decode
from video_assets.storage.layout import Layout
from video_assets.workers.stopping import Stop, stop_on_sigterm

HOSTILE = "hostile:work"
GOOD = dict.fromkeys(set(VERDICTS.names) - {"clip_key", *CheckLimits.__annotations__}) | {
    "verdict": "good",
    "reason": "",
    "errors": "",
}


def clip(folder, name, **behaviour):
    path = folder / name
    path.write_text(json.dumps(behaviour))
    return ClipTask(clip_key=name, path=str(path), cost=1.0)


def test_clips_in_flight_come_out_and_no_other_begins(tmp_path):
    tasks = [clip(tmp_path, f"{number}.mp4", how="answer_later", seconds=0.3, answer=GOOD) for number in range(50)]
    begun = []
    stop = Stop(60.0)
    came_out = []
    source = (begun.append(task.clip_key) or task for task in tasks)
    for task, row in decode_clips(source, settings=Decode(workers=2), work=HOSTILE, stop=stop):
        came_out.append(task.clip_key)
        assert row.verdict == "good"
        if len(came_out) == 3:
            stop.ask()
    assert sorted(came_out) == sorted(begun)
    assert 3 <= len(came_out) <= 6


def test_a_clip_that_outlasts_the_grace_is_given_back(tmp_path):
    quick, endless = clip(tmp_path, "quick.mp4", how="answer", answer=GOOD), clip(tmp_path, "endless.mp4", how="sleep")
    stop = Stop(0.2)
    came_out = []
    for task, _ in decode_clips([endless, quick, quick, quick], settings=Decode(workers=2), work=HOSTILE, stop=stop):
        came_out.append(task.clip_key)
        stop.is_asked or stop.ask()
    assert set(came_out) == {"quick.mp4"}


def test_the_first_sigterm_asks_the_second_interrupts_and_the_end_of_the_block_tells():
    def told(times, grace_s):
        with stop_on_sigterm(grace_s) as stop:
            for _ in range(times):
                signal.raise_signal(signal.SIGTERM)
                assert (stop.is_asked, stop.is_over) == (True, grace_s == 0)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="second time"):
        told(2, grace_s=60.0)
    with pytest.raises(KeyboardInterrupt, match=r"told to stop \(SIGTERM\)$"):
        told(1, grace_s=0.0)
    told(0, grace_s=0.0)
    assert signal.getsignal(signal.SIGTERM) == before


def verdict_lines(layout):
    return [json.loads(line) for part in layout.verdicts_folder.glob("*.parts/*.jsonl") for line in part.read_text().splitlines()]


def newly_decoded(home):
    """Clips that runs say they have decoded, all runs together."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = instance.fetch_materializations(dg.AssetKey("decode_check"), limit=100).records
    return sum(record.asset_materialization.metadata["newly_decoded_clips"].value for record in records)


AT_ONCE = {"VIDEO_ASSETS_OWN_CLIPS__SETTLE_S": "0"}


def options(data_root, folder):
    return ["run", "--data-root", str(data_root), "--clips", str(folder), "--shards", "3", "--workers", "1"]


def start(data_root, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "video_assets.cli.app", *options(data_root, folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore", **AT_ONCE},
    )


@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "a FUSE mount works here")
def test_a_decode_run_that_gets_sigterm_ends_soon_and_the_next_one_goes_on(tmp_path: Path) -> None:
    n_clips, disk = 16, tmp_path / "disk"
    first = make_clip(disk / "0.mp4")
    for number in range(n_clips):
        target = first.with_name(f"{number}.mp4")
        if number:
            target.write_bytes(first.read_bytes() + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
        target.with_suffix(".txt").write_text(f"caption {number}")
    layout = Layout(tmp_path / "data")
    with faulty_mount(disk, tmp_path / "mount") as mount:
        mount.slow(0.1, name=".mp4")
        with start(layout.root, mount.folder) as run:
            while not (layout.verdicts_folder.exists() and verdict_lines(layout)):
                assert run.poll() is None, run.stdout.read().decode()
                time.sleep(0.05)
            told_at = time.monotonic()
            run.send_signal(signal.SIGTERM)
            output, _ = run.communicate(timeout=300)
            took_s = time.monotonic() - told_at
        assert run.returncode == 130, output.decode()
        assert took_s < 60  # ten seconds, and some for a machine that is busy with other tests
        kept = {row["clip_key"] for row in verdict_lines(layout)}
        finished = newly_decoded(layout.dagster_home)
        assert 0 < len(kept) + finished < n_clips

        mount.mend()
        command(*options(layout.root, mount.folder), env={**os.environ, **AT_ONCE}, check=True)
    # Shards that ended in the first run were told then; of the others, what was kept is not decoded again.
    assert newly_decoded(layout.dagster_home) == n_clips - len(kept)
    assert len((layout.training / "training.csv").read_text().splitlines()) == n_clips + 1
