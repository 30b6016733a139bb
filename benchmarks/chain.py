"""From a dropped clip to the training CSV by the real daemon, stage by stage: what works, and what only waits.

    .venv/bin/python benchmarks/chain.py --drop 1 --times 3
    .venv/bin/python benchmarks/chain.py --drop 50 --interval 30
    .venv/bin/python benchmarks/chain.py --known 100000

Web server, daemon and code servers as `make ui` starts them, on the built-in sample, or with `--known` among so many clips (of
`growth.py`, judged before), and 24 shards. `idle` is the CPU time of all servers before anything is dropped, in a share of one
core. Seconds count from the rename that drops the clips.
"""

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import tomlkit

sys.path.append(str(Path(__file__).parents[1] / "tests" / "fakes"))  # the server as users start it

from dagster_server import Server, server, wait_for
from growth import Folder

from video_assets.samples.demo.make import make_sample

RUNS = """
query { runsOrError(limit: 30) { ... on Runs { results {
  runId jobName status creationTime startTime endTime assetSelection { path } tags { key value } } } } }
"""


@dataclass(frozen=True)
class Watched:
    """A folder of clips with its captions table, the film that is dropped, and the columns of its row behind path and text."""

    data_root: Path
    clips: Path
    captions: Path
    film: Path
    more: str = ""


def main() -> None:
    """One server, the drops one after the other, each when all is calm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drop", type=int, default=1, help="clips that are dropped at once")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--interval", type=int, help="automation.sensor_interval_s; default: the program's")
    parser.add_argument("--known", type=int, default=0, help="clips that are there already; default: the sample's")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        watched = among(Path(folder), asked.known) if asked.known else the_sample(Path(folder))
        root = watched.data_root
        root.mkdir(exist_ok=True)
        automation = {"sensor_interval_s": asked.interval} if asked.interval else {}
        own = {"folder": str(watched.clips), "captions": str(watched.captions), "settle_s": 0}
        told = {"own_clips": own, "automation": automation, "training": {"duplicates": "keep"}}
        (root / "video_assets.toml").write_text(tomlkit.dumps(told))
        with server(root) as ui:
            csv = root / "training" / "training.csv"
            wait_for(csv.exists, timeout_s=1_800)
            for number in range(asked.times):
                wait_for(lambda: is_calm(ui), timeout_s=1_800)
                print(f"\ndrop {number + 1} of {asked.times}: {asked.drop} clips; idle: {idle(ui):.1%} of a core", flush=True)
                drop(watched, csv, asked.drop, number, ui)


def the_sample(folder: Path) -> Watched:
    """The built-in sample, and an empty data root below `folder`."""
    sample = make_sample(folder / "sample")
    return Watched(folder / "data", sample.clips, sample.captions, sample.clips / "aquarium.mp4")


def among(folder: Path, n_known: int) -> Watched:
    """Many clips, and a data root below `folder` that has judged them."""
    known = Folder(folder, n_known, 0)
    known.make(is_empty=False)
    return Watched(known.data_root, known.clips, known.captions, known.base, more=",5.5")


def drop(watched: Watched, csv: Path, n_clips: int, number: int, ui: Server) -> None:
    """Drop clips with captions beside them in a new table, and follow the runs until the CSV has them."""
    known = {run["runId"] for run in runs(ui)}
    clips, table = watched.clips, watched.captions
    names = [f"dropped-{number}-{clip}.mp4" for clip in range(n_clips)]
    draft = table.with_name("draft.csv")
    draft.write_text(table.read_text() + "".join(f"{name},a dropped clip{watched.more}\n" for name in names))
    for place, name in enumerate(names):
        shutil.copy2(watched.film, clips.parent / name)
        with (clips.parent / name).open("ab") as file:  # an atom of its own: other bytes, the same film
            file.write((16).to_bytes(4, "big") + b"free" + (number * 100_000 + place).to_bytes(8, "big"))
    for name in names:
        (clips.parent / name).rename(clips / name)
    draft.rename(table)
    dropped = time.time()
    wait_for(lambda: names[-1] in csv.read_text(), timeout_s=1_800)
    total = time.time() - dropped
    wait_for(lambda: is_calm(ui), timeout_s=1_800)
    last = 0.0
    for run in sorted((run for run in runs(ui) if run["runId"] not in known), key=lambda run: run["creationTime"]):
        created, started, ended = ((run[name] or dropped) - dropped for name in ("creationTime", "startTime", "endTime"))
        print(f"  {max(0.0, created - last):6.1f} s  nothing runs")
        print(f"  {started - created:6.1f} s  {name_of(run)}: queue and process start")
        print(f"  {ended - started:6.1f} s  {name_of(run)}: {run['status'].lower()}", flush=True)
        last = ended
    print(f"  {total:6.1f} s  from the drop to the CSV", flush=True)


def runs(ui: Server) -> list[dict[str, Any]]:
    """The last runs."""
    return ui.query(RUNS)["runsOrError"]["results"]


def name_of(run: dict[str, Any]) -> str:
    """A job's name, or the assets of an automatic run."""
    if not run["jobName"].startswith("__"):
        return run["jobName"]
    return "+".join(asset["path"][-1] for asset in run["assetSelection"] or [])


def is_calm(ui: Server) -> bool:
    """No run is on its way, and none began within two looks of the automation sensor."""
    last = runs(ui)
    return all(run["endTime"] for run in last) and time.time() - max(run["endTime"] for run in last) > 45


def idle(ui: Server, *, seconds: float = 60.0) -> float:
    """CPU seconds of all server processes per second."""
    before = cpu_seconds(ui)
    time.sleep(seconds)
    return (cpu_seconds(ui) - before) / seconds


def cpu_seconds(ui: Server) -> float:
    """Of every living process of the server, its ended children included."""
    first = psutil.Process(ui.process.pid)
    return sum(sum(process.cpu_times()[:4]) for process in (first, *first.children(recursive=True)))


if __name__ == "__main__":
    main()
