"""What decord, OpenCV, torchcodec and PyAV make of unusual clips: frames, sides and rate, where they differ from our decode.

    python benchmarks/readers.py --clips FOLDER --python PYTHON [--each]

PYTHON is an interpreter that has decord, opencv-python-headless, torchcodec and av; readers that it lacks are left out. The clips
are any; those that are not good are left out, and our own numbers come from this interpreter. A clip of several kinds counts in
each of them, one of none is `ordinary`. `video_assets/report/readers.py` holds what was found with which versions.
"""

import argparse
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from video_assets.core.results import ClipVerdict
from video_assets.media.decode import decode_clip

READ = """
import importlib.metadata, json, sys
package, paths = sys.argv[1], sys.argv[2:]
def decord(path):
    import decord
    reader = decord.VideoReader(path)
    frames = [reader[i].shape for i in (0, len(reader) - 1)]
    return len(reader), frames[0][:2], reader.get_avg_fps()
def opencv(path):
    import cv2
    reader, frames = cv2.VideoCapture(path), []
    while (one := reader.read())[0]:
        frames.append(one[1].shape[:2])
    return len(frames), frames[0] if frames else (0, 0), reader.get(cv2.CAP_PROP_FPS)
def torchcodec(path):
    from torchcodec.decoders import VideoDecoder
    reader = VideoDecoder(path)
    frames = [reader[i].shape for i in (0, len(reader) - 1)]
    return len(reader), frames[0][1:], reader.metadata.average_fps
def pyav(path):
    import av
    with av.open(path) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").shape[:2] for frame in container.decode(stream)]
        return len(frames), frames[0], float(stream.average_rate or stream.guessed_rate or 0)
read = {"decord": decord, "opencv-python-headless": opencv, "torchcodec": torchcodec, "av": pyav}[package]
print(importlib.metadata.version(package), flush=True)
for path in paths:
    try:
        n_frames, sides, fps = read(path)
        print(json.dumps([n_frames, *sides, round(fps, 3)]), flush=True)
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"[:80].splitlines()[0]), flush=True)
"""
PACKAGES = ("decord", "opencv-python-headless", "torchcodec", "av")
TIMEOUT_S = 300
USUAL_SUFFIXES = {".mp4", ".mkv", ".webm", ".avi", ".mov"}
KINDS: dict[str, Callable[[Path, ClipVerdict], bool]] = {
    "AV1": lambda _, row: "av1" in (row.video_codec or ""),
    "rotated by a quarter": lambda _, row: abs(row.rotation_deg or 0) in {90, 270},
    "an edit list hides frames": lambda _, row: (row.header_frames or 0) > (row.packet_frames or 0),
    "another frame rate": lambda _, row: row.header_fps != row.fps,
    "interlaced": lambda _, row: bool(row.is_interlaced),
    "pixels not square": lambda _, row: row.pixel_aspect not in {None, 1},
    "10 bits or more": lambda _, row: (row.pix_fmt or "").endswith(("le", "be")),
    "4:4:4 or 4:2:2": lambda _, row: any(name in (row.pix_fmt or "") for name in ("444", "422")),
    "transparent": lambda _, row: bool(row.has_alpha),
    "variable rate": lambda _, row: bool(row.is_variable_rate),
    "starts late": lambda _, row: (row.starts_at_s or 0) > 0,
    "odd suffix": lambda path, _: path.suffix.lower() not in USUAL_SUFFIXES,
}
Numbers = list[float]


class Asked(NamedTuple):
    """What one reader said, in the order of the clips: numbers, or the words of its failure."""

    version: str
    answers: list[Numbers | str]


def ask(python: str, package: str, paths: list[str]) -> Asked:
    """All answers of one reader; it is started anew after a clip that ends its process.

    Raises:
        RuntimeError: the interpreter lacks the package.
    """
    version, answers = "", list[Numbers | str]()
    while len(answers) < len(paths):
        command = [python, "-c", READ, package, *paths[len(answers) :]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
            said, words = done.stdout, death(done.returncode)
        except subprocess.TimeoutExpired as error:
            said, words = (error.stdout or b"").decode(), f"hangs ({TIMEOUT_S} s)"
        lines = said.splitlines()
        if not lines:
            raise RuntimeError(words)
        version = lines[0]
        answers += [json.loads(line) for line in lines[1:]]
        if words and len(answers) < len(paths):
            answers.append(words)
    return Asked(version, answers)


def death(code: int) -> str:
    """How a process ended, in words; empty when it ended well."""
    return f"dies by {signal.Signals(-code).name}" if code < 0 else f"ends with {code}" if code else ""


def effects(answer: Numbers | str, mine: Numbers) -> Iterator[str]:
    """In which ways a reader's answer differs from the table."""
    if isinstance(answer, str) or not answer[0]:
        yield "fails"
        return
    if answer[0] != mine[0]:
        yield "frames"
    if answer[1:3] != mine[1:3]:
        yield "sides change places" if answer[1:3] == mine[2:0:-1] else "sides"
    if abs(answer[3] - mine[3]) > 0.01 * mine[3]:
        yield "rate"


def kinds_of(path: Path, row: ClipVerdict) -> list[str]:
    """The kinds of one clip."""
    return [kind for kind, is_of_kind in KINDS.items() if is_of_kind(path, row)] or ["ordinary"]


def main() -> None:
    """Read with each, print a table per reader, and with --each a line per clip and difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--each", action="store_true", help="print each clip that differs")
    options = parser.parse_args()
    every = ((path, decode_clip(str(path))) for path in sorted(options.clips.iterdir()) if path.is_file())
    rows = [(path, row) for path, row in every if row.verdict == "good"]
    sizes = Counter(kind for path, row in rows for kind in kinds_of(path, row))
    for package in PACKAGES:
        try:
            asked = ask(options.python, package, [str(path) for path, _ in rows])
        except RuntimeError as error:
            print(f"{package}: not measured ({error})")
            continue
        print(f"\n{package} {asked.version}: {len(rows)} good clips")
        found: dict[str, Counter[str]] = {kind: Counter() for kind in sizes}
        for (path, row), answer in zip(rows, asked.answers, strict=True):
            mine = [row.num_frames or 0, row.height or 0, row.width or 0, round(row.fps or 0.0, 3)]
            differs = list(effects(answer, mine))
            for kind in kinds_of(path, row):
                found[kind].update(differs)
            if differs and options.each:
                print(f"    {path.name}: {answer}, ours {mine}")
        print("\n| kind | clips | otherwise than in the table |\n|---|---|---|")
        for kind, count in sizes.most_common():
            print(f"| {kind} | {count} | {', '.join(f'{what} {n}' for what, n in found[kind].most_common()) or '-'} |")


if __name__ == "__main__":
    main()
