"""The broken-clip kit: some hundred small clips, whole, odd and damaged, each with the verdict that a checker should give.

Belongs here: which damage is done to which clip, the expected verdict, the manifest. Does not belong here: how damage is done
(`samples.broken.damage`, `samples.broken.mp4_boxes`, `samples.broken.matroska_avi`, `samples.broken.others`,
`samples.broken.unfit`), how expectations were measured (benchmarks/kit_expected.py).
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path

import xxhash

from video_assets.media.making.packets import double_key, drop_key, jump, stand_still, swap
from video_assets.samples.broken.bases import FRAMES, Base, combinations, damage_bases, encode_base, encode_with, variants
from video_assets.samples.broken.damage import Made, generic_damage
from video_assets.samples.broken.matroska_avi import avi_damage, matroska_damage, picture_size_damage
from video_assets.samples.broken.mp4_boxes import box_damage
from video_assets.samples.broken.others import others
from video_assets.samples.broken.unfit import unfit_clips
from video_assets.storage.durable import durable_write, write_text

MANIFEST = "manifest.csv"
_EXPECTED = "expected.csv"
_MARK = "BROKEN-CLIP-KIT"


@dataclass(frozen=True)
class KitClip:
    """One file of the kit: its name, the clip it was made from ("" for none), and how."""

    file: str
    base: str
    made: Made


@dataclass(frozen=True)
class Measured:
    """What three ffmpeg releases said about this content: a letter each (G good, B bad), and the frames that came out."""

    content: str
    releases: str
    frames: int


@dataclass(frozen=True)
class ManifestRow:
    """One line of the manifest.

    `expected_verdict`: good, bad, `either` (the releases of ffmpeg disagree, or only a stricter checker can tell), `unknown`
    (this machine's encoders made other bytes than those that were measured, and the damage alone decides nothing).
    """

    file: str
    base: str
    damage: str
    expected_verdict: str
    expected_reason: str
    note: str


def kit_clips(*, seed: int = 0) -> Iterator[KitClip]:
    """All files of the kit, one after the other; the seed decides where random damage is done."""
    for base in (*combinations(), *variants()):
        whole = Made("whole", encode_base(base), "nothing wrong", "good")
        yield KitClip(f"{base.name}.whole.{base.suffix}", base.name, whole)
    for base in damage_bases():
        for made in _damages(base, seed=seed):
            yield KitClip(f"{base.name}.{made.damage}.{base.suffix}", base.name, made)
    for other in (*others(), *unfit_clips()):
        yield KitClip(other.name, "", other.made)


def make_broken_kit(folder: Path, *, seed: int = 0) -> Path:
    """Write the kit into `folder` and return its manifest, which is written last: a folder with a manifest is whole.

    Raises:
        FileExistsError: `folder` holds other files.
        OSError: the disk did not take it.
    """
    manifest = folder / MANIFEST
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise FileExistsError(f"{folder}: not empty and not a broken-clip kit; give the kit a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in (manifest, *folder.glob(".draft-*")):
        leftover.unlink(missing_ok=True)
    write_text(folder / _MARK, f"seed {seed}\n")
    rows = []
    for clip in kit_clips(seed=seed):
        with durable_write(folder / clip.file) as file:
            file.write(clip.made.data)
        rows.append(_manifest_row(clip))
    write_text(manifest, _table(rows))
    return manifest


def _damages(base: Base, *, seed: int) -> Iterator[Made]:
    data = encode_base(base)
    is_index_last = base.suffix in {"mp4", "mov"} and not base.label
    yield from generic_damage(data, seed=f"{seed}/{base.name}.{base.suffix}", is_index_last=is_index_last)
    yield from _packet_damage(base)
    key = f"{base.name}.{base.suffix}"
    for damage in _SPECIAL.get(key, ()):
        yield from damage(data)


_SPECIAL: dict[str, tuple[Callable[[bytes], Iterator[Made]], ...]] = {
    "h264-aac.mp4": (box_damage, picture_size_damage),
    "h264-aac.mov": (box_damage,),
    "hevc-mp3.mp4": (box_damage,),
    "h264-mp3.mkv": (matroska_damage,),
    "vp9-opus.webm": (matroska_damage,),
    "mpeg4-mp3.avi": (avi_damage,),
    "h264-mp3.avi": (avi_damage,),
}


def _packet_damage(base: Base) -> Iterator[Made]:
    edits = {
        "first-key-frame-missing": (drop_key(0), "the first key frame is missing"),
        "key-frame-missing": (drop_key(1), "the second key frame is missing"),
        "key-frame-doubled": (double_key(1), "the second key frame is stored twice"),
        "time-jumps-ahead": (jump(Fraction(60), at=12), "from frame 12 on everything is one minute later"),
        "frames-swapped": (swap(at=9), "frames 9 and 10 are stored in the wrong order"),
    }
    # mp4 and AVI cannot store times that go back: there it is done to the index (box_damage).
    if base.muxer in {"matroska", "webm"}:
        edits["time-jumps-back"] = (jump(Fraction(-1, 5), at=12), "from frame 12 on everything is 0.2 s earlier")
        edits["time-stops"] = (stand_still(at=10, count=3), "three frames have the time of the one before")
    for damage, (edit, note) in edits.items():
        # AVI fills the minute with empty frames, which count.
        is_overpromising = (damage, base.muxer) == ("time-jumps-ahead", "avi")
        yield Made(
            damage,
            encode_with(base, video_edit=edit),
            note,
            reason="timestamps" if damage == "time-stops" else "",
            is_overpromising=is_overpromising,
        )


def _manifest_row(clip: KitClip) -> ManifestRow:
    verdict, reason = expectation(clip)
    return ManifestRow(clip.file, clip.base, clip.made.damage, verdict, reason, clip.made.note)


def expectation(clip: KitClip) -> tuple[str, str]:
    """The expected verdict and, where the way it was made leaves no doubt, the reason.

    Only where that says nothing is the table of measured clips asked, and only about exactly the bytes that were measured.
    """
    made = clip.made
    if made.truth:
        return made.truth, made.reason
    measured = measured_clips().get(clip.file)
    if measured is None or measured.content != content_hash(made.data):
        return "unknown", ""
    if set(measured.releases) == {"B"}:
        return "bad", made.reason
    if set(measured.releases) != {"G"}:
        return "either", ""
    if measured.frames == 0:
        return "bad", made.reason
    is_short = made.is_blind and measured.frames < FRAMES
    return ("either" if is_short or made.is_overpromising else "good"), ""


def content_hash(data: bytes) -> str:
    """xxh3-64, 16 hex digits."""
    return xxhash.xxh3_64_hexdigest(data)


@cache
def measured_clips() -> dict[str, Measured]:
    """The table of measured clips, by file name."""
    text = (resources.files("video_assets.samples.broken") / _EXPECTED).read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {row["file"]: Measured(row["content"], row["releases"], int(row["frames"])) for row in rows}


def _table(rows: list[ManifestRow]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(ManifestRow)])
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()
