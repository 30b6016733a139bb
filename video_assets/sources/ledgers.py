"""Sources and their ledgers.

Belongs here: which ledgers a source has, and writing that of own clips. Does not belong here: how a folder is listed
(`sources.own_clips.listing`), how clips are fetched.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from video_assets.core.json_values import read_value
from video_assets.core.schema import LEDGER
from video_assets.settings.model import Settings, Source
from video_assets.settings.sources import OwnClips
from video_assets.sources.listed import Listing
from video_assets.sources.own_clips.caption_tables import tables_of
from video_assets.sources.own_clips.grown import NEEDED, TableBefore, news_of
from video_assets.sources.own_clips.listing import ListedClips, list_in_parts, notes_on, scan_own_clips
from video_assets.sources.own_clips.scan import Scan
from video_assets.sources.own_clips.shards import add_unpacked, due_shards, unpack_shards
from video_assets.sources.own_clips.table_bytes import TableBytes
from video_assets.sources.own_clips.unchanged import (
    Origin,
    contents_of,
    has_other_size,
    is_as_remembered,
    remember,
    remembered_table,
    state_of,
)
from video_assets.sources.own_clips.used_sidecars import remove_with_sidecars
from video_assets.storage.changes import patch_of
from video_assets.storage.durable import hash_file, write_text
from video_assets.storage.keys import KeyRange
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.row_groups import opened, parts, rows_with
from video_assets.storage.tables import count_rows, read_table, write_table_in_parts
from video_assets.tombstones.matching import Tombstones, bury
from video_assets.tombstones.table import read_tombstones, tombstones_hash

_log = logging.getLogger(__name__)
_STATUS = ["status", "reason"]


def ledgers(layout: Layout, sources: Iterable[Source]) -> dict[str, Path]:
    """Ledgers by name: `own_clips`, or `openvid/openvid_part000` for each partition that was materialized."""
    found = {}
    for source in sources:
        if not source.is_partitioned:
            found[source.name] = layout.ledger(source.name)
            continue
        for partition in layout.partitions(source.name):
            found[f"{source.name}/{partition}"] = layout.partition_ledger(source.name, partition)
    return found


def listed_keys(layout: Layout, sources: Iterable[Source]) -> pd.Series:
    """Keys of all clips that the sources have listed, ledger after ledger.

    Raises:
        FileNotFoundError: a source has listed nothing yet.
        ValueError: a ledger is not readable; the message names it.
    """
    paths = ledgers(layout, sources).values()
    return pd.concat([read_table(path, LEDGER, columns=["clip_key"]).rows["clip_key"] for path in paths])


def listing_notes(layout: Layout, source: str) -> list[str]:
    """What the user should know of the last listing of own clips or of the data set on the hub, in sentences."""
    path = layout.notes(source)
    try:
        return read_value(list[str], json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except ValueError:  # torn by the disk
        return [f"{path} cannot be read; the next listing that finds something new writes it anew"]


def refresh_own_clips(layout: Layout, settings: Settings, *, info: Callable[[str], None] = _log.info) -> Listing:
    """List the user's own clips into their ledger, shards unpacked. What has not changed is neither parsed nor written again.

    `info` is told of each shard that is unpacked.

    Raises:
        SourceError: the folder or the captions table as a whole cannot be used; the ledger stays as it was.
        LeaseHeldError: another run unpacks shards.
        NoSpaceError: the disk is too small for the shards.
    """
    own, path, buried = settings.own_clips, layout.ledger("own_clips"), tombstones_hash(layout)
    scan = scan_own_clips(own, (layout.root,))
    if scan.shards:
        _unpack(layout, settings, scan, info)
    contents = contents_of(layout.own_clips_origin)
    if not _is_current(layout, own, scan, buried, contents):
        _list_anew(layout, own, scan, buried, contents)
    return Listing(path, hash_file(path), count_rows(path), listing_notes(layout, "own_clips"))


def is_own_clips_current(layout: Layout, settings: Settings) -> bool:
    """True when the ledger of own clips would come out as it is.

    Raises:
        SourceError, OSError: the folder or a table cannot be used.
    """
    own, store = settings.own_clips, layout.unpacked("own_clips")
    if has_other_size(layout.own_clips_origin):
        return False
    scan = scan_own_clips(own, (layout.root,))
    if due_shards(own, scan, store, now_ns=time.time_ns()):
        return False
    add_unpacked(own, scan, store)
    return _is_current(layout, own, scan, tombstones_hash(layout), TableBytes())


def _is_current(layout: Layout, own: OwnClips, scan: Scan, buried: str, contents: TableBytes) -> bool:
    if own.folder is None:
        return False
    return is_as_remembered(
        layout.own_clips_origin,
        ledger=layout.ledger("own_clips"),
        tombstones=buried,
        settings=own,
        scan=scan,
        tables=tables_of(own, scan, notes=[]),
        contents=contents,
    )


def _unpack(layout: Layout, settings: Settings, scan: Scan, info: Callable[[str], None]) -> None:
    own, store = settings.own_clips, layout.unpacked("own_clips")
    if due_shards(own, scan, store, now_ns=time.time_ns()):
        with hold(layout.lease("own_clips", "shards"), stale_after_s=settings.decode.lease_stale_s):
            unpack_shards(own, due_shards(own, scan, store, now_ns=time.time_ns()), store, info=info)
    add_unpacked(own, scan, store)


def _remove_buried(rows: pd.DataFrame, store: Path, suffixes: tuple[str, ...]) -> None:
    """A shard that was unpacked again brings clips back that were taken down; the ledger has them as such already."""
    taken = rows.loc[rows["reason"].eq("taken_down") & rows["path"].str.startswith(f"{store}/"), "path"]
    remove_with_sidecars(map(Path, taken), suffixes)


def _list_anew(layout: Layout, own: OwnClips, scan: Scan, buried: str, contents: TableBytes) -> None:
    path = layout.ledger("own_clips")
    if _list_news(layout, own, scan, buried, contents):
        return
    # Captions of the last listing are most of it, and are needed of caption files and of clips that are gone.
    columns = LEDGER.names if scan.sidecars else NEEDED
    listed = list_in_parts(
        own,
        scan=scan,
        previous=read_table(path, LEDGER, columns=columns).rows if path.exists() else None,
        now_ns=time.time_ns(),
        whole_rows=lambda keys: _rows_of(path, keys),
        beside=path,
        contents=contents,
    )
    _write_notes(layout, listed.notes)
    lines = _Buried(listed, read_tombstones(layout))
    content_hash = write_table_in_parts(path, LEDGER, lines.parts())
    _remove_buried(lines.taken_down, layout.unpacked("own_clips"), own.suffixes)
    remember(layout.own_clips_origin, listed.origin, lines.statuses, ledger_hash=content_hash, tombstones=buried)


class _Buried:
    """A listing without the clips that were taken down, while it is written."""

    def __init__(self, listed: ListedClips, tombstones: Tombstones) -> None:
        self._listed, self._tombstones = listed, tombstones
        self.taken_down, self.statuses = LEDGER.frame(), LEDGER.frame()[_STATUS]

    def parts(self) -> Iterator[pd.DataFrame]:
        """LEDGER lines; afterwards it is known which were `taken_down`, and which `statuses` there are."""
        for listed in self._listed.parts():
            rows = bury(listed, self._tombstones)
            self.taken_down = pd.concat([self.taken_down, rows[rows["reason"].eq("taken_down")]])
            self.statuses = pd.concat([self.statuses, rows[_STATUS]]).drop_duplicates()
            yield rows


def _list_news(layout: Layout, own: OwnClips, scan: Scan, buried: str, contents: TableBytes) -> bool:
    """Write only what is new into the ledger that is there; false when it must be listed as a whole."""
    path, memory = layout.ledger("own_clips"), layout.own_clips_origin
    if scan.sidecars or scan.unpacked or not (path.exists() and memory.exists()):
        return False
    tables, patch = tables_of(own, scan, notes=[]), patch_of(path, LEDGER, ())
    known = remembered_table(memory, ledger=path, tombstones=buried, settings=own, tables=tables, contents=contents)
    if patch is None or known is None:
        return False
    state, table = state_of(own, scan, tables, contents), TableBefore(own, tables, contents)
    previous = (part.to_pandas(types_mapper=pd.ArrowDtype) for part in parts(path, NEEDED))
    news = news_of(own, scan, known, previous, now_ns=time.time_ns(), whole_rows=lambda keys: _rows_of(path, keys))
    if news is None:
        return False
    _write_notes(layout, [*news.notes, *notes_on(scan, own)])
    rows = bury(news.rows, read_tombstones(layout))
    patch = replace(patch, ranges=tuple(KeyRange(key, f"{key}\0") for key in news.keys))
    content_hash = write_table_in_parts(path, LEDGER, [rows], patch=patch)
    remember(memory, Origin(state, {}, table.plain(news.n_rows)), rows, ledger_hash=content_hash, tombstones=buried)
    return True


def _write_notes(layout: Layout, notes: list[str]) -> None:
    write_text(layout.notes("own_clips"), json.dumps(notes, indent=1, ensure_ascii=False) + "\n")


def _rows_of(path: Path, clip_keys: pd.Series) -> pd.DataFrame:
    """Whole rows of a ledger by their keys; of keys that it does not have, none."""
    if clip_keys.empty:
        return LEDGER.frame()
    with opened(path) as file:
        found = list(rows_with(file, "clip_key", clip_keys.tolist(), LEDGER.names))
    return LEDGER.frame(pa.concat_tables(found).to_pandas(types_mapper=pd.ArrowDtype)) if found else LEDGER.frame()
