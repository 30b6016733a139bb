"""Programs tell Python how to collect garbage, and only programs: a project that takes our assets in keeps its own ways."""

import subprocess
import sys
from pathlib import Path

_TELL = "import gc, os; print(gc.get_threshold()[0], bool(gc.get_freeze_count()), len(os.listdir('/proc/self/task')))"


def told(program: str, root: Path) -> tuple[int, bool, int]:
    """The youngest threshold, whether anything was set aside, and the number of threads, after `program`."""
    source = f"import os; os.environ.pop('OPENBLAS_NUM_THREADS', None); os.environ['VIDEO_ASSETS_DATA_ROOT'] = {str(root)!r}\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{source}{program}\n{_TELL}"], capture_output=True, text=True, check=True
    )
    threshold, is_frozen, n_threads = done.stdout.split()
    return int(threshold), is_frozen == "True", int(n_threads)


def test_a_program_looks_for_garbage_less_often_and_starts_no_thread_for_matrices(tmp_path: Path) -> None:
    usual = told("", tmp_path)
    settled = told("from video_assets.interpreter import settle; settle(); import numpy", tmp_path)
    assert settled[0] > 10 * usual[0]
    assert settled[2] == 1


def test_what_dagster_loads_is_set_aside_and_a_library_changes_nothing(tmp_path: Path) -> None:
    usual = told("", tmp_path)
    library = "from video_assets.definitions import build_defs; from video_assets.settings.model import Settings"
    assert told(f"{library}; build_defs(Settings(own_clips={{'folder': '/clips'}}))", tmp_path)[:2] == usual[:2]
    (tmp_path / "video_assets.toml").write_text('[own_clips]\nfolder = "/clips"\n')
    threshold, is_frozen, _ = told("import dagster as dg; from video_assets.definitions import defs; defs()", tmp_path)
    assert (threshold > usual[0], is_frozen) == (True, True)
