"""Checks and probes of single clips for scripts and notebooks: `video_assets.check` and `video_assets.probe`.

Belongs here: their arguments and the shape of what they say. Does not belong here: which clips there are (`checking.records`),
decoding (`checking.check`).
"""

from collections.abc import Iterable
from pathlib import Path

from video_assets.checking.check import Step
from video_assets.checking.records import ClipRecord, clip_records
from video_assets.progress import no_progress
from video_assets.settings.steps import Decode


def check(paths: Path | str | Iterable[Path | str], *, settings: Decode | None = None) -> list[ClipRecord]:
    """Decode clips completely, in worker processes; folders are searched. One record per clip, in the order given.

    A path at which there is nothing has a record too: nobody may take it for good.

    Raises:
        WorkerError: workers cannot start.

    >>> import video_assets
    >>> [(record.verdict, record.num_frames) for record in video_assets.check(sample.clips / "aquarium.mp4")]
    [('good', 75)]
    >>> video_assets.check([sample.clips / "broken" / "bad-disk.mp4"])[0].reason
    'corrupt_video'
    """
    return _records(paths, "decode", settings)


def probe(paths: Path | str | Iterable[Path | str], *, settings: Decode | None = None) -> list[ClipRecord]:
    """Measure clips from container and packets, without decoding; otherwise as `check`.

    >>> import video_assets
    >>> record = video_assets.probe(sample.clips / "aquarium.mp4")[0]
    >>> (record.verdict, record.num_frames, record.width, record.height)
    ('unchecked', 75, 480, 270)
    """
    return _records(paths, "probe", settings)


def _records(paths: Path | str | Iterable[Path | str], step: Step, settings: Decode | None) -> list[ClipRecord]:
    named = [paths] if isinstance(paths, (str, Path)) else paths
    return list(clip_records(map(Path, named), step=step, settings=settings or Decode(), progress=no_progress))
