"""The product's rows, written in the order that the settings name: by clip key, or, of a table that grows, as they were before.

Rows come from the shards a piece at a time, so memory does not grow with the captions. Pieces that are made from the same as
before are taken over; their rows are not read.
Belongs here: which rows are read, in which order. Does not belong here: reading them (`publish.shard_rows`), their text
(`publish.rules.rows`), files (`publish.product_files`).
"""

from collections.abc import Iterator
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.matching import positions
from video_assets.core.schema import TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.progress import Advance
from video_assets.publish.pieces import Ranges, made_of, ranges_of
from video_assets.publish.product_files import ProductFiles
from video_assets.publish.rules.row_order import growing_order
from video_assets.publish.rules.rows import training_rows
from video_assets.publish.shard_rows import in_order, read_merged
from video_assets.publish.versions import Version
from video_assets.publish.which_rows import Plan
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.workers.memory import table_bytes

_ROW = ["clip_key", "source", *TRAINING.names]


def write_rows(
    layout: Layout,
    settings: Settings,
    plan: Plan,
    *,
    files: ProductFiles,
    previous: Version | None,
    scratch: Path,
    advance: Advance,
) -> None:
    """Write all kept rows into `files`.

    Args:
        layout: where the shards are.
        settings: which order, which paths.
        plan: which rows.
        files: the product, open.
        previous: the version that `files` takes over from.
        scratch: a folder for files that are gone at the end.
        advance: is told how many rows were written.

    Raises:
        StageError: a shard was replaced meanwhile.
        ValueError: a row that nobody can train on; names the clip.
    """
    ranges = ranges_of(plan.is_kept, plan.keys)
    order = _order(plan, settings, previous)
    if order is None:
        _write_pieces(layout, settings, plan, ranges, files=files, scratch=scratch / ".shards.arrow", advance=advance)
        return
    rows = _rows(layout, settings, plan, ranges, scratch / ".shards.arrow")
    for table in in_order(rows, order, scratch / ".rows.arrow"):
        files.write(table.select(TRAINING.names), table.column("source"))
        advance(table.num_rows)


def _write_pieces(
    layout: Layout,
    settings: Settings,
    plan: Plan,
    ranges: Ranges,
    *,
    files: ProductFiles,
    scratch: Path,
    advance: Advance,
) -> None:
    """Rows in the order of the clip key: pieces that are made from the same as before are taken over, nothing of them is read."""
    names = made_of(
        ranges,
        paths=_shards(layout, settings),
        order=plan.order,
        is_kept=plan.is_kept,
        recipe=f"{installed_version('video_assets')} {settings.training.relative_to}",
    )
    new = [each for name, each in zip(names, ranges, strict=True) if not files.is_known(name)]
    rows = _rows(layout, settings, plan, new, scratch)
    for name in names:
        if files.is_known(name):
            advance(files.take_over(name))
        else:
            table = next(rows)
            files.write(table.select(TRAINING.names), table.column("source"), made_of=name)
            advance(table.num_rows)


def _rows(layout: Layout, settings: Settings, plan: Plan, ranges: Ranges, scratch: Path) -> Iterator[pa.Table]:
    """TRAINING rows with a last column `source`: the kept ones of each range of rows, in the order of the clip key."""
    relative_to = settings.training.relative_to
    memory_bytes = table_bytes(settings.tables.memory_mib)
    merged = read_merged(
        _shards(layout, settings), plan.order, columns=_ROW, scratch=scratch, ranges=ranges, memory_bytes=memory_bytes
    )
    for (start, end), clips in zip(ranges, merged, strict=True):
        kept = clips.filter(pa.array(plan.is_kept[start:end])).combine_chunks()
        rows = training_rows(kept, relative_to=None if relative_to is None else str(relative_to))
        yield rows.append_column("source", kept.column("source"))


def _shards(layout: Layout, settings: Settings) -> list[Path]:
    return [layout.checked(shard) for shard in shard_keys(settings.decode.n_shards)]


def _order(plan: Plan, settings: Settings, previous: Version | None) -> npt.NDArray[np.int64] | None:
    """The order of the rows where it is not that of the clip key."""
    if plan.paths is None or previous is None:
        return None
    return _growing_order(plan.paths, previous, settings.training.relative_to)


def _growing_order(paths: pd.Series, previous: Version, relative_to: Path | None) -> npt.NDArray[np.int64] | None:
    before = pq.read_table(previous.table, columns=["path"])["path"].to_pandas(types_mapper=pd.ArrowDtype)
    ours = paths if relative_to is None else paths.str.removeprefix(str(relative_to).rstrip("/") + "/")
    return growing_order(positions(ours, before), len(before))
