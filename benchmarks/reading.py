"""How a clip is read: opens, calls, bytes and seeks of the decode check, the probe, ffmpeg and ffprobe, counted with strace.

    python benchmarks/reading.py CLIP.mp4

The clip (an MP4) is copied twice with ffmpeg: with its index in front, and at its end. Prints a Markdown table.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

FFMPEG, FFPROBE = "/usr/bin/ffmpeg", "/usr/bin/ffprobe"
CALL = re.compile(r"(?:^|\] )(?P<name>openat|read|pread64|lseek)\(.*?\) += (?P<result>-?\d+)", re.MULTILINE)
OURS = "import sys; from video_assets.media.{module} import {function}; {function}(sys.argv[1])"


def commands(clip: str) -> dict[str, list[str]]:
    """What reads the clip, by name."""
    check = OURS.format(module="decode", function="decode_clip")
    probe = OURS.format(module="probe", function="probe_clip")
    return {
        "the decode check": [sys.executable, "-c", check, clip],
        "ffmpeg": [FFMPEG, "-nostdin", "-v", "error", "-i", clip, "-f", "null", "-"],
        "the probe": [sys.executable, "-c", probe, clip],
        "ffprobe, header": [FFPROBE, "-v", "error", "-show_entries", "stream=nb_frames", "-of", "csv=p=0", clip],
    }


def count(command: list[str], clip: str, folder: str) -> tuple[int, int, int, int]:
    """Opens of the clip, reads, bytes and seeks, over all threads."""
    trace = Path(folder, "trace")
    watch = ["strace", "-f", "-o", str(trace), "-e", "trace=openat,read,pread64,lseek", "-P", clip]
    subprocess.run([*watch, *command], check=True, capture_output=True)
    calls: Counter[str] = Counter()
    n_bytes = 0
    for match in CALL.finditer(re.sub(r"^\d+ +", "", trace.read_text(errors="replace"), flags=re.MULTILINE)):
        calls[match["name"]] += 1
        n_bytes += int(match["result"]) if match["name"] in {"read", "pread64"} else 0
    return calls["openat"], calls["read"] + calls["pread64"], n_bytes, calls["lseek"]


def main() -> None:
    """Copy, count, print."""
    source = sys.argv[1]
    print("| index | | opens | reads | bytes | seeks |\n|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for where, flags in (("in front", ["-movflags", "+faststart"]), ("at the end", [])):
            clip = str(Path(folder, "clip.mp4"))
            subprocess.run([FFMPEG, "-nostdin", "-v", "error", "-y", "-i", source, "-c", "copy", *flags, clip], check=True)
            for name, command in commands(clip).items():
                opens, reads, n_bytes, seeks = count(command, clip, folder)
                print(f"| {where} | {name} | {opens} | {reads} | {n_bytes:,} of {Path(clip).stat().st_size:,} | {seeks} |")


if __name__ == "__main__":
    main()
