"""Ctrl-C on a keyboard reaches the program and all that it started: one line says what is kept, the exit code is 130."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from keyboard import CTRL_C, terminal
from media_factory import make_clip

from video_assets.samples.demo.make import Sample

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("step", ["check", "probe"])
def test_clips_that_were_looked_at_are_shown_and_the_rest_is_told(step: str, sample: Sample, tmp_path: Path) -> None:
    shutil.copy2(sample.clips / "aquarium.mp4", tmp_path / "0.mp4")
    for number in range(1, 2_000):
        os.link(tmp_path / "0.mp4", tmp_path / f"{number}.mp4")
    with terminal([sys.executable, "-m", "video_assets.cli.app", step, "."], cwd=tmp_path) as window:
        window.wait_for("/2000")
        window.type(CTRL_C)
        code, shown = window.ended()
    assert code == 130, shown
    assert "stopped; clips without a line were not looked at to the end" in shown
    assert "Traceback" not in shown


@pytest.mark.skipif(not (ROOT / ".venv" / "bin" / "video-assets").exists(), reason="make has set nothing up here")
def test_make_run_goes_on_from_there(sample: Sample, tmp_path: Path) -> None:
    shutil.copytree(sample.clips, tmp_path / "data" / "sample")
    line = ["make", "--old-file=.venv/.run-ready", "run", f"DATA_ROOT={tmp_path}/data"]
    with terminal(line, cwd=ROOT) as window:
        window.wait_for("job prepare")
        window.type(CTRL_C)
        code, shown = window.ended()
    assert code == 130, shown
    assert "stopped; everything done so far is kept" in shown
    assert "Traceback" not in shown


# SQLAlchemy logs what is raised while it closes a connection.
WHILE_A_CONNECTION_IS_CLOSED = """
import signal
from sqlalchemy.engine.default import DefaultDialect
from video_assets.local.jobs import Jobs

signal.signal(signal.SIGINT, signal.default_int_handler)
close, run, begun = DefaultDialect.do_close, Jobs.run, []

def run_and_interrupt(self, *arguments, **options):
    begun.append(True)
    run(self, *arguments, **options)

def closing(self, connection):
    if begun:
        begun.clear()
        signal.raise_signal(signal.SIGINT)
    close(self, connection)

Jobs.run, DefaultDialect.do_close = run_and_interrupt, closing
from video_assets.cli.app import main
main()
"""


def test_a_ctrl_c_while_the_history_is_written_is_not_told_as_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clips" / "a.mp4")
    clip.with_suffix(".txt").write_text("a caption")
    line = [sys.executable, "-c", WHILE_A_CONNECTION_IS_CLOSED, "run", "--clips", clip.parent, "--data-root", tmp_path / "data"]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    stopped = "stopped; everything done so far is kept, the same command goes on from here"
    assert (ended.returncode, ended.stderr.splitlines()) == (130, ["job prepare", stopped])
