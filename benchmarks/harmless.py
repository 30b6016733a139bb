"""How often is the picture whole when FFmpeg says only what is often harmless? Damaged clips against whole copies.

    python benchmarks/harmless.py [--clips FOLDER] [--made 28] [--tries 12]

H.264 and HEVC clips (those of FOLDER that are whole, and made ones) are muxed anew, once whole and many times damaged: packets
lost, a cut at a later key frame, a bit turned over near a packet's start, the last packet of sound cut. Where the verdict is one
of the reasons in `core.verdicts.OFTEN_HARMLESS`, every decoded frame is compared with the frame of the same time in the whole
copy, loop filter and all. `whole`: all are equal, to the last bit. `hardly`: no 8x8 block of luma is off by more than 10 of 255
levels on average. `wrong`: some are. Frames that are missing are counted apart: a cut loses what it cuts off, not more.
"""

import argparse
import random
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.packet import Packet

from video_assets.core.verdicts import OFTEN_HARMLESS
from video_assets.media.decode import decode_clip
from video_assets.media.libav_log import quiet
from video_assets.media.making.encode import AudioTrack, Planes, VideoTrack, write_clip
from video_assets.media.making.packets import cut_last

Edit = Callable[[list[Packet], random.Random], list[Packet]]
CODECS = {"h264", "hevc"}
MAX_FRAMES, MIN_FRAMES = 250, 20
VISIBLE, BLOCK = 10, 8
COUNTED = "clips | whole | hardly | wrong | wrong frames, median | missing frames, most | sound lost, median"
X265 = "pools=none:frame-threads=1:info=0:log-level=none"
STYLES = (
    ("libx264", {"g": "24", "bf": "3", "refs": "4", "x264-params": "b-pyramid=normal"}),
    ("libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3:ref=3"}),
    ("libx264", {"g": "250", "bf": "8", "refs": "8", "direct-pred": "temporal"}),
    ("libx264", {"x264-params": "open-gop=1:keyint=10:bframes=3:ref=4:direct=temporal:b-pyramid=normal"}),
    ("libx264", {"g": "24", "bf": "0", "refs": "3"}),
    ("libx265", {"x265-params": f"{X265}:keyint=12:open-gop=1:bframes=4:ref=3"}),
)


@dataclass(frozen=True)
class Compared:
    """One damaged clip: what was done, what FFmpeg said, and how many of its frames are what."""

    damage: str
    codec: str
    reason: str
    words: str
    n_frames: int
    n_missing: int
    n_differ: int
    n_wrong: int
    sound_s: float

    @property
    def kind(self) -> str:
        """`whole`, `hardly` or `wrong`."""
        return "wrong" if self.n_wrong else "hardly" if self.n_differ else "whole"


def lose(packets: list[Packet], dice: random.Random) -> list[Packet]:
    """One to three neighbours are lost; the first packet stays."""
    at = dice.randrange(1, len(packets) - 1)
    return packets[:at] + packets[at + dice.choice((1, 1, 1, 2, 3)) :]


def cut(packets: list[Packet], dice: random.Random) -> list[Packet]:
    """Begins at a later key frame."""
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe][1:]
    return packets[dice.choice(keys) :] if keys else packets


def flip(packets: list[Packet], dice: random.Random) -> list[Packet]:
    """One bit near the start of a packet, where the slice's header lies."""
    at = dice.randrange(len(packets))
    data = bytearray(bytes(packets[at]))
    if len(data) < 12:
        return packets
    data[dice.randrange(5, min(len(data), 14))] ^= 1 << dice.randrange(8)
    old, new = packets[at], Packet(bytes(data))
    new.stream, new.time_base, new.pts, new.dts, new.duration = old.stream, old.time_base, old.pts, old.dts, old.duration
    new.is_keyframe = old.is_keyframe
    return [*packets[:at], new, *packets[at + 1 :]]


DAMAGES: dict[str, tuple[str, Edit]] = {
    "packets lost": ("video", lose),
    "cut at a key frame": ("video", cut),
    "one bit": ("video", flip),
    "last packet of sound cut": ("audio", lambda packets, _: cut_last(packets)),
}


def remux(source: Path, target: Path, kind: str = "", edit: Callable[[list[Packet]], list[Packet]] | None = None) -> None:
    """The first video and audio track in a Matroska, the packets of one `kind` of them edited."""
    with av.open(str(source)) as given, av.open(str(target), "w", format="matroska") as made:
        tracks = [*given.streams.video[:1], *given.streams.audio[:1]]
        streams = {track.index: made.add_stream_from_template(track) for track in tracks}
        packets: dict[int, list[Packet]] = {track.index: [] for track in tracks}
        for packet in given.demux(tracks):
            if packet.size:
                packets[packet.stream_index].append(packet)
        for track in tracks:
            add_decoding_times(packets[track.index])
            for packet in packets[track.index]:
                packet.stream = streams[track.index]
            if edit is not None and track.type == kind:
                packets[track.index] = edit(packets[track.index])
        every = [packet for track in tracks for packet in packets[track.index]]
        for packet in sorted(every, key=lambda packet: float(packet.dts * packet.time_base)):
            made.mux_one(packet)


def add_decoding_times(packets: list[Packet]) -> None:
    """Matroska stores none, and libavformat guesses none for the first packets when pictures are reordered widely."""
    for packet, after in zip(packets[-2::-1], packets[:0:-1], strict=True):
        if packet.dts is None:
            packet.dts = min(after.dts, packet.pts)


def frames(path: Path) -> dict[int, npt.NDArray[np.uint8]]:
    """Luma by the frame's time; what does not decode is left out."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                decoded = stream.decode(packet)
            except av.FFmpegError:
                continue
            for frame in decoded:
                if frame.pts is not None:
                    found[frame.pts] = frame.to_ndarray(format="gray")
    return found


def sound(path: Path) -> npt.NDArray[np.float32]:
    """All samples, one row per channel."""
    with av.open(str(path)) as container:
        parts = []
        for packet in container.demux(audio=0):
            try:
                parts += [frame.to_ndarray() for frame in packet.decode()]
            except av.FFmpegError:
                continue
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)


def is_visible(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """True when a block is clearly darker or brighter, or the sides differ."""
    if one.shape != other.shape:
        return True
    height, width = (side // BLOCK * BLOCK for side in one.shape)
    off = np.abs(one[:height, :width].astype(np.int16) - other[:height, :width])
    return bool(off.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(1, 3)).max(initial=0) > VISIBLE)


def lost_sound_s(path: Path, whole: Path) -> float:
    """For how long the sound is missing or another one."""
    one, other = sound(path), sound(whole)
    n_shared = min(one.shape[1], other.shape[1])
    n_differ = int((one[:, :n_shared] != other[:, :n_shared]).any(axis=0).sum())
    with av.open(str(whole)) as container:
        return (abs(other.shape[1] - one.shape[1]) + n_differ) / container.streams.audio[0].rate


def compared(source: Path, damage: str, seed: str, folder: Path) -> Compared | None:
    """One damaged copy against the whole one; None unless the verdict is about harmless words."""
    kind, edit = DAMAGES[damage]
    whole, broken = folder / "whole.mkv", folder / "broken.mkv"
    with av.open(str(source)) as container:
        if kind == "audio" and not container.streams.audio:
            return None
        codec = container.streams.video[0].codec_context.name
    remux(source, broken, kind, lambda packets: edit(packets, random.Random(seed)) if len(packets) > 2 else packets)
    row = decode_clip(str(broken))
    if row.reason not in OFTEN_HARMLESS:
        return None
    remux(source, whole)
    if decode_clip(str(whole)).verdict != "good":
        raise ValueError(f"{source}: the copy that should be whole is not")
    with quiet():
        good, bad = frames(whole), frames(broken)
        sound_s = lost_sound_s(broken, whole) if kind == "audio" else 0.0
    if damage == "cut at a key frame":
        good = {pts: luma for pts, luma in good.items() if pts >= min(bad, default=0)}
    shared = good.keys() & bad.keys()
    differ = [pts for pts in shared if good[pts].shape != bad[pts].shape or (good[pts] != bad[pts]).any()]
    return Compared(
        damage, codec, row.reason, words_of(row.errors), len(bad), len(good.keys() - bad.keys()), len(differ),
        sum(is_visible(bad[pts], good[pts]) for pts in differ),
        sound_s,
    )  # fmt: skip


def words_of(errors: str) -> str:
    """The first kind of complaint, without numbers."""
    return re.sub(r"-?\d+", "N", re.sub(r"^\[\w+\] ", "", errors.splitlines()[0]))[:48]


def made_clips(folder: Path, n_clips: int) -> Iterator[Path]:
    """Moving pictures with sound, by encoders of several styles."""
    for number in range(n_clips):
        dice = random.Random(number)
        encoder, options = STYLES[number % len(STYLES)]
        width, height, n_frames = *dice.choice(((256, 144), (320, 180))), dice.randint(36, 60)
        grain = np.random.default_rng(number).integers(0, 40, (height, width + 4 * n_frames), dtype=np.uint8)
        ramp = np.add.outer(np.arange(height), np.arange(width + 4 * n_frames)) % 180
        scene, chroma = (ramp + grain).astype(np.uint8), np.full((height // 2, width // 2), 128, np.uint8)
        pictures: list[Planes] = []
        for at in range(n_frames):
            luma = scene[:, dice.choice((2, 3)) * at :][:, :width].copy()
            luma[20:60, (9 * at) % (width - 50) :][:, :40] = 230
            pictures.append((luma, chroma, chroma))
        tone = (9000 * np.sin(np.arange(n_frames * 1920) * dice.uniform(0.02, 0.2))).astype(np.int16)
        path = folder / f"made-{number:03d}.mkv"
        audio = AudioTrack(dice.choice(("aac", "libmp3lame", "ac3")), 48_000, tone)
        write_clip(path, muxer="matroska", video=VideoTrack(encoder, width, height, Fraction(25), pictures, options), audio=audio)
        yield path


def is_usable(path: Path) -> bool:
    """True for a whole clip of these codecs that is neither tiny nor long."""
    row = decode_clip(str(path))
    return row.verdict == "good" and row.video_codec in CODECS and MIN_FRAMES <= (row.num_frames or 0) <= MAX_FRAMES


def report(rows: list[Compared]) -> None:
    """Tables by reason and damage, and by words."""
    print_table("reason | damage", rows, lambda row: f"`{row.reason}` | {row.damage}")
    print_table("codec | first complaint", rows, lambda row: f"{row.codec} | {row.words}")


def print_table(heads: str, rows: list[Compared], group: Callable[[Compared], str]) -> None:
    """One line per group, the largest first."""
    print(f"\n| {heads} | {COUNTED} |\n{'|---' * (COUNTED.count('|') + 3)}|")
    for name, _ in Counter(map(group, rows)).most_common():
        print(f"| {name} | {counts([row for row in rows if group(row) == name])} |")


def counts(rows: list[Compared]) -> str:
    """The numbers of one row of a table."""
    kinds = Counter(row.kind for row in rows)
    shares = [row.n_wrong / max(row.n_frames, 1) for row in rows if row.n_wrong]
    wrong = f"{statistics.median(shares):.0%}" if shares else "-"
    lost = [row.sound_s for row in rows if row.sound_s]
    sound_s = f"{statistics.median(lost):.3f} s" if lost else "-"
    n_missing = max(row.n_missing for row in rows)
    return f"{len(rows)} | {kinds['whole']} | {kinds['hardly']} | {kinds['wrong']} | {wrong} | {n_missing} | {sound_s}"


def main() -> None:
    """Make, damage, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of real clips to damage beside the made ones")
    parser.add_argument("--made", type=int, default=28, help="clips to make")
    parser.add_argument("--tries", type=int, default=12, help="damaged copies of each clip and damage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        real = sorted(path for path in options.clips.iterdir() if path.is_file() and is_usable(path)) if options.clips else []
        rows = []
        for source in [*made_clips(folder, options.made), *real]:
            for damage in DAMAGES:
                for number in range(options.tries if DAMAGES[damage][0] == "video" else 1):
                    row = compared(source, damage, f"{source.name}/{damage}/{number}", folder)
                    rows += [row] if row else []
        print(f"{options.made} made and {len(real)} real clips\n")
        report(rows)


if __name__ == "__main__":
    main()
