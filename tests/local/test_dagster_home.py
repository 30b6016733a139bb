"""Dagster's tables of a data root: made once, however many programs begin at the same moment."""

import subprocess
import sys
from pathlib import Path

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
