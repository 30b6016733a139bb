"""The census of the published table: clips and hours per bucket, what falls out by cause, what cropping throws away.

Belongs here: reading numbers, counting. Does not belong here: bucket rules (`census.rules`), drawing (`census.picture`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from video_assets.census.presets import Wanted, place
from video_assets.census.rules.placing import Clips, Placed
from video_assets.publish.versions import Version, read_versions
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import opened
from video_assets.storage.stages import StageError

_COLUMNS = ["num_frames", "height", "width", "fps"]


@dataclass(frozen=True)
class Census:
    """`buckets`: name, clips, hours, batches of each that has clips; `left_out`: clips by cause; shares are of what is placed."""

    trainer: str
    version: int
    batch_size: int
    clips: int
    placed: int
    buckets: list[dict[str, Any]]
    left_out: dict[str, int]
    batches: int
    lost_in_small_buckets: int
    frames_cut_share: float
    pixels_cut_share: float

    @property
    def as_record(self) -> dict[str, Any]:
        """JSON-able."""
        return dict(vars(self))


def take_census(layout: Layout, trainer: str, wanted: Wanted, *, batch_size: int = 1) -> Census:
    """What the trainer does with the newest version; reads four columns of numbers, and no clip.

    Raises:
        UsageError: there is no such trainer, or what is wanted does not go with it.
        StageError: nothing is published.
    """
    versions = read_versions(layout)
    if not versions:
        raise StageError(f"{layout.versions} has no published version: run `video-assets run`, or materialize training_csv")
    clips = read_clips(versions[-1])
    return count(trainer, versions[-1].number, clips, place(trainer, clips, wanted), batch_size=batch_size)


def read_clips(version: Version) -> Clips:
    """The numbers of a version's rows."""
    with opened(version.table) as file:
        rows = file.read(columns=_COLUMNS)
    return Clips(*(rows.column(name).to_numpy() for name in _COLUMNS))


def count(trainer: str, version: int, clips: Clips, placed: Placed, *, batch_size: int) -> Census:
    """The census of clips that are placed. Batches are whole ones: what does not fill one is not trained on."""
    n_items = np.bincount(placed.bucket, minlength=len(placed.buckets))
    seconds = np.bincount(placed.bucket, weights=placed.used / clips.fps[placed.clip], minlength=len(placed.buckets))
    rows = [
        {"bucket": bucket.name, "clips": int(n), "hours": float(s) / 3600, "batches": int(n) // batch_size}
        for bucket, n, s in zip(placed.buckets, n_items, seconds, strict=True)
        if n
    ]
    shape = clips.height[placed.clip] / clips.width[placed.clip]
    ratio = np.asarray([bucket.ratio for bucket in placed.buckets])[placed.bucket]
    own = clips.frames[placed.clip]
    return Census(
        trainer=trainer,
        version=version,
        batch_size=batch_size,
        clips=len(clips),
        placed=len(np.unique(placed.clip)),
        buckets=sorted(rows, key=lambda row: -row["clips"]),
        left_out=dict(sorted(Counter(placed.cause[placed.cause != ""].tolist()).items())),
        batches=sum(row["batches"] for row in rows),
        lost_in_small_buckets=int((n_items % batch_size).sum()),
        frames_cut_share=_share(np.minimum(placed.used, own), own),
        pixels_cut_share=_share(np.minimum(shape / ratio, ratio / shape), np.ones(len(shape))),
    )


def _share(used: np.ndarray, there: np.ndarray) -> float:
    return float(1 - used.sum() / there.sum()) if len(there) else 0.0
