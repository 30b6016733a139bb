"""The stage shard_lists: which clips each shard checks.

Belongs here: read the stage before, write one list per shard. Does not belong here: which shard a clip is in (`core.sharding`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from video_assets.core.filters import Split
from video_assets.core.json_values import read_value
from video_assets.core.schema import CLIPS, DROPPED
from video_assets.core.sharding import assign_shards
from video_assets.pipeline.two_runs import begun_anew
from video_assets.storage.aside import rows_aside
from video_assets.storage.changes import Changes, changed_in_any, changes_of
from video_assets.storage.durable import write_text
from video_assets.storage.key_ranges import TablesByKey, Unit
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageNote, read_dropped, stage_hash, unchanged_stage, write_stage_in_parts
from video_assets.storage.tables import count_rows, read_table


@dataclass(frozen=True)
class ShardList:
    """One shard's list as written."""

    shard: str
    n_clips: int
    n_dropped: int
    n_bytes: int
    content_hash: str


@dataclass(frozen=True)
class ListFacts:
    """A list in numbers."""

    n_clips: int
    n_dropped: int
    n_bytes: int


@dataclass(frozen=True)
class Origin:
    """What a list was made from: stage hashes by asset, and tokens of their units; and what came of it.

    The versions before wrote no facts, and no tokens.
    """

    inputs: Mapping[str, str]
    shard_lists: str
    facts: ListFacts | None = None
    units: tuple[str, ...] = ()


@begun_anew
def write_shard_lists(layout: Layout, shards: list[str], *, n_shards: int, memory_bytes: int | None = None) -> list[ShardList]:
    """Write the lists of `shards`: each clip ever listed is in exactly one shard, kept or dropped.

    A list whose clips stay as they are keeps its hash and is not written, so only shards with news are checked again. What it was
    made from therefore lies beside it (`Layout.shard_origin`), not in it. When all were made from this table, nothing is read;
    else only where it has changed (`storage.changes`).
    As many clips lie in memory at a time as `memory_bytes` allow, and one shard. It begins anew when another run has written one
    of these tables meanwhile.

    Raises:
        NoSpaceError: the disk is full; lists that were not written yet are as they were.
        ReplacedError: other runs write these tables again and again.
        StageError: size_filtered is missing.
    """
    source = stage_hash(layout.size_filtered)
    known = [shard_list for shard in shards if (shard_list := _known_list(layout, shard, source))]
    if len(known) == len(shards):
        return known
    clips = TablesByKey([layout.size_filtered], CLIPS)
    # Once more, of the file that is read: it may have been replaced since.
    source = stage_hash(layout.size_filtered)
    units = clips.units()
    changes = {shard: _changes(layout, shard, units) for shard in shards}
    gone = read_dropped(layout.size_filtered)
    dropped = dict(iter(gone.groupby(assign_shards(gone["clip_key"], n_shards=n_shards))))
    with rows_aside(layout.size_filtered, CLIPS) as aside:
        for part in clips.ranges(memory_bytes=memory_bytes, within=changed_in_any(changes.values())):
            rows = clips.rows(part)
            aside.put(rows, assign_shards(rows["clip_key"], n_shards=n_shards))
        return [
            _write_list(layout, shard, Split(aside.take(shard), dropped.get(shard, DROPPED.frame())), source, changed)
            for shard, changed in changes.items()
        ]


def _changes(layout: Layout, shard: str, units: list[Unit]) -> Changes:
    """Where a shard's list has to be made anew: where size_filtered has changed since."""
    path, origin = layout.shard_list(shard), read_origin(layout, shard)
    is_of_list = origin is not None and path.exists() and origin.shard_lists == stage_hash(path)
    made_from = origin.units if origin is not None and is_of_list else ()
    return changes_of(path, CLIPS, note=StageNote(shard=shard), units=units, made_from=made_from)


def _write_list(layout: Layout, shard: str, halves: Split, source: str, changes: Changes) -> ShardList:
    path = layout.shard_list(shard)
    kept, dropped = changes.made_anew(halves.kept), halves.dropped
    rows, gone = (half.sort_values("clip_key", ignore_index=True) for half in (kept, dropped))
    content_hash = write_stage_in_parts(path, CLIPS, kept=[rows], dropped=gone, note=StageNote(shard=shard), patch=changes.patch)
    n_bytes = int(read_table(path, CLIPS, columns=["file_size"]).rows["file_size"].sum())
    facts = ListFacts(n_clips=count_rows(path), n_dropped=len(gone), n_bytes=n_bytes)
    _write_origin(layout, shard, Origin({"size_filtered": source}, content_hash, facts, changes.units))
    return ShardList(shard=shard, content_hash=content_hash, **vars(facts))


def _known_list(layout: Layout, shard: str, source: str) -> ShardList | None:
    """The list that is there when it is whole and was made from this size_filtered; else None."""
    origin = read_origin(layout, shard)
    if origin is None or origin.facts is None or origin.inputs != {"size_filtered": source}:
        return None
    content_hash = unchanged_stage(layout.shard_list(shard), StageNote(shard=shard))
    if content_hash is None or origin.shard_lists != content_hash:
        return None
    return ShardList(shard=shard, content_hash=content_hash, **vars(origin.facts))


def read_origin(layout: Layout, shard: str) -> Origin | None:
    """What the list of `shard` was made from; None when nobody has written it down, or the disk has torn it."""
    try:
        return read_value(Origin, json.loads(layout.shard_origin(shard).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def keep_origin(layout: Layout, shard: str, *, was: str) -> None:
    """Say of a list whose stage hash `was` this, before rows were taken out of it, that the others are of the origin they had."""
    origin = read_origin(layout, shard)
    if origin is not None and origin.shard_lists == was:
        now = replace(origin, shard_lists=stage_hash(layout.shard_list(shard)), facts=None)
        _write_origin(layout, shard, now)


def _write_origin(layout: Layout, shard: str, origin: Origin) -> None:
    write_text(layout.shard_origin(shard), json.dumps(asdict(origin), sort_keys=True) + "\n")
