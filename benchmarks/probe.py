"""What probing one clip costs: ours, one ffprobe per clip, the original's full decode, other libraries where installed.

    python benchmarks/probe.py CLIPS [--clips 50] [--rounds 5]

Prints CPU per clip (user and system, children included) and how often the frame count is that of a full decode.
The original's `datautil --info` decoded every frame to RGB; its cost is redone here with PyAV.
"""

import argparse
import importlib.util
import resource
import statistics
import subprocess
from pathlib import Path

import av

from video_assets.media.decode import decode_clip
from video_assets.media.probe import probe_clip

FFPROBE = "/usr/bin/ffprobe"


def ours(clip: str) -> int | None:
    """The probe."""
    return probe_clip(clip).num_frames


def ffprobe_header(clip: str) -> int | None:
    """One ffprobe that trusts the header."""
    return ffprobe(clip, "stream=nb_frames")


def ffprobe_packets(clip: str) -> int | None:
    """One ffprobe that counts packets."""
    return ffprobe(clip, "stream=nb_read_packets", "-count_packets")


def ffprobe(clip: str, entries: str, *options: str) -> int | None:
    """The first number that ffprobe prints for the video stream."""
    command = [FFPROBE, "-v", "error", "-select_streams", "v:0", *options, "-show_entries", entries, "-of", "csv=p=0", clip]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.replace(",", " ").split()
    return int(words[0]) if words and words[0].isdigit() else None


def original_info(clip: str) -> int | None:
    """Every frame to RGB, as the original did."""
    with av.open(clip) as container:
        return sum(frame.to_ndarray(format="rgb24") is not None for frame in container.decode(video=0))


def opencv(clip: str) -> int | None:
    """OpenCV's count, from the header."""
    import cv2

    capture = cv2.VideoCapture(clip)
    return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def decord(clip: str) -> int | None:
    """The count of decord."""
    import decord as library

    return len(library.VideoReader(clip))


def torchcodec(clip: str) -> int | None:
    """The count of torchcodec, from the header alone."""
    from torchcodec.decoders import VideoDecoder

    return len(VideoDecoder(clip, seek_mode="approximate"))


def torchcodec_exact(clip: str) -> int | None:
    """The count of torchcodec as it comes: it reads all packets."""
    from torchcodec.decoders import VideoDecoder

    return len(VideoDecoder(clip))


OTHERS = ((opencv, "cv2"), (decord, "decord"), (torchcodec, "torchcodec"), (torchcodec_exact, "torchcodec"))


def cpu_s() -> float:
    """CPU seconds of this process and of all children that ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    clips = [str(path) for path in sorted(options.folder.iterdir()) if path.suffix != ".err"][: options.clips]
    truth = {clip: row.num_frames for clip in clips if (row := decode_clip(clip)).verdict == "good"}
    methods = {
        "ours": ours,
        "ffprobe, header": ffprobe_header,
        "ffprobe -count_packets": ffprobe_packets,
        "original --info (decode to RGB)": original_info,
    }
    methods |= {f.__name__: f for f, module in OTHERS if importlib.util.find_spec(module)}
    costs: dict[str, list[float]] = {name: [] for name in methods}
    right = dict.fromkeys(methods, 0)
    for count in methods.values():
        count(next(iter(truth)))  # imports are not part of the price
    for _ in range(options.rounds):
        for name, count in methods.items():
            before = cpu_s()
            counts = {clip: count(clip) for clip in truth}
            costs[name].append((cpu_s() - before) / len(truth) * 1000)
            right[name] = sum(counts[clip] == truth[clip] for clip in truth)
    print(f"{len(truth)} clips, {options.rounds} rounds\n\n| method | CPU ms per clip | spread | this / ours | exact counts |")
    print("|---|---|---|---|---|")
    for name, values in costs.items():
        ratio = statistics.median(theirs / mine for mine, theirs in zip(costs["ours"], values, strict=True))
        spread = f"{min(values):.1f}-{max(values):.1f}"
        print(f"| {name} | {statistics.median(values):.1f} | {spread} | {ratio:.0f} | {right[name]} of {len(truth)} |")


if __name__ == "__main__":
    main()
