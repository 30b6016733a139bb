"""The rules about pictures and about the last packet of sound on made clips: misses, false alarms, cost.

    python benchmarks/pictures.py [--clips 300] [--codecs libx264,mpeg4] [--timed CLIP...]

For each rule so many clips are made (other codecs, sizes, scenes, lengths), decoded, and compared with what they were made to be:
`static` (one picture; its good twin moves, often only a cursor), `black` (its twin is dark, and moves), `last_audio_packet` (the
last packet of the sound is cut short, and FFmpeg says so; its twin is whole). Half of the clips are good. `--timed` decodes clips
with and without the look at pictures, alternating, and prints the ratio of the CPU seconds.
"""

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from video_assets.core.results import ClipVerdict
from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import AudioTrack, Planes, VideoTrack, write_clip
from video_assets.media.stillness import Stillness

Luma = npt.NDArray[np.uint8]
MUXERS = {"libx264": "mp4", "libx265": "matroska", "mpeg4": "avi", "libsvtav1": "mp4", "libvpx-vp9": "webm"}
SOUNDS = {"aac": ("mp4", "matroska", "mpegts"), "libmp3lame": ("matroska", "mpegts"), "ac3": ("matroska", "mpegts")}
NEVER = 1 << 62


def scene(dice: random.Random, width: int, height: int) -> Luma:
    """Blocks of grey, of a size between fine and coarse."""
    size = dice.choice((4, 8, 10, 16))
    blocks = np.random.default_rng(dice.randrange(1 << 30)).integers(40, 220, (height // size + 1, width // size + 1))
    return np.kron(blocks, np.ones((size, size)))[:height, :width].astype(np.uint8)


def moved(luma: Luma, number: int, kind: str, speed: int) -> Luma:
    """Frame `number` of a clip in which something moves: all of it, a cursor, or a dark square on black."""
    if kind == "pan":
        return np.roll(luma, number * speed, axis=1)
    picture = luma.copy() if kind == "cursor" else np.full_like(luma, 18)
    x = (number * speed * 2) % (luma.shape[1] - 24)
    picture[20:36, x : x + 12] = 235 if kind == "cursor" else 90
    return picture


def video(dice: random.Random, encoder: str, kind: str) -> VideoTrack:
    """A track of this kind: static, black, pan, cursor or dark."""
    width, height = dice.choice(((160, 96), (320, 180), (480, 272)))
    luma, speed, n_frames = scene(dice, width, height), dice.randint(1, 4), dice.randint(20, 70)
    shown = np.full_like(luma, 16) if kind == "black" else luma
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    lumas = (shown if kind in {"static", "black"} else moved(luma, number, kind, speed) for number in range(n_frames))
    frames: list[Planes] = [(each, chroma, chroma) for each in lumas]
    return VideoTrack(
        encoder, width, height, Fraction(dice.choice((24, 25, 30))), frames, options={"g": str(dice.choice((12, 25, 250)))}
    )


def cut_last(packets: list[Packet]) -> list[Packet]:
    """The packets, the last of which has lost its second half."""
    last = packets[-1]
    data = bytes(last)
    short = Packet(data[: len(data) // 2])
    short.pts, short.dts, short.duration, short.time_base = last.pts, last.dts, last.duration, last.time_base
    short.stream = last.stream
    return [*packets[:-1], short]


def picture_clips(
    kind: str, twins: tuple[str, ...], encoders: list[str], n_clips: int
) -> Iterator[tuple[bool, str, ClipVerdict]]:
    """Whether each clip is of the kind, what it is, and its verdict."""
    for number in range(n_clips):
        dice = random.Random(f"{kind}/{number}")
        encoder, shows = encoders[number % len(encoders)], kind if number % 2 else dice.choice(twins)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "clip")
            write_clip(path, muxer=MUXERS[encoder], video=video(dice, encoder, shows))
            yield shows == kind, f"{encoder} {shows}", decode_clip(str(path))


def sound_clips(n_clips: int) -> Iterator[tuple[bool, str, ClipVerdict]]:
    """Clips whose last packet of sound is cut, and whole ones."""
    kinds = list(itertools.chain.from_iterable(((codec, muxer) for muxer in muxers) for codec, muxers in SOUNDS.items()))
    for number in range(n_clips):
        dice = random.Random(f"sound/{number}")
        codec, muxer = kinds[(number // 2) % len(kinds)]
        rate = 48_000
        times = np.arange(rate * dice.randint(5, 20) // 10)
        tone = (9000 * np.sin(times * dice.uniform(0.02, 0.2)) + 500 * np.sin(times * 1.3)).astype(np.int16)
        is_cut = bool(number % 2)
        sound = AudioTrack(codec, rate, tone, edit=cut_last if is_cut else None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "clip")
            write_clip(path, muxer=muxer, video=video(dice, "libx264", "pan"), audio=sound)
            row = decode_clip(str(path))
            # Some decoders conceal the cut without a word: then there is nothing to name.
            yield is_cut and row.verdict != "good", f"{codec} {muxer}", row


def report(rule: str, clips: Iterator[tuple[bool, str, ClipVerdict]], is_found: Callable[[ClipVerdict], bool]) -> None:
    """Count, print."""
    missed: Counter[str] = Counter()
    false: Counter[str] = Counter()
    others: Counter[str] = Counter()
    n_of_kind = n_clips = 0
    for is_of_kind, what, row in clips:
        n_clips, n_of_kind = n_clips + 1, n_of_kind + is_of_kind
        if is_of_kind and not is_found(row):
            missed[what] += 1
            others[row.reason or "good"] += 1
        elif not is_of_kind and (is_found(row) or row.verdict != "good"):
            false[what] += 1
    print(f"{rule}: {n_clips} clips, {n_of_kind} of them so; {missed.total()} missed, {false.total()} false alarms")
    for name, counts in (("missed", missed), ("the missed are called", others), ("false alarm", false)):
        print("".join(f"    {name}: {what} {count}\n" for what, count in counts.most_common()), end="")


class Blind(Stillness):
    """Never asks for a picture after the first one."""

    def look(self, *_: object, **__: object) -> None:
        """Nothing is looked at."""
        self.due = NEVER


def time_look(clips: list[str], rounds: int) -> None:
    """CPU of the decode with the look at pictures against the one without, alternating."""
    for clip in clips:
        seconds: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(rounds):
            for name, kind in (("with", Stillness), ("without", Blind)):
                with patch("video_assets.media.sinks.Stillness", kind):
                    started = time.process_time()
                    row = decode_clip(clip)
                    seconds[name].append(time.process_time() - started)
        ratios = [one / other for one, other in zip(seconds["with"], seconds["without"], strict=True)]
        least = min(seconds["with"]) / min(seconds["without"])
        median = statistics.median(ratios)
        print(f"{Path(clip).name}: {row.num_frames} frames, ratio of least CPU {least:.3f}, median of pairs {median:.3f}")


def main() -> None:
    """Make, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300, help="for each rule")
    parser.add_argument("--codecs", default=",".join(MUXERS))
    parser.add_argument("--timed", nargs="*", default=[], metavar="CLIP")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    encoders = options.codecs.split(",")
    if options.clips:
        report("static", picture_clips("static", ("pan", "cursor"), encoders, options.clips), lambda row: bool(row.is_static))
        report("black", picture_clips("black", ("dark", "cursor"), encoders, options.clips), lambda row: bool(row.is_black))
        report("last_audio_packet", sound_clips(options.clips), lambda row: row.reason == "last_audio_packet")
    time_look(options.timed, options.rounds)


if __name__ == "__main__":
    main()
