"""What an archive of OpenVid costs until its clips lie on the disk: ours, and what its users do today.

    python benchmarks/openvid.py [--clips 150] [--megabytes 7] [--rounds 5] [--deflate] [--tmp FOLDER]

Ours: the archive is read over HTTP and only clips are written, with sha256 of the archive and CRC-32 of each clip checked, each
clip fsynced, and a ledger. Today: `hf_hub_download` (no check of contents), `unzip -j`, delete the archive.
Both get the same archive from the same local hub (tests/fakes/hub_server.py, its own process), in turns. Prints CPU seconds (user
and system, children included), bytes written (write calls, children included), peak disk use, wall seconds, and ratios.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

HUB_SERVER = Path(__file__).parent.parent / "tests" / "fakes" / "hub_server.py"
REPO, ARCHIVE = "nkp37/OpenVid-1M", "OpenVid_part0.zip"

OURS = """
import sys
from pathlib import Path
from video_assets.storage.layout import Layout
from video_assets.sources.openvid.fetch import fetch_archives
from video_assets.sources.openvid.archive import Told
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.settings.sources import OpenVid
settings = Settings(data_root=Path(sys.argv[1]), openvid=OpenVid(is_enabled=True))
told = Told(progress=no_progress, info=lambda text: None, warn=print)
for outcome in fetch_archives(Layout(settings.data_root), settings, ["openvid_part000"], told=told):
    assert not outcome.failure, outcome.failure
    assert outcome.result.sha256 == "checked", outcome.result.sha256
"""
PREPARE = """
import sys
from pathlib import Path
from video_assets.storage.layout import Layout
from video_assets.sources.openvid.captions import refresh_captions
from video_assets.sources.openvid.listing import refresh_listing
from video_assets.settings.sources import OpenVid
layout, openvid = Layout(Path(sys.argv[1])), OpenVid(is_enabled=True)
refresh_captions(layout, openvid, refresh_listing(layout, openvid))
"""
TODAY = f"""
import subprocess, sys
from pathlib import Path
from huggingface_hub import hf_hub_download
folder = Path(sys.argv[1])
archive = hf_hub_download({REPO!r}, {ARCHIVE!r}, repo_type="dataset", local_dir=folder / "zips")
subprocess.run(["unzip", "-q", "-j", archive, "-d", folder / "clips"], check=True)
Path(archive).unlink()
"""
# Runs a script with the arguments that follow and tells what it cost; children that were waited for are part of it.
MEASURE = """
import json, resource, sys, time
script, sys.argv = sys.argv[1], sys.argv[1:]
wall = time.monotonic()
exec(compile(script, "script", "exec"))
usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
io = dict(line.split(": ") for line in open("/proc/self/io").read().splitlines())
cpu, memory = sum(usage.ru_utime + usage.ru_stime for usage in usages), usages[0].ru_maxrss / 1024
print(json.dumps({"cpu_s": cpu, "written": int(io["wchar"]), "wall_s": time.monotonic() - wall, "rss_mib": memory}))
"""


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=150)
    parser.add_argument("--megabytes", type=float, default=7.0, help="of one clip")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deflate", action="store_true", help="members are deflated, not stored")
    parser.add_argument("--tmp", help="folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.tmp) as name:
        folder = Path(name)
        n_bytes = make_data_set(folder / "hub", options)
        command = [sys.executable, str(HUB_SERVER), str(folder / "hub"), "--repo", REPO]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
            env = {**os.environ, "HF_ENDPOINT": json.loads(hub.stdout.readline())["endpoint"], "HF_HUB_DISABLE_XET": "1"}
            env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
            rounds = [
                {name: measure(folder / "work", script, env, n_bytes) for name, script in (("ours", OURS), ("today", TODAY))}
                for _ in range(options.rounds)
            ]
            hub.stdin.close()
    how = "deflated" if options.deflate else "stored"
    versions = f"huggingface_hub {version('huggingface_hub')}, {time.strftime('%Y-%m-%d')}"
    print(f"{options.clips} clips of {options.megabytes} MB, {how}, {options.rounds} rounds, {versions}")
    print_table(rounds, n_bytes)


def make_data_set(folder: Path, options: argparse.Namespace) -> int:
    """An archive of incompressible clips in a nested folder, and captions; returns the clips' bytes."""
    folder.mkdir()
    dice, method = random.Random(1), zipfile.ZIP_DEFLATED if options.deflate else zipfile.ZIP_STORED
    names = [f"clip-{number:05d}_0to241.mp4" for number in range(options.clips)]
    with zipfile.ZipFile(folder / ARCHIVE, "w", method) as archive:
        for name in names:
            archive.writestr(f"panda/clips/{name}", dice.randbytes(round(options.megabytes * 1e6)))
    (folder / "data" / "train").mkdir(parents=True)
    rows = "".join(f"{name},A clip,5.1,2.5,0.99,static,241,29.97,8.04\n" for name in names)
    header = "video,caption,aesthetic score,motion score,temporal consistency score,camera motion,frame,fps,seconds\n"
    (folder / "data" / "train" / "OpenVid-1M.csv").write_text(header + rows)
    return options.clips * round(options.megabytes * 1e6)


def measure(folder: Path, script: str, env: dict[str, str], n_bytes: int) -> dict[str, float]:
    """One run in a folder of its own."""
    folder.mkdir()
    if script == OURS:  # once for all archives
        subprocess.run([sys.executable, "-c", PREPARE, str(folder)], env=env, check=True)
    peak, is_over = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=(folder, peak, is_over))
    watcher.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, script, str(folder)], env=env, check=True, stdout=subprocess.PIPE, text=True
        )
    finally:
        is_over.set()
        watcher.join()
    clips = [path.stat().st_size for path in folder.rglob("*.mp4")]
    assert sum(clips) == n_bytes, f"{sum(clips)} bytes of clips, not {n_bytes}"
    shutil.rmtree(folder)
    return {**json.loads(done.stdout.splitlines()[-1]), "peak": float(peak[0])}


def watch(folder: Path, peak: list[int], is_over: threading.Event) -> None:
    """Note the most that all files below `folder` took."""
    while not is_over.wait(0.02):
        peak[0] = max(peak[0], sum(size_on_disk(path) for path in folder.rglob("*")))


def size_on_disk(path: Path) -> int:
    """Bytes that a file takes; none when it has just gone."""
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def print_table(rounds: list[dict[str, dict[str, float]]], n_bytes: int) -> None:
    """Medians, spread, and the median of the rounds' ratios."""
    print("\n| | ours | spread | today | spread | ours / today |\n|---|---|---|---|---|---|")
    for key, label, unit in (
        ("cpu_s", "CPU s", 1.0),
        ("written", "bytes written / clips", float(n_bytes)),
        ("peak", "peak disk / clips", float(n_bytes)),
        ("wall_s", "wall s", 1.0),
        ("rss_mib", "memory MiB", 1.0),
    ):
        ours, today = ([one[name][key] / unit for one in rounds] for name in ("ours", "today"))
        ratio = statistics.median(one["ours"][key] / one["today"][key] for one in rounds)
        cells = [f"{statistics.median(values):.2f} | {min(values):.2f}-{max(values):.2f}" for values in (ours, today)]
        print(f"| {label} | {cells[0]} | {cells[1]} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
