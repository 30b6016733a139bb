"""Cutting clips out of longer videos: ours, the official script's command, MoviePy's re-encode.

    python benchmarks/miradata_cut.py [--videos 10] [--clips 6] [--seconds 40] [--moviepy PYTHON]

Makes videos whose frame n shows n, cuts the same clips in every way, decodes each result and compares the frames with those
of the span. Prints CPU seconds (user and system, children included) per way, without and with the proof by decoding, and
how many clips show exactly the frames that were wanted. `--moviepy` names a Python that has MoviePy; it is no dependency.
Needs an ffmpeg program.
"""

import argparse
import random
import resource
import subprocess
import tempfile
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from video_assets.media.clip_file import ClipFile
from video_assets.media.container import open_container
from video_assets.media.cutting.cutter import cut_clip
from video_assets.media.cutting.exact import cut_exact
from video_assets.media.cutting.place import Place
from video_assets.media.cutting.span import audio_of, copy_clip, read_span, video_of
from video_assets.media.making.encode import AudioTrack, VideoTrack, write_clip

RATE, SIZE, BITS = 25, (640, 360), 12
MOVIEPY = """
import json, sys
from moviepy import VideoFileClip
for source, target, start, end in json.loads(sys.argv[1]):
    with VideoFileClip(source) as video:
        video.subclipped(start, end).write_videofile(target, logger=None)
"""


def pictures(n_frames, seed):
    """A textured picture that moves, with the frame's number as twelve blocks."""
    width, height = SIZE
    texture = np.random.default_rng(seed).integers(0, 90, (height, width), dtype=np.uint8)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    for number in range(n_frames):
        luma = np.roll(texture, number * 2, axis=1) + np.uint8(60)
        for bit in range(BITS):
            luma[:48, bit * 48 : bit * 48 + 48] = 220 if number >> bit & 1 else 30
        yield luma, chroma, chroma


def numbers_in(path):
    """The numbers of all frames that a player shows."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray")[8:40] for frame in container.decode(video=0)]
    return [sum(int(frame[:, b * 48 + 8 : b * 48 + 40].mean() > 125) << b for b in range(BITS)) for frame in frames]


def cpu_s():
    """CPU seconds of this process and of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def by_pyav(write, jobs):
    """Ours, without the proof."""
    for source, target, start_s, end_s in jobs:
        with ClipFile(source) as a, open_container(a) as video, ClipFile(source) as b, open_container(b) as audio:
            write(Path(target), read_span(video_of(video), start_s, end_s), audio_of(audio))


def with_proof(mode, jobs):
    """Ours, as the pipeline does it."""
    for source, target, start_s, end_s in jobs:
        opener = partial(ClipFile, source)
        result = cut_clip(opener, opener, target=Path(target), place=Place(start_s, end_s), mode=mode)
        assert not result.reason, result


def by_official_command(jobs):
    """What the authors' script runs."""
    for source, target, start_s, end_s in jobs:
        times = ["-ss", f"{start_s:.6f}", "-t", f"{end_s - start_s:.6f}"]
        subprocess.run(["ffmpeg", "-v", "error", *times, "-i", source, "-c", "copy", "-y", target], check=True)


def by_moviepy(python, jobs):
    """What the authors' first script did."""
    import json

    subprocess.run([python, "-c", MOVIEPY, json.dumps(jobs)], check=True)


def main():
    """Make videos, cut, compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=10)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--moviepy")
    options = parser.parse_args()
    ways = {
        "copy": partial(by_pyav, copy_clip),
        "copy, proved": partial(with_proof, "copy"),
        "ffmpeg -c copy": by_official_command,
        "exact": partial(by_pyav, cut_exact),
        "exact, proved": partial(with_proof, "exact"),
    }
    if options.moviepy:
        ways["moviepy"] = partial(by_moviepy, options.moviepy)
    with tempfile.TemporaryDirectory() as folder:
        jobs = make_videos(Path(folder), options)
        for name, way in ways.items():
            measure(name, way, jobs, Path(folder))


def make_videos(folder, options):
    """Sources with key frames every 2 to 10 seconds and B-frames; clips at random places: (source, name, start, end)."""
    chance, jobs = random.Random(7), []
    for number in range(options.videos):
        source = folder / f"source{number}.mp4"
        frames = pictures(options.seconds * RATE, number)
        picture = {"g": str(chance.choice([50, 100, 250])), "bf": "3", "preset": "veryfast"}
        sound = (9000 * np.sin(np.arange(options.seconds * 48_000) * 0.05)).astype(np.int16)
        track = VideoTrack("libx264", *SIZE, Fraction(RATE), frames, options=picture)
        write_clip(source, muxer="mp4", video=track, audio=AudioTrack("aac", 48_000, sound))
        for clip in range(options.clips):
            start_s = round(chance.uniform(0, options.seconds - 13), 3)
            jobs.append((str(source), f"{number}-{clip}.mp4", start_s, round(start_s + chance.uniform(6, 12), 3)))
    return jobs


def measure(name, way, jobs, folder):
    """Run one way and print what it cost and what its clips show."""
    target = folder / name.replace(" ", "_")
    target.mkdir()
    placed = [(source, str(target / clip), start_s, end_s) for source, clip, start_s, end_s in jobs]
    before = cpu_s()
    way(placed)
    used = cpu_s() - before
    exact, extra, missing = 0, 0, 0
    for _, clip, start_s, end_s in placed:
        wanted = {n for n in range(int(end_s * RATE) + 2) if start_s - 0.002 <= n / RATE < end_s - 0.002}
        shown = numbers_in(clip)
        exact += sorted(shown) == sorted(wanted)
        extra += sum(number not in wanted for number in shown) + len(shown) - len(set(shown))
        missing += len(wanted - set(shown))
    print(
        f"{name:16s} {used:8.2f} CPU s, {1000 * used / len(jobs):8.1f} ms per clip; {exact}/{len(jobs)} clips exact, "
        f"{extra} frames too many, {missing} missing"
    )


if __name__ == "__main__":
    main()
