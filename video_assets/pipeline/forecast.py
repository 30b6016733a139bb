"""What a run would do, without doing it: what is listed, dropped before decoding, decoded, and how long that takes.

Reads folders, tables and a few clips, asks the hub what there is; writes nothing.
Belongs here: that forecast. Does not belong here: the stages themselves, what a source would bring (its `forecast`), how it looks
(`cli.pages`).
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.errors import UsageError
from video_assets.core.filters import drop_empty_captions, drop_not_ok
from video_assets.core.json_values import JsonObject
from video_assets.core.schema import LEDGER, VERDICTS
from video_assets.settings.model import Settings
from video_assets.sources.expected import Expected
from video_assets.sources.ledgers import ledgers
from video_assets.sources.own_clips.listing import list_own_clips, scan_own_clips
from video_assets.sources.own_clips.shards import add_unpacked
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table
from video_assets.workers.cpus import cpu_count

_SAMPLE = 8
_FINGERPRINT = ["clip_key", "file_size", "mtime_ns"]


@dataclass(frozen=True)
class Forecast:
    """Counts of clips that are here; of sources that are fetched, clips that have come before and no others.

    `fetched` is what would come besides, roughly. `decode_cpu_s` is of both together; it is estimated from `sampled` clips that
    were decoded now, else from all verdicts that are there (`sampled` is 0), else None.
    """

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
    fetched: list[Expected] = field(default_factory=list)

    @property
    def decode_s(self) -> float | None:
        """Seconds on this machine, with nothing else to do."""
        return None if self.decode_cpu_s is None else self.decode_cpu_s / self.workers

    def as_record(self) -> JsonObject:
        """JSON-able."""
        return {**asdict(self), "decode_s": self.decode_s}


def forecast(layout: Layout, settings: Settings) -> Forecast:
    """Look at the sources as a run would, and decode a few of the clips that it would decode.

    Raises:
        UsageError: no source is enabled.
        SourceError: a folder or table as a whole cannot be used.
        FetchError: the hub does not answer, and nothing was listed before.
        WorkerError: workers cannot start.
    """
    if not settings.sources:
        raise UsageError("no clips are set: give --clips FOLDER and/or --captions TABLE")
    rows, notes = _listed(layout, settings)
    usable = drop_not_ok(rows)
    captioned = drop_empty_captions(usable.kept)
    is_large = captioned.kept["file_size"].fillna(0) > settings.filter.max_file_size_bytes
    small = captioned.kept[~is_large]
    todo = small[~_is_known(layout, small)]
    dropped = pd.concat([usable.dropped, captioned.dropped])["reason"].value_counts().sort_index()
    fetched = list(_expected(layout, settings))
    sample = list(_sample(todo))
    n_bytes = int(todo["file_size"].sum())
    to_come = sum(each.n_bytes or 0 for each in fetched)
    return Forecast(
        listed=len(rows),
        with_caption=len(captioned.kept),
        dropped={**{str(name): int(n) for name, n in dropped.items()}, "file_too_large": int(is_large.sum())},
        known=len(small) - len(todo),
        to_decode=len(todo),
        bytes_to_decode=n_bytes,
        sampled=len(sample),
        decode_cpu_s=_cpu_s(layout, settings, sample, n_bytes + to_come),
        workers=settings.decode.workers or cpu_count(),
        notes=notes,
        fetched=fetched,
    )


def _listed(layout: Layout, settings: Settings) -> tuple[pd.DataFrame, list[str]]:
    """LEDGER rows of own clips as they are now, and of other sources as they were listed last; what the user should know."""
    others = [source for source in settings.sources if source.name != "own_clips"]
    known = [read_table(path, LEDGER).rows for path in ledgers(layout, others).values() if path.exists()]
    if not settings.own_clips.is_enabled:
        return pd.concat([LEDGER.frame(), *known], ignore_index=True), []
    own = _own_clips(layout, settings)
    return pd.concat([own, *known], ignore_index=True), list(own.attrs["notes"])


def _own_clips(layout: Layout, settings: Settings) -> pd.DataFrame:
    ledger = layout.ledger("own_clips")
    previous = read_table(ledger, LEDGER).rows if ledger.exists() else None
    own, ignore = settings.own_clips, (layout.root,)
    scan = scan_own_clips(own, ignore)
    add_unpacked(own, scan, layout.unpacked("own_clips"))
    return list_own_clips(own, previous=previous, now_ns=time.time_ns(), ignore=ignore, scan=scan)


def _expected(layout: Layout, settings: Settings) -> Iterator[Expected]:
    """Imported here: clients of hub and web cost a second that own clips need not wait."""
    if settings.openvid.is_enabled:
        from video_assets.sources.openvid.forecast import expect

        yield expect(layout, settings)
    if settings.miradata.is_enabled:
        from video_assets.sources.miradata.forecast import expect

        yield expect(layout, settings)
    if settings.hub.is_enabled:
        from video_assets.sources.hub_dataset.forecast import expect

        yield expect(layout, settings)


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


def _cpu_s(layout: Layout, settings: Settings, sample: list[ClipTask], n_bytes: int) -> float | None:
    """CPU seconds of decoding so many bytes, by what a byte of the sample costs, else of what was decoded before."""
    if not n_bytes:
        return None
    if sample:
        seconds = sum(verdict.decode_seconds or 0.0 for _, verdict in decode_clips(sample, settings=settings.decode))
        decoded = sum(task.cost for task in sample)
    else:
        known = [read_table(path, VERDICTS, columns=["file_size", "decode_seconds"]).rows.dropna() for path in _verdicts(layout)]
        seconds, decoded = (sum(float(rows[name].sum()) for rows in known) for name in ("decode_seconds", "file_size"))
    return seconds * n_bytes / decoded if decoded else None
