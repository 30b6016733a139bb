"""Processes that were forked before they know what they become."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from video_assets.local.forks import Forks

# Says where it is, who it is and what it was given, and stays until it is interrupted.
BECOMES = """
import os, sys, time
from pathlib import Path

name = Path("/proc/self/comm").read_text().strip()
print(Path.cwd(), name, sys.argv[1:], os.environ["GIVEN"], os.getpgrp() == os.getpid(), flush=True)
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        if "deaf" not in sys.argv:
            sys.exit(7)
"""
PARENT = """
import os, sys, time
from pathlib import Path

from video_assets.local import forks as module
from video_assets.local.forks import Forks

module.STOP_S = 1.0
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
with Forks.of(("first", "second", "deaf", "waits"), loaded=("json",)) as forks:
    os.environ["GIVEN"] = "later"
    for name in ("first", "second", "deaf"):
        forks[name].run(["becomes", "--as", name], folder=folder, log=folder / f"{name}.log")
    print("given", flush=True)
    sys.stdin.read()
    forks["first"].end()
    forks["waits"].end()
    while None in (forks["first"].poll(), forks["waits"].poll()):
        time.sleep(0.05)
    print(forks["first"].poll(), forks["second"].poll(), forks["waits"].poll())
"""


@pytest.fixture
def parent(tmp_path: Path):
    """A program with three forks, three of which have become something."""
    (tmp_path / "becomes.py").write_text(BECOMES)
    program = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "given\n"
    wait_until(lambda: said(tmp_path, "first") and said(tmp_path, "second") and said(tmp_path, "deaf"))
    yield program
    program.kill()
    program.communicate()


def test_a_fork_becomes_what_it_is_told_and_ends_alone_when_asked(tmp_path: Path, parent: "subprocess.Popen[str]") -> None:
    assert said(tmp_path, "second") == f"{tmp_path} second ['--as', 'second'] later True\n"
    told, complaints = parent.communicate("")
    assert (told, complaints) == ("7 None 0\n", "")
    assert said(tmp_path, "first").endswith("interrupted\n")
    assert "interrupted" not in said(tmp_path, "second"), "what is left is killed"


def test_forks_end_when_their_parent_is_killed(tmp_path: Path, parent: "subprocess.Popen[str]") -> None:
    forks = psutil.Process(parent.pid).children()
    assert len(forks) == 4
    parent.kill()
    _, alive = psutil.wait_procs(forks, timeout=120)
    assert alive == []
    for name in ("first", "deaf"):
        assert said(tmp_path, name).endswith("interrupted\n")


def test_beside_another_thread_nothing_is_forked() -> None:
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="too late to fork"):
            Forks.of(("late",), loaded=())
    finally:
        is_over.set()
        thread.join()


def said(folder: Path, name: str) -> str:
    log = folder / f"{name}.log"
    return log.read_text() if log.exists() else ""


def wait_until(ask) -> None:
    deadline = time.monotonic() + 120
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.05)
