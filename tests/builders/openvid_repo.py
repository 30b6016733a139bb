"""A data set of OpenVid's shape with small real clips: three archives, one of them in two pieces, and a table of captions."""

import csv
import io
import random
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from media_factory import make_clip

from video_assets.settings.model import Settings

REPO = "someone/clips-like-openvid"
TABLE = "data/train/OpenVid-1M.csv"
COLUMNS = ["video", "caption", "aesthetic score", "motion score", "temporal consistency score", "camera motion"]
COLUMNS += ["frame", "fps", "seconds"]


@dataclass(frozen=True)
class OpenVidRepo:
    """Clips by file name with their bytes, and the files that a hub would hold."""

    clips: dict[str, bytes]
    files: dict[str, bytes]

    def names(self, archive: int) -> list[str]:
        return list(self.clips)[archive * 20 : archive * 20 + 20]


def make_repo(folder: Path, *, padding: int = 150_000) -> OpenVidRepo:
    """60 different clips of about `padding` bytes or more each, every tenth name begins with a dash.

    Archives are then larger than the mebibyte at their end that is read at once, so that most of them is streamed.
    """
    clips = {}
    noise = random.Random(1)
    for number in range(60):
        path = make_clip(folder / f"{number}.mp4", n_frames=8 + number, size=(48, 32))
        pad = noise.randbytes(padding)
        # A box that players skip: clips of a size at which transfers can be cut in the middle of one.
        name = f"{'-' if number % 10 == 0 else ''}{number:02d}_iRTHryQ_{number}_0to{8 + number}.mp4"
        clips[name] = path.read_bytes() + struct.pack(">I4s", 8 + len(pad), b"free") + pad
        path.unlink()
    return OpenVidRepo(clips, files_of(clips))


def files_of(clips: dict[str, bytes], *, without: tuple[str, ...] = (), ghosts: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Archives 0 (nested folders, deflated), 1 (two pieces) and 2, the table of captions, and what else lies there."""
    names = list(clips)
    zips = [
        zip_of({name: clips[name] for name in names[start : start + 20]}, folder=f"video/{start}/", method=method)
        for start, method in ((0, zipfile.ZIP_DEFLATED), (20, zipfile.ZIP_STORED), (40, zipfile.ZIP_STORED))
    ]
    cut = len(zips[1]) // 2 + 7  # in the middle of a clip
    return {
        "README.md": b"# clips\n",
        "OpenVid_part0.zip": zips[0],
        "OpenVid_part1_partaa": zips[1][:cut],
        "OpenVid_part1_partab": zips[1][cut:],
        "OpenVid_part2.zip": zips[2],
        TABLE: table_of([*(name for name in names if name not in without), *ghosts]),
    }


def zip_of(clips: dict[str, bytes], *, folder: str = "", method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in clips.items():
            archive.writestr(zipfile.ZipInfo(folder + name, (2024, 5, 1, 0, 0, 0)), data, method)
    return packed.getvalue()


def table_of(names: list[str]) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for name in names:
        number = int(name.lstrip("-").partition("_")[0])
        rows.writerow([name, f"Clip {number}, of someone", 4 + number / 10, number, 0.9, "static", 8 + number, 25.0, 1 + number])
    return text.getvalue().encode()


def settings_for(root: Path, **openvid: object) -> Settings:
    """Settings with this source alone."""
    section = {"is_enabled": True, "repo": REPO, "headroom_gib": 0, **openvid}
    return Settings(data_root=root, openvid=section, decode={"n_shards": 2, "workers": 2})


def clips_on_disk(root: Path) -> dict[str, bytes]:
    """Everything in the clips folder, by file name."""
    return {path.name: path.read_bytes() for path in (root / "clips").rglob("*") if path.is_file()}


def mtimes(root: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (root / "clips").rglob("*") if path.is_file()}
