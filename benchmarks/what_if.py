"""`video-assets what-if` over the tables of 1.3 million clips: CPU seconds, wall seconds and peak memory of the whole command.

    .venv/bin/python benchmarks/what_if.py --rows 1300000

The tables are those of `benchmarks/look.py`. Limits on captions read them all, and are measured apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from look import generate

QUESTIONS = {
    "no limit": (),
    "size, frames, height": ("--max-file-size-mib", "40", "--min-frames", "51", "--min-height", "480"),
    "all numbers": (
        *("--min-frames", "51", "--max-frames", "2000", "--min-duration-s", "1", "--max-duration-s", "60"),
        *("--min-height", "480", "--min-width", "640", "--max-pixels", "8000000", "--min-aspect-ratio", "0.5"),
        *("--max-aspect-ratio", "2", "--min-fps", "20", "--max-fps", "59", "--max-file-size-mib", "40", "--codecs", "h264"),
    ),
    "a score of the source": ("--min-scores", "aesthetic score=5.0"),
    "words of the caption": ("--min-caption-words", "10", "--max-caption-words", "300"),
}


def main() -> None:
    """Generate, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--folder", type=Path, help="keep the tables here and use them again; default: a temporary folder")
    parser.add_argument("--only", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "ready").exists():
            # In a program of its own: peak memory counts that of the program which started the command.
            program = get_context("spawn").Process(target=generate, args=(folder, options.rows), kwargs={"is_whole": False})
            program.start()
            program.join()
            assert program.exitcode == 0
        for name in options.only:
            print(f"{name:<24}{measure(folder, QUESTIONS[name])}", flush=True)


def measure(folder: Path, flags: tuple[str, ...]) -> str:
    """One command: kept now and then, CPU, wall, peak."""
    line = [sys.executable, "-m", "video_assets.cli.app", "what-if", "--data-root", str(folder), "--json", *flags]
    begun = time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    shown = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, line
    found = json.loads(shown)
    cpu_s, wall_s = used.ru_utime + used.ru_stime, time.perf_counter() - begun
    kept = f"{found['now']['kept']:>10,} -> {found['tried']['kept']:>10,} clips"
    return f"{kept}{cpu_s:>8.1f} CPU-s{wall_s:>8.1f} s{used.ru_maxrss / 1024:>8.0f} MiB"


if __name__ == "__main__":
    main()
