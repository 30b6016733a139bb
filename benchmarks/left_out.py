"""What the decode check leaves out, against the full decode: is any verdict, count or word different, per codec and trick?

    python benchmarks/left_out.py CLIPS [--mutants 400 --seed 1]

Every clip of the folder is decoded twice by `decode_clip`: as the check does it, and with `is_full_decode`. Prints each
difference and one row per video codec.
"""

import argparse
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from agreement import make_mutants

from video_assets.core.schema import VERDICTS
from video_assets.media.decode import decode_clip

OF_THE_RUN = {"clip_key", "decode_seconds"}
SAME = [name for name in VERDICTS.names if name not in OF_THE_RUN]


def both(clip: str) -> tuple[str, str, float, float, list[str]]:
    """Codec, verdict, CPU seconds lean and full, and what differs."""
    lean, full = decode_clip(clip), decode_clip(clip, is_full_decode=True)
    different = [
        f"{clip}: {name}: {lean.as_record[name]!r} {full.as_record[name]!r}"
        for name in SAME
        if lean.as_record[name] != full.as_record[name]
    ]
    return lean.video_codec or "none", lean.verdict, lean.decode_seconds, full.decode_seconds, different


def print_table(rows: list[tuple[str, str, float, float, list[str]]]) -> None:
    """One row per codec, the most frequent first."""
    print("| video codec | clips | of them not good | other than the full decode | CPU, lean / full |\n|---|---|---|---|---|")
    for codec, count in Counter(row[0] for row in rows).most_common():
        own = [row for row in rows if row[0] == codec]
        n_bad, n_different = sum(row[1] != "good" for row in own), sum(bool(row[4]) for row in own)
        ratio = sum(row[2] for row in own) / max(sum(row[3] for row in own), 1e-9)
        print(f"| {codec} | {count} | {n_bad} | {n_different} | {ratio:.2f} |")


def main() -> None:
    """Decode everything twice, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mutants", type=int, default=0, help="this many damaged copies instead of the clips")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    clips = sorted(path for path in options.folder.rglob("*") if path.is_file())
    with TemporaryDirectory() as folder, ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if options.mutants:
            clips = make_mutants(
                [clip for clip in clips if clip.stat().st_size < 3e6], Path(folder), options.mutants, options.seed
            )
        rows = list(pool.map(both, map(str, clips), chunksize=4))
    for row in rows:
        print(*row[4], sep="\n", end="\n" if row[4] else "")
    print_table(rows)


if __name__ == "__main__":
    main()
