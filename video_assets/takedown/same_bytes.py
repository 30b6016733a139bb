"""Clips with the same bytes as those that a request names, under other names, where no table says so: they were never decoded.

Only a clip of the same size can have the same bytes, and these are few; only their files are read.
Belongs here: finding them. Does not belong here: clips whose hashes the tables know (`takedown.find`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.schema import LEDGER
from video_assets.media.clip_file import ClipFile, NotAFileError, StorageError
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import groups, opened
from video_assets.takedown.files import NOT_OURS
from video_assets.takedown.find import facts_of
from video_assets.takedown.outcome import FoundClip
from video_assets.takedown.scrub import tables_of

_COLUMNS = ["clip_key", "path", "status", "reason", "file_size"]
# An escaped name may be spelled like another file's.
_NO_FILE = NOT_OURS | {"unsupported_name"}


def with_same_bytes(layout: Layout, clips: Mapping[str, FoundClip], causes: Mapping[str, str]) -> dict[str, FoundClip]:
    """`clips`, and those that have their bytes or are further rows of the same file; with hashes where these had to be made.

    Files that are gone or cannot be read are equal to none.

    Args:
        layout: the data root.
        clips: what a request names, by key.
        causes: content hashes that were asked for, and by which line.

    Raises:
        StageError: a table is unreadable.
    """
    ours = {key: clip for key, clip in clips.items() if clip.path and clip.reason not in _NO_FILE}
    sizes = _sizes(layout, ours)
    paths = {clip.path: clip.cause for clip in ours.values()}
    others = list(_others(layout, clips, sizes=set(sizes.values()), paths=paths))
    wanted = {other["file_size"] for other in others}
    near = {key for key, size in sizes.items() if size in wanted}
    files = {identity: clips[key].cause for key in near if (identity := _identity(clips[key].path))}
    hashed = {key: with_hash(clips[key]) for key in near}
    hashes = {clip.content_hash: clip.cause for clip in (*ours.values(), *hashed.values()) if clip.content_hash} | {**causes}
    known, twins = facts_of(layout, [other["clip_key"] for other in others]), {}
    for key, fact in known.items():
        clip = FoundClip(clip_key=key, cause="", **fact)
        cause = paths.get(clip.path) or files.get(_identity(clip.path) or (-1, -1), "")
        # What another hash is known of was decoded: it is found by that hash, or is another file.
        if not cause and not clip.content_hash:
            clip = with_hash(clip)
            cause = hashes.get(clip.content_hash, "")
        if cause:
            twins[key] = replace(clip, cause=cause)
    return {**clips, **hashed, **twins}


def with_hash(clip: FoundClip) -> FoundClip:
    """The clip with the hash of its file's bytes, where no table has it; without when the file is gone or cannot be read.

    What lies now where a clip was that was taken down earlier goes by its name; its bytes may be anybody's.
    """
    if clip.content_hash or not clip.path or clip.reason in _NO_FILE | {"taken_down"}:
        return clip
    try:
        with ClipFile(clip.path) as file:
            return replace(clip, content_hash=file.content_hash()) if file.size else clip
    except (StorageError, NotAFileError):
        return clip


def _sizes(layout: Layout, clips: Mapping[str, FoundClip]) -> dict[str, int]:
    """Bytes of the clips' files as they were listed, else as they are; an empty file holds nothing to look for."""
    keys = pa.array(list(clips), pa.string())
    rows = _ledger_rows(layout, lambda table: _is_in(table, "clip_key", keys)).to_pylist()
    sizes = {row["clip_key"]: row["file_size"] for row in rows if row["file_size"] is not None}
    for key in clips.keys() - sizes.keys():
        try:
            sizes[key] = os.stat(clips[key].path).st_size  # noqa: PTH116 - text, not a path
        except (OSError, ValueError):
            continue
    return {key: size for key, size in sizes.items() if size}


def _others(
    layout: Layout, clips: Mapping[str, FoundClip], *, sizes: Iterable[int], paths: Iterable[str]
) -> Iterator[Mapping[str, Any]]:
    """Rows of ledgers that are not about `clips`: of one of these paths, or of one of these sizes and never decoded."""
    keys, of_size, of_path = (
        pa.array(list(clips), pa.string()),
        pa.array(list(sizes), pa.int64()),
        pa.array(list(paths), pa.string()),
    )

    def is_near(table: pa.Table) -> pa.ChunkedArray:
        is_alike = pc.call_function("or", [_is_in(table, "file_size", of_size), _is_in(table, "path", of_path)])
        return pc.call_function("and_not", [is_alike, _is_in(table, "clip_key", keys)])

    rows = _ledger_rows(layout, is_near)
    # Where all clips are of one size, nearly all are near: those with a hash are set aside before they are Python objects.
    is_known = _is_in(rows, "clip_key", _with_hash(layout, rows.column("clip_key")))
    rows = rows.filter(pc.call_function("or_kleene", [pc.call_function("invert", [is_known]), _is_in(rows, "path", of_path)]))
    return (row for row in rows.to_pylist() if row["path"] and row["reason"] not in _NO_FILE)


def _with_hash(layout: Layout, keys: pa.ChunkedArray) -> pa.Array:
    """Those of the keys that a table has with the hash of the clip's bytes."""
    found: list[pa.Array] = []
    for path in tables_of(layout) if len(keys) else ():
        with opened(path) as file:
            if {"clip_key", "content_hash"} <= set(file.schema_arrow.names):
                for table in groups(file, ["clip_key", "content_hash"]):
                    hashes = table.column("content_hash").fill_null("")
                    there = table.filter(pc.call_function("not_equal", [hashes, pa.scalar("")]))
                    found += there.filter(_is_in(there, "clip_key", keys)).column("clip_key").chunks
    return pa.chunked_array(found, pa.string()).combine_chunks()


def _ledger_rows(layout: Layout, is_wanted: Callable[[pa.Table], pa.ChunkedArray]) -> pa.Table:
    """Those rows of all ledgers."""
    schema = pa.schema([LEDGER.arrow.field(name) for name in _COLUMNS])
    found = [schema.empty_table()]
    for path in tables_of(layout):
        with opened(path) as file:
            if set(_COLUMNS) <= set(file.schema_arrow.names):
                found += [table.filter(is_wanted(table)).cast(schema) for table in groups(file, _COLUMNS)]
    return pa.concat_tables(found)


def _is_in(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.call_function("is_in", [table.column(name)], pc.SetLookupOptions(value_set=values))


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file; hard links and symbolic links to it have the same."""
    try:
        found = os.stat(path)  # noqa: PTH116 - text, not a path
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
