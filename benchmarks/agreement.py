"""Agreement of the decode check with real ffmpeg binaries, on the clips of a folder or on fuzzed copies of them.

    python benchmarks/agreement.py CLIPS --ffmpeg /usr/bin/ffmpeg --ffmpeg 9.0=/opt/ffmpeg-9.0/ffmpeg --mutants 500

ffmpeg's verdict is that of `ffmpeg -v error -i CLIP -f null -`: good when it writes nothing to stderr. Prints a Markdown table
per release and per reason, and every disagreement with its first lines. Judges with two worker processes.
"""

import argparse
import csv
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from video_assets.media.decode import decode_clip
from video_assets.media.versions import ffmpeg_versions

TIMEOUT_S = 120
STRICTER = {
    "no_video", "no_frames", "fewer_frames", "changing_size", "playlist_or_reference", "empty_file", "not_media", "not_a_file",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One clip: our verdict and each release's."""

    name: str
    verdict: str
    reason: str
    errors: str
    releases: dict[str, str]
    first_lines: str

    @property
    def is_unanimous(self) -> bool:
        """All releases say the same."""
        return len(set(self.releases.values())) == 1

    @property
    def kind(self) -> str:
        """`agree`, `stricter` (a named reason of ours), `FALSE GOOD`, `FALSE BAD`, or `split` where the releases disagree."""
        if not self.is_unanimous:
            return "split"
        theirs = next(iter(self.releases.values()))
        if theirs == ("good" if self.verdict == "good" else "bad"):
            return "agree"
        if self.verdict == "good":
            return "FALSE GOOD"
        return "stricter" if self.reason in STRICTER else "FALSE BAD"


def ask_ffmpeg(binary: str, clip: str) -> tuple[str, str]:
    """The verdict of one binary and its first lines."""
    command = [binary, "-nostdin", "-v", "error", "-i", f"file:{clip}", "-f", "null", "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return "timeout", ""
    text = re.sub(r" @ 0x[0-9a-f]+", "", done.stderr.decode(errors="replace")).strip()
    return ("bad" if text else "good"), " | ".join(text.splitlines()[:3])


def judge(job: tuple[str, dict[str, str]]) -> Row:
    """Ours and theirs on one clip."""
    clip, binaries = job
    ours = decode_clip(clip)
    theirs = {release: ask_ffmpeg(binary, clip) for release, binary in binaries.items()}
    return Row(
        name=Path(clip).name,
        verdict=ours.verdict,
        reason=ours.reason,
        errors=ours.errors.replace("\n", " | "),
        releases={release: verdict for release, (verdict, _) in theirs.items()},
        first_lines=next((lines for _, lines in reversed(theirs.values()) if lines), ""),
    )


def _flip(out: bytearray, n_bits: int, end: int, rng: random.Random) -> None:
    for _ in range(n_bits):
        out[rng.randrange(end)] ^= 1 << rng.randrange(8)


def mutate(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One damaged copy: flipped bits or bytes, a missing end, a missing, zeroed, doubled or inserted block."""
    out = bytearray(data)
    start = rng.randrange(len(out))
    end = min(start + rng.choice([1, 4, 16, 200, 4096, 65_536]), len(out))
    damages = {
        "flip1": lambda: _flip(out, 1, len(out), rng),
        "flip8": lambda: _flip(out, 8, len(out), rng),
        "head": lambda: _flip(out, 1, min(len(out), 4096), rng),
        "bytes": lambda: out.__setitem__(slice(start, end), rng.randbytes(end - start)),
        "zero": lambda: out.__setitem__(slice(start, end), bytes(end - start)),
        "truncate": lambda: out.__delitem__(slice(max(start, 1), None)),
        "delete": lambda: out.__delitem__(slice(start, end)),
        "insert": lambda: out.__setitem__(slice(start, start), rng.randbytes(end - start)),
        "double": lambda: out.__setitem__(slice(start, start), out[start:end]),
    }
    kind = rng.choice(list(damages))
    damages[kind]()
    return kind, bytes(out)


def make_mutants(clips: list[Path], folder: Path, n_mutants: int, seed: int) -> list[Path]:
    """Damaged copies of clips, the same ones for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    made = []
    for number in range(n_mutants):
        source = rng.choice(clips)
        kind, data = mutate(source.read_bytes(), rng)
        target = folder / f"{number:05d}_{kind}_{source.name[-60:]}"
        target.write_bytes(data)
        made.append(target)
    return made


def print_tables(rows: list[Row]) -> None:
    """Agreement per release, per reason, and each disagreement."""
    releases = list(rows[0].releases)
    print(f"\n{len(rows)} clips; ours: {ffmpeg_versions()}\n")
    print("| release | same verdict | ours bad, theirs good | ours good, theirs bad |\n|---|---|---|---|")
    for release in releases:
        pairs = Counter((row.verdict == "good", row.releases[release] == "good") for row in rows)
        same = pairs[True, True] + pairs[False, False]
        print(f"| ffmpeg {release} | {same} of {len(rows)} | {pairs[False, True]} | {pairs[True, False]} |")
    kinds = Counter(row.kind for row in rows)
    print("\n| where the releases agree among themselves | clips |\n|---|---|")
    for kind in ("agree", "stricter", "FALSE GOOD", "FALSE BAD", "split"):
        print(f"| {kind} | {kinds[kind]} |")
    print("\n| our reason | clips | all releases bad | all releases good | split |\n|---|---|---|---|---|")
    for reason in sorted({row.reason or row.verdict for row in rows}):
        mine = [row for row in rows if (row.reason or row.verdict) == reason]
        bad = sum(set(row.releases.values()) == {"bad"} for row in mine)
        good = sum(set(row.releases.values()) == {"good"} for row in mine)
        print(f"| {reason} | {len(mine)} | {bad} | {good} | {len(mine) - bad - good} |")
    for kind in ("FALSE GOOD", "FALSE BAD", "stricter", "split"):
        print(f"\n### {kind}")
        for row in rows:
            if row.kind == kind:
                ours = f"ours {row.verdict} {row.reason} [{row.errors[:160]}]"
                print(f"- {row.name}: {ours}; {row.releases} [{row.first_lines[:200]}]")


def main() -> None:
    """Judge, print, exit 1 when a clip is falsely good or falsely bad."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--ffmpeg", action="append", default=[], metavar="NAME=PATH", help="a binary to compare with; repeat")
    parser.add_argument(
        "--table", type=Path, help="CSV with stored verdicts: columns `file` and ffmpeg_<release>; asks no binary"
    )
    parser.add_argument("--mutants", type=int, default=0, help="judge this many damaged copies instead of the clips")
    parser.add_argument("--max-source-bytes", type=int, default=400_000, help="only smaller clips are damaged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/agreement"))  # noqa: S108 - a default of a benchmark
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    clips = sorted(path for path in options.clips.iterdir() if path.is_file())
    if options.mutants:
        small = [clip for clip in clips if 0 < clip.stat().st_size <= options.max_source_bytes]
        clips = make_mutants(small, options.scratch / f"mutants-{options.seed}", options.mutants, options.seed)
    binaries = dict(item.split("=", 1) if "=" in item else (item, item) for item in options.ffmpeg)
    with ProcessPoolExecutor(options.workers, initializer=os.nice, initargs=(5,)) as pool:
        rows = list(pool.map(judge, [(str(clip), binaries) for clip in clips], chunksize=4))
    if options.table:
        rows = [with_stored(row, stored_verdicts(options.table)) for row in rows]
    print_tables(rows)
    (options.scratch / "rows.json").parent.mkdir(parents=True, exist_ok=True)
    (options.scratch / "rows.json").write_text(json.dumps([row.__dict__ | {"kind": row.kind} for row in rows], indent=1))
    sys.exit(any(row.kind.startswith("FALSE") for row in rows))


def stored_verdicts(table: Path) -> dict[str, dict[str, str]]:
    """Rows of a verdict table by file name."""
    with table.open(newline="") as file:
        return {line["file"]: line for line in csv.DictReader(file)}


def with_stored(row: Row, table: dict[str, dict[str, str]]) -> Row:
    """The row with the stored verdicts in place of asked ones."""
    line = table[row.name]
    releases = {name.removeprefix("ffmpeg_"): value for name, value in line.items() if name.startswith("ffmpeg_")}
    words = next((value for name, value in line.items() if name.startswith("first_lines")), "")
    return Row(row.name, row.verdict, row.reason, row.errors, releases, words)


if __name__ == "__main__":
    main()
