"""Taking clips out of what the stages have written: rows of tables, lines of parts.

Belongs here: rewriting files without those rows, each of them durably, in pieces. Does not belong here: published versions
(`takedown.scrub_version`), which clips, and the order in which things are removed (`takedown.take_down`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.schema import KEY
from video_assets.publish.segments import without_segments
from video_assets.storage.durable import durable_write, identity
from video_assets.storage.keys import KeyRange, lowest_keys
from video_assets.storage.layout import Layout
from video_assets.storage.patching import Patch, write_patched
from video_assets.storage.row_group_bytes import RowGroups, RowGroupWriter, is_ours_and_sound
from video_assets.storage.row_groups import groups, opened
from video_assets.storage.tables import ROWS_PER_GROUP
from video_assets.tombstones.matching import REASONS

IsGone = Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
"""For rows with their clip keys, or what a table without these has of `NAMING`: which are about a clip that was taken down."""

NAMING = ("clip_key", "path", "video", "member", "url", "video_url", "video_id", "source_id", "content_hash", "origin", "extras")
_BURIED: Mapping[str, str | bool] = {
    "text": "",
    "extras": "{}",
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
        schema = file.schema_arrow
        has_keys = KEY.name in schema.names
        columns = [KEY.name] if has_keys else [name for name in NAMING if name in schema.names]
        masks = [is_gone(_frame(table)) for table in groups(file, columns)] if columns else []
        is_ledger = {KEY.name, "status", "reason"} <= set(schema.names)
        if is_ledger:
            masks = _without_buried(file, masks)
        n_rows = int(sum(mask.sum() for mask in masks))
        if not n_rows:
            return 0
        with durable_write(path) as sink:
            if not is_ours_and_sound(path, schema):
                with pq.ParquetWriter(sink, schema, compression="zstd") as foreign:
                    for table, mask in zip(groups(file, schema.names), masks, strict=True):
                        rows = _without(table, mask, is_ledger=is_ledger)
                        if rows.num_rows:
                            foreign.write_table(rows, row_group_size=ROWS_PER_GROUP)
                return n_rows
            with RowGroupWriter(sink, without_segments(schema)) as writer:
                if has_keys and (patch := _patch(path, file, masks)):
                    write_patched(writer, patch, _buried_rows(file, masks) if is_ledger else (), schema.remove_metadata())
                else:
                    _write_touched(writer, path, file, masks, is_ledger=is_ledger)
    return n_rows


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


def _bury(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    for name, value in _BURIED.items():
        if name in table.column_names:
            field = table.schema.field(name)
            buried = pc.call_function("if_else", [pa.array(mask), pa.scalar(value, field.type), table.column(name)])
            table = table.set_column(table.schema.get_field_index(name), field, buried)
    return table


def _without(table: pa.Table, mask: npt.NDArray[np.bool_], *, is_ledger: bool) -> pa.Table:
    return _bury(table, mask) if is_ledger else table.filter(pa.array(~mask))


def _write_touched(
    writer: RowGroupWriter, path: Path, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]], *, is_ledger: bool
) -> None:
    """Copy the row groups of which nothing goes, and write the others."""
    with path.open("rb") as raw:
        old = RowGroups(raw)
        for index, mask in enumerate(masks):
            if not mask.any():
                writer.copy(old, index)
            elif (rows := _without(file.read_row_group(index), mask, is_ledger=is_ledger)).num_rows:
                writer.write(rows)


def _patch(path: Path, file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]]) -> Patch | None:
    """The keys of the rows in `masks`, as ranges; None for a table that is not cut by clip key."""
    seen = identity(path.stat())
    if not lowest_keys(file.metadata):
        return None
    keys = {
        key
        for index, mask in enumerate(masks)
        if mask.any()
        for key in file.read_row_group(index, columns=[KEY.name]).column(KEY.name).filter(pa.array(mask)).to_pylist()
    }
    # Nothing lies between a key and the same with a NUL behind it.
    return Patch(path, tuple(KeyRange(key, key + "\0") for key in sorted(keys)), seen)


def _buried_rows(file: pq.ParquetFile, masks: list[npt.NDArray[np.bool_]]) -> Iterator[pa.Table]:
    """The rows of a ledger in `masks`, without words."""
    for index, mask in enumerate(masks):
        if mask.any():
            rows = file.read_row_group(index).filter(pa.array(mask))
            yield _bury(rows, np.ones(len(rows), dtype=bool)).replace_schema_metadata(None)
