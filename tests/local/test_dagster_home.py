"""Dagster's tables of a data root: made once, however many programs begin at the same moment, and where Dagster finds them."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from command_line import command
from media_factory import make_clip

from video_assets.local.dagster_home import home_of
from video_assets.storage.layout import Layout

BEGIN = """
import sys, time
from pathlib import Path
import dagster as dg
from video_assets.local.dagster_home import prepare_home
from video_assets.storage.layout import Layout

root = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with dg.DagsterInstance.from_config(str(prepare_home(Layout(root)))) as instance:
    instance.get_runs(limit=1)
"""


def test_programs_that_begin_at_once_on_a_new_data_root_all_find_whole_tables(tmp_path: Path) -> None:
    line = [sys.executable, "-W", "ignore", "-c", BEGIN, str(tmp_path)]
    programs = [
        subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    said = [program.communicate(timeout=600)[1] for program in programs]
    assert [program.returncode for program in programs] == [0] * 4, said


@pytest.mark.parametrize("name", ["a%20b", "what?"])
def test_a_data_root_whose_name_means_another_to_sqlite_has_its_history_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_clip(tmp_path / "clips" / "a.mp4").with_suffix(".txt").write_text("a caption")
    for path in (tmp_path / "clips").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    root = tmp_path / name
    command("run", "--clips", tmp_path / "clips", "--data-root", root, "--shards", 1, check=True)
    assert (root / "training" / "training.csv").read_text().count("a caption") == 1
    assert len(list((tmp_path / "state" / "video_assets").glob("*/history/runs.db"))) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"clips", "state", name}
    refused = command("run", "--data-root", root, env={**os.environ, "VIDEO_ASSETS_DAGSTER_HOME": str(root / "history")})
    assert refused.returncode == 2
    assert f"{root / 'history'}: Dagster cannot keep its history" in refused.stderr


def test_a_log_of_sqlite_that_goes_while_it_is_looked_at_is_none_of_another_user(tmp_path: Path) -> None:
    layout, is_over = Layout(tmp_path), Event()
    log = layout.dagster_home / "history" / "runs" / "index.db-wal"
    log.parent.mkdir(parents=True)

    def come_and_go() -> None:
        while not is_over.is_set():
            log.touch()
            log.unlink()

    other = Thread(target=come_and_go)
    other.start()
    try:
        assert {home_of(layout) for _ in range(2_000)} == {layout.dagster_home}
    finally:
        is_over.set()
        other.join()
