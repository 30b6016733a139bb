"""Measure what releases of ffmpeg say about the broken-clip kit, and write the table that its expectations come from.

    python benchmarks/kit_expected.py --ffmpeg /usr/bin/ffmpeg --ffmpeg ./ffmpeg-7 --ffmpeg ./ffmpeg-9

Needs a release each of ffmpeg 5.1, 7.0 and 9.0 (the order becomes the order of the letters). Run it when a PyAV release makes
other bytes (`video-assets sample --broken` then writes `unknown`) or when the kit grows.
"""

import argparse
import csv
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from video_assets.samples.broken import kit as broken_kit

TABLE = Path(broken_kit.__file__).with_name("expected.csv")
TIMEOUT_S = 60


def judge(ffmpeg: str, path: Path) -> tuple[str, int]:
    """G or B as the original did it (any word on stderr, or a failure, is bad), and the frames of video that came out."""
    command = [ffmpeg, "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    frames = [int(line[6:]) for line in done.stdout.decode().splitlines() if line.startswith("frame=")]
    return "GB"[bool(done.stderr or done.returncode)], max(frames, default=0)


def measure(ffmpegs: list[str], clip: broken_kit.KitClip, folder: Path) -> tuple[str, str, str, int]:
    """One row of the table."""
    answers = [judge(ffmpeg, folder / clip.file) for ffmpeg in ffmpegs]
    letters = "".join(letter for letter, _ in answers)
    return clip.file, broken_kit.content_hash(clip.made.data), letters, max(frames for _, frames in answers)


def known_row(known: dict[str, broken_kit.Measured], clip: broken_kit.KitClip) -> tuple[str, str, str, int] | None:
    """The row that is there, if it is about these bytes."""
    row = known.get(clip.file)
    is_same = row is not None and row.content == broken_kit.content_hash(clip.made.data)
    return (clip.file, row.content, row.releases, row.frames) if row is not None and is_same else None


def main() -> None:
    """Make the kit, ask every release about every clip, write the table, tell where a certain truth is doubted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ffmpeg", action="append", required=True, help="path of an ffmpeg; give it once per release")
    parser.add_argument(
        "--only-changed", action="store_true", help="keep the rows of clips whose bytes are as they were measured"
    )
    parser.add_argument("--jobs", type=int, default=2, help="clips at the same time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(arguments.jobs) as pool:
        folder = Path(name)
        broken_kit.make_broken_kit(folder)
        clips = list(broken_kit.kit_clips())
        known = broken_kit.measured_clips() if arguments.only_changed else {}
        rows = list(pool.map(lambda clip: known_row(known, clip) or measure(arguments.ffmpeg, clip, folder), clips))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("file", "content", "releases", "frames"), *rows])
    for clip, (_, _, letters, frames) in zip(clips, rows, strict=True):
        claim = {"good": "G", "bad": "B"}.get(clip.made.truth)
        if claim and set(letters) != {claim}:
            print(f"certain {clip.made.truth} ({clip.made.reason}), but ffmpeg says {letters}, {frames} frames: {clip.file}")
    print(f"{len(rows)} clips measured -> {TABLE}")


if __name__ == "__main__":
    main()
