"""Clips of OpenVid that do not decode and were fetched only once: the way back from the decode check to the source.

Belongs here: finding them, and the small file in which the sensor looks for them. Does not belong here: fetching them again
(`sources.openvid.archive`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from video_assets.settings.model import Settings
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.openvid.rules.due import LABELS, NOT_BROKEN
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout

Broken = tuple[str, int, int]
"""Clip key, size (bytes) and modification time (ns) of the file that was decoded."""


def broken_clips(layout: Layout, settings: Settings) -> dict[str, list[Broken]]:
    """Clips whose verdict damage on the way could explain, and that were not fetched a second time, by archive."""
    prefix = f"{settings.openvid.source_name}/"
    found = _bad_verdicts(layout, prefix, tolerated=settings.decode.tolerated_reasons)
    by_archive: dict[str, list[Broken]] = defaultdict(list)
    for clip in found:
        by_archive[clip[0].removeprefix(prefix).partition("/")[0]].append(clip)
    known = {archive: _not_labelled(layout, settings.openvid.source_name, archive) for archive in by_archive}
    left = {archive: [clip for clip in clips if clip in known[archive]] for archive, clips in by_archive.items()}
    return {archive: clips for archive, clips in sorted(left.items()) if clips}


def write_broken(layout: Layout, settings: Settings) -> dict[str, list[Broken]]:
    """Find them and write them down."""
    found = broken_clips(layout, settings)
    write_text(layout.broken(settings.openvid.source_name), json.dumps(found, indent=1, sort_keys=True) + "\n")
    return found


def read_broken(layout: Layout, settings: Settings) -> Mapping[str, list[Broken]]:
    """What was written down last, without archives that were materialized since: those clips have been fetched again by that."""
    source = settings.openvid.source_name
    path = layout.broken(source)
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {archive: clips for archive, clips in found.items() if not _is_newer(layout.partition_ledger(source, archive), path)}


def _is_newer(path: Path, than: Path) -> bool:
    return path.exists() and path.stat().st_mtime_ns > than.stat().st_mtime_ns


def clips_token(clips: Iterable[Broken]) -> str:
    """Changes when other clips, or other bytes of them, are meant."""
    return hashlib.sha256(json.dumps(sorted(map(list, clips))).encode()).hexdigest()[:16]


def _bad_verdicts(layout: Layout, prefix: str, *, tolerated: tuple[str, ...]) -> list[Broken]:
    columns = ["clip_key", "file_size", "mtime_ns"]
    wanted = [("verdict", "==", "bad"), ("reason", "not in", sorted({*NOT_BROKEN, *tolerated}))]
    paths = sorted(layout.verdicts_folder.glob("*-of-*.parquet"))
    tables = [pq.read_table(path, columns=columns, filters=wanted, partitioning=None).to_pandas() for path in paths]
    if not tables:
        return []
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[rows["clip_key"].str.startswith(prefix)].drop_duplicates()
    return [(key, int(n_bytes), int(mtime_ns)) for key, n_bytes, mtime_ns in rows.itertuples(index=False, name=None)]


def _not_labelled(layout: Layout, source: str, archive: str) -> set[Broken]:
    rows = FetchLedger(layout, source, archive).read()
    rows = rows[(rows["status"] == "ok") & ~rows["reason"].isin(list(LABELS))]
    return set(rows[["clip_key", "n_bytes", "mtime_ns"]].itertuples(index=False, name=None))
