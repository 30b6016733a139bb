"""What a run would do, without doing it: what is listed, dropped before decoding, decoded, and how long that takes.

Reads folders, tables and a few clips; writes nothing. Only own clips are looked at: what other sources would bring is known when
they are listed.
Belongs here: that forecast. Does not belong here: the stages themselves, how it looks (`cli.pages`).
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.filters import drop_empty_captions, drop_not_ok
from video_assets.core.json_values import JsonObject
from video_assets.core.schema import LEDGER, VERDICTS
from video_assets.settings.model import Settings
from video_assets.sources.own_clips.listing import list_own_clips, scan_own_clips
from video_assets.sources.own_clips.shards import add_unpacked
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table
from video_assets.workers.cpus import cpu_count

_SAMPLE = 8
_FINGERPRINT = ["clip_key", "file_size", "mtime_ns"]


@dataclass(frozen=True)
class Forecast:
    """Counts of clips. `decode_cpu_s` is estimated from `sampled` clips that were decoded; None when none is to be decoded."""

    listed: int
    with_caption: int
    dropped: dict[str, int]
    known: int
    to_decode: int
    bytes_to_decode: int
    sampled: int
    decode_cpu_s: float | None
    workers: int
    notes: list[str] = field(default_factory=list)
    not_looked_at: list[str] = field(default_factory=list)

    @property
    def decode_s(self) -> float | None:
        """Seconds on this machine, with nothing else to do."""
        return None if self.decode_cpu_s is None else self.decode_cpu_s / self.workers

    def as_record(self) -> JsonObject:
        """JSON-able."""
        return {**asdict(self), "decode_s": self.decode_s}


def forecast(layout: Layout, settings: Settings) -> Forecast:
    """Look at own clips as a run would, and decode a few of those that it would decode.

    Raises:
        SourceError: the folder or the captions table as a whole cannot be used.
        WorkerError: workers cannot start.
    """
    ledger = layout.ledger("own_clips")
    previous = read_table(ledger, LEDGER).rows if ledger.exists() else None
    own, ignore = settings.own_clips, (layout.root,)
    scan = scan_own_clips(own, ignore)
    add_unpacked(own, scan, layout.unpacked("own_clips"))
    rows = list_own_clips(own, previous=previous, now_ns=time.time_ns(), ignore=ignore, scan=scan)
    usable = drop_not_ok(rows)
    captioned = drop_empty_captions(usable.kept)
    is_large = captioned.kept["file_size"].fillna(0) > settings.filter.max_file_size_bytes
    small = captioned.kept[~is_large]
    todo = small[~_is_known(layout, small)]
    dropped = pd.concat([usable.dropped, captioned.dropped])["reason"].value_counts().sort_index()
    sample = list(_sample(todo))
    cpu_s = _decode_cpu_s(sample, todo, settings) if sample else None
    return Forecast(
        listed=len(rows),
        with_caption=len(captioned.kept),
        dropped={**{str(name): int(n) for name, n in dropped.items()}, "file_too_large": int(is_large.sum())},
        known=len(small) - len(todo),
        to_decode=len(todo),
        bytes_to_decode=int(todo["file_size"].sum()),
        sampled=len(sample),
        decode_cpu_s=cpu_s,
        workers=settings.decode.workers or cpu_count(),
        notes=list(rows.attrs["notes"]),
        not_looked_at=[source.name for source in settings.sources if source.is_partitioned],
    )


def _is_known(layout: Layout, clips: pd.DataFrame) -> pd.Series:
    """Whether a verdict is there for the file as it is."""
    tables = [read_table(path, VERDICTS, columns=_FINGERPRINT).rows for path in _verdicts(layout)]
    known = pd.concat([VERDICTS.frame()[_FINGERPRINT], *tables]).drop_duplicates()
    merged = clips[_FINGERPRINT].merge(known, on=_FINGERPRINT, how="left", indicator=True)
    return pd.Series((merged["_merge"] == "both").to_numpy(), index=clips.index)


def _verdicts(layout: Layout) -> Iterable[Path]:
    return sorted(layout.verdicts_folder.glob("*.parquet"))


def _sample(todo: pd.DataFrame) -> Iterator[ClipTask]:
    """A few clips, evenly by size: small and large ones cost differently a byte."""
    by_size = todo.sort_values(["file_size", "clip_key"])
    step = max(1, len(by_size) // _SAMPLE)
    chosen = by_size.iloc[step // 2 :: step].head(_SAMPLE)
    for clip_key, path, size in zip(chosen["clip_key"], chosen["path"], chosen["file_size"], strict=True):
        yield ClipTask(clip_key=clip_key, path=path, cost=float(size))


def _decode_cpu_s(sample: list[ClipTask], todo: pd.DataFrame, settings: Settings) -> float:
    """CPU seconds of all, by the mean of the sample a byte."""
    seconds = sum(verdict.decode_seconds or 0.0 for _, verdict in decode_clips(sample, settings=settings.decode))
    n_bytes = sum(task.cost for task in sample)
    return seconds * float(todo["file_size"].sum()) / n_bytes if n_bytes else seconds
