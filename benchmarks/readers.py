"""What decord, OpenCV and PyAV make of clips of unusual kinds: frames, sides and rate, where they differ from our decode.

    python benchmarks/readers.py --clips FOLDER --python PYTHON

PYTHON is an interpreter that has decord, opencv-python-headless and av; readers that it lacks are left out. The clips are any;
our own numbers come from this interpreter. `video_assets/report/readers.py` holds what was found with which versions.
"""

import argparse
import json
import subprocess
from pathlib import Path

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
    return len(frames), frames[0], reader.get(cv2.CAP_PROP_FPS)
def pyav(path):
    import av
    with av.open(path) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").shape[:2] for frame in container.decode(stream)]
        return len(frames), frames[0], float(stream.average_rate)
read = {"decord": decord, "opencv-python-headless": opencv, "av": pyav}[package]
print(importlib.metadata.version(package))
for path in paths:
    try:
        n_frames, sides, fps = read(path)
        print(json.dumps([n_frames, *sides, round(fps, 3)]))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"[:80].splitlines()[0]))
"""


def main() -> None:
    """Read with each, print a line per clip and difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--python", required=True)
    options = parser.parse_args()
    paths = sorted(str(path) for path in options.clips.iterdir() if path.is_file())
    ours = [(row.num_frames, row.height, row.width, round(row.fps or 0.0, 3)) for row in map(decode_clip, paths)]
    for package in ("decord", "opencv-python-headless", "av"):
        done = subprocess.run([options.python, "-c", READ, package, *paths], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{package}: not measured ({done.stderr.splitlines()[-1]})")
            continue
        version, *answers = done.stdout.splitlines()
        print(f"{package} {version}: {len(paths)} clips")
        for path, mine, answer in zip(paths, ours, map(json.loads, answers), strict=True):
            if answer != list(mine):
                print(f"    {Path(path).name}: {answer}, ours {list(mine)}")


if __name__ == "__main__":
    main()
