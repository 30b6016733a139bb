"""Taking clips out of what the stages have written: rows of tables, lines of parts.

Belongs here: rewriting files without those rows, each of them durably, in pieces. Does not belong here: published versions
(`takedown.scrub_version`), which clips, and the order in which things are removed (`takedown.take_down`).
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.schema import KEY
from video_assets.publish.segments import without_segments
from video_assets.storage.changes import joined
from video_assets.storage.durable import durable_write, identity
from video_assets.storage.keys import KeyRange, lowest_keys
from video_assets.storage.layout import Layout
from video_assets.storage.patching import Patch, ReplacedError, write_patched
from video_assets.storage.row_group_bytes import RowGroups, RowGroupWriter, is_ours_and_sound
from video_assets.storage.row_groups import groups, opened
from video_assets.storage.tables import ROWS_PER_GROUP
from video_assets.tombstones.matching import REASONS

IsGone = Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
"""For rows with their clip keys, or what a table without these has of `NAMING`: which are about a clip that was taken down."""

_Change = Callable[[pa.Table, npt.NDArray[np.bool_]], pa.Table]
"""How the rows of a mask are taken out of a table, or changed in it."""

NAMING = ("clip_key", "path", "video", "member", "url", "video_url", "video_id", "source_id", "content_hash", "origin", "extras")
_WORDS: Mapping[str, str | bool] = {"text": "", "extras": "{}"}
_BURIED: Mapping[str, str | bool] = {
    **_WORDS,
    "origin": "",
    "member": "",
    "status": "failed",
    "reason": "taken_down",
    "detail": REASONS["taken_down"],
    "is_permanent": True,
}


def tables_of(layout: Layout) -> list[Path]:
    """Every table below the data root that can name a clip, but for those of the product and of take-downs."""
    folders = [layout.root / name for name in ("raw", "metadata", "filter", "decode")]
    found = [path for folder in folders for path in sorted(folder.rglob("*.parquet"))]
    return [path for path in found if not path.name.startswith(".") and not path.name.endswith(".dropped.parquet")]


def listings_of(layout: Layout) -> list[Path]:
    """What sources offer, as tables with captions."""
    return sorted((layout.root / "listings").rglob("*.parquet"))


def parts_of(layout: Layout) -> list[Path]:
    """Every file of results that are not in a table yet."""
    folders = [layout.root / name for name in ("raw", "metadata", "decode")]
    return [path for folder in folders for path in sorted(folder.rglob("*.jsonl"))]


def scrub_table(path: Path, is_gone: IsGone) -> int:
    """Take rows out of a table; a ledger keeps the row, without words, as failed. Returns the number of rows.

    Row groups without such a row keep their bytes, so the stages that follow find them as they were.

    Raises:
        OSError, StageError: the file cannot be read or written; it stays as it was.
        ReplacedError: another run has written it meanwhile.
    """
    with opened(path) as file:
        names = file.schema_arrow.names
        columns = [KEY.name] if KEY.name in names else [name for name in NAMING if name in names]
        masks = [is_gone(_frame(table)) for table in groups(file, columns)] if columns else []
        if {KEY.name, "status", "reason"} <= set(names):
            masks = _without_buried(file, masks)
            return _rewrite(path, file, masks, _bury)
        return _rewrite(path, file, masks, _filter)


def scrub_listing(path: Path, is_gone: IsGone) -> int:
    """Take the words out of rows of what a source offers; the rows stay. Returns the number of rows."""
    with opened(path) as file:
        masks = [is_gone(_frame(table)) for table in groups(file, [KEY.name])]
        words = zip(groups(file, list(_WORDS)), masks, strict=True)
        return _rewrite(path, file, [mask & _has_words(_frame(table)) for table, mask in words], _blank)


def scrub_parts(path: Path, clip_keys: set[str]) -> int:
    """Take lines out of a file of results; a torn last line stays. Returns the number of lines."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not line.endswith(b"\n") or json.loads(line).get("clip_key") not in clip_keys]
    if len(kept) < len(lines):
        with durable_write(path) as file:
            file.writelines(kept)
    return len(lines) - len(kept)


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def _without_buried(file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]]) -> list[npt.NDArray[np.bool_]]:
    """Rows of a ledger that are buried already need not be rewritten."""
    names = [name for name in ("reason", "text", "member") if name in file.schema_arrow.names]
    found = []
    for table, mask in zip(groups(file, names), masks, strict=True):
        rows = _frame(table)
        is_buried = (rows["reason"] == "taken_down").to_numpy(dtype=bool)
        for name in names[1:]:
            is_buried &= (rows[name] == "").to_numpy(dtype=bool)
        found.append(mask & ~is_buried)
    return found


def _filter(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    return table.filter(pa.array(~mask))


def _bury(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    return _set(table, mask, _BURIED)


def _blank(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    return _set(table, mask, _WORDS)


def _has_words(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return np.logical_or.reduce([(rows[name] != value).to_numpy(dtype=bool) for name, value in _WORDS.items()])


def _set(table: pa.Table, mask: npt.NDArray[np.bool_], values: Mapping[str, str | bool]) -> pa.Table:
    for name, value in values.items():
        if name in table.column_names:
            field = table.schema.field(name)
            buried = pc.call_function("if_else", [pa.array(mask), pa.scalar(value, field.type), table.column(name)])
            table = table.set_column(table.schema.get_field_index(name), field, buried)
    return table


def _rewrite(path: Path, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]], change: _Change) -> int:
    """Write the row groups that have rows in `masks` as `change` makes them, and copy the others. Returns the number of rows."""
    n_rows = int(sum(mask.sum() for mask in masks))
    if not n_rows:
        return 0
    schema = file.schema_arrow
    with path.open("rb") as raw, durable_write(path) as sink:
        seen = identity(os.fstat(raw.fileno()))
        if pq.read_metadata(raw) != file.metadata:
            raise ReplacedError(f"{path} was replaced while it was read: wait for the other run, then do it again")
        if not is_ours_and_sound(path, schema):
            _write_whole(pq.ParquetWriter(sink, schema, compression="zstd"), file, masks, change)
            return n_rows
        with RowGroupWriter(sink, without_segments(schema)) as writer:
            if patch := _patch(path, file, masks, seen):
                touched = (change(file.read_row_group(at), mask) for at, mask in enumerate(masks) if mask.any())
                write_patched(writer, patch, (rows.replace_schema_metadata(None) for rows in touched), schema.remove_metadata())
            else:
                _write_touched(writer, RowGroups(raw), file, masks, change)
    return n_rows


def _write_whole(writer: pq.ParquetWriter, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]], change: _Change) -> None:
    with writer:
        for table, mask in zip(groups(file, file.schema_arrow.names), masks, strict=True):
            rows = change(table, mask)
            if rows.num_rows:
                writer.write_table(rows, row_group_size=ROWS_PER_GROUP)


def _write_touched(
    writer: RowGroupWriter, old: RowGroups, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]], change: _Change
) -> None:
    for index, mask in enumerate(masks):
        if not mask.any():
            writer.copy(old, index)
        elif (rows := change(file.read_row_group(index), mask)).num_rows:
            writer.write(rows)


def _patch(path: Path, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]], seen: tuple[int, int, int]) -> Patch | None:
    """The keys of the row groups that have rows in `masks`; None for a table that is not cut by clip key."""
    lowest = lowest_keys(file.metadata) if KEY.name in file.schema_arrow.names else []
    if not lowest:
        return None
    owned = zip(["", *lowest[1:]], [*lowest[1:], None], masks, strict=True)
    return Patch(path, joined(KeyRange(first, end) for first, end, mask in owned if mask.any()), seen)
