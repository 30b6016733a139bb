"""How much of the decode check's CPU is Python: samples the interpreter's innermost line every 2 ms of CPU.

    python benchmarks/python_share.py CLIP...

Lines that hand over to libav (decode a packet, read the next one, open, close), xxhash or the kernel count as native; all other
lines are Python. faulthandler samples in C, also while libav runs.
"""

import faulthandler
import linecache
import re
import signal
import sys
import tempfile
from collections import Counter

from video_assets.media.decode import decode_clip

NATIVE = ("self._context.decode(packet)", "container.demux(", "av.open(", "container.close()", "os.pread(", ".update(")
FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>\S+)')


def main() -> None:
    """Sample, print."""
    clips = sys.argv[1:]
    decode_clip(clips[0])
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.register(signal.SIGPROF, file=file, all_threads=False)
        signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
        for clip in clips:
            decode_clip(clip)
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.seek(0)
        samples = file.read().split("Stack (most recent call first)")[1:]
    lines: Counter[str] = Counter()
    for sample in samples:
        match = FRAME.search(sample)
        if match:
            lines[linecache.getline(match["file"], int(match["line"])).strip()] += 1
    python = {line: count for line, count in lines.items() if not any(mark in line for mark in NATIVE)}
    total = sum(lines.values())
    print(f"{len(clips)} clips, {total} samples: Python {100 * sum(python.values()) / total:.1f} %")
    for line, count in lines.most_common(12):
        print(f"{100 * count / total:5.1f} %  {'python' if line in python else 'native'}  {line[:100]}")


if __name__ == "__main__":
    main()
