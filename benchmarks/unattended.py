"""Hundreds of nightly runs by the real daemon on the built-in sample: memory of every server process, size of Dagster's history.

    .venv/bin/python benchmarks/unattended.py --nights 400

Web server, daemon and code servers as `make ui` starts them, all sensors looking every second (a night has 2,880 looks of
each, this a few). A night is a run of `prepare` as the schedule starts it, one at a time; every tenth night `clean_up` runs and
keeps nothing that is not needed. The history's growth over a year at its true age: benchmarks/retention.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil
import tomlkit

sys.path.append(str(Path(__file__).parents[1] / "tests" / "fakes"))  # the server as users start it

from dagster_server import Server, server

from video_assets.samples.demo.make import SAMPLE_MAX_FILE_SIZE_MIB, make_sample

TICKS = """
query { sensorsOrError(repositorySelector: {repositoryLocationName: "video_assets", repositoryName: "__repository__"}) {
  ... on Sensors { results { name sensorState { ticks { id } } } } } }
"""


def main() -> None:
    """All nights, with a line at each eighth of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=400)
    nights = parser.parse_args().nights
    heads = ("night", "runs", "ticks", "daemon", "its code", "web", "its code", "history")
    print("".join(f"{head:>9}" for head in heads) + "   processes and history in MiB")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        write_settings(root, Path(folder, "sample"))
        with server(root) as ui:
            time.sleep(30)  # the first automatic runs
            for night in range(1, nights + 1):
                assert ui.run_job("prepare") == "SUCCESS"
                if night % 10 == 0:
                    assert ui.run_job("clean_up") == "SUCCESS"
                if night % max(1, nights // 8) == 0:
                    print(line(night, ui, root), flush=True)


def write_settings(root: Path, folder: Path) -> None:
    """The sample, watched every second."""
    sample = make_sample(folder)
    root.mkdir()
    settings = {
        "own_clips": {"folder": str(sample.clips), "captions": str(sample.captions), "settle_s": 0},
        "filter": {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB},
        "decode": {"n_shards": 24},
        "automation": {"sensor_interval_s": 1, "keep_runs_days": 0},
    }
    (root / "video_assets.toml").write_text(tomlkit.dumps(settings))


def line(night: int, ui: Server, root: Path) -> str:
    """Runs and ticks that are kept, memory of each process, size of the history."""
    sizes = memory(ui.process.pid)
    ticks = sum(len(sensor["sensorState"]["ticks"]) for sensor in ui.query(TICKS)["sensorsOrError"]["results"])
    history = sum(path.stat().st_size for path in (root / ".dagster").rglob("*") if path.is_file()) / 2**20
    runs = ui.n_runs("SUCCESS", "FAILURE", "CANCELED")
    counts = f"{night:>9}{runs:>9}{ticks:>9}"
    return counts + "".join(f"{size:>9.0f}" for size in sizes) + f"{history:>9.1f}"


def memory(pid: int) -> list[float]:
    """Resident MiB of daemon, its code server, web server, its code server."""
    servers = {"dagster._daemon" in process.cmdline(): process for process in psutil.Process(pid).children()}
    with_code = [part for is_daemon in (True, False) for part in (servers[is_daemon], _code_server(servers[is_daemon]))]
    return [process.memory_info().rss / 2**20 for process in with_code]


def _code_server(parent: psutil.Process) -> psutil.Process:
    """The oldest living child: runs are children of the code server, and one that was replaced may not be buried yet."""
    return next(child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE)


if __name__ == "__main__":
    main()
