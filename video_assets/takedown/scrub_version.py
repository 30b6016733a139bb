"""Taking clips out of the files of a published version: its CSV, its Parquet twin, its table of dropped clips.

Belongs here: rewriting one file. Does not belong here: tables of the stages (`takedown.scrub`), the version's manifest
(`takedown.redact`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.schema import DROPPED, TRAINING
from video_assets.publish.product_files import sha256_file
from video_assets.publish.rules.rows import csv_header, csv_rows
from video_assets.publish.segments import segments_of
from video_assets.publish.training_csv import csv_batches, csv_table
from video_assets.storage.durable import durable_write
from video_assets.storage.row_group_bytes import is_ours_and_sound
from video_assets.storage.row_groups import parts
from video_assets.storage.tables import read_table, write_table
from video_assets.takedown.scrub import scrub_table


class Lines(NamedTuple):
    """Lines of a training CSV that belong together: their bytes, and how many of them go."""

    n_bytes: int
    n_gone: int


def scrub_product_table(path: Path, paths: set[str]) -> int:
    """Take rows out of a Parquet twin. Returns the number of rows."""
    return scrub_table(path, lambda rows: rows["path"].isin(paths).to_numpy(dtype=bool))


def scrub_csv(path: Path, paths: set[str], *, lines: Sequence[Lines] = ()) -> int:
    """Take rows out of a training CSV; the others keep their bytes. Returns the number of rows.

    With `lines`, which `lines_of` found, only those are parsed in which a row goes.
    """
    gone = pa.array(sorted(paths), pa.string())
    if lines:
        return _scrub_lines(path, gone, lines)
    n_gone = sum(_count(rows, gone) for rows in _csv_tables(path))
    if n_gone:
        with durable_write(path) as file:
            file.write(csv_header())
            for rows in _csv_tables(path):
                file.write(csv_rows(_others(rows, gone)))
    return n_gone


def lines_of(csv: Path, table: Path, paths: set[str], *, sha256: str) -> list[Lines]:
    """The lines of a version's CSV, as its Parquet twin says.

    Empty when that does not say it, or when one of both is not what was published: `sha256` is the hash of the CSV then.
    """
    segments = segments_of(pq.read_metadata(table))
    if not segments or not is_ours_and_sound(table, TRAINING.arrow) or sha256_file(csv) != sha256:
        return []
    gone = pa.array(sorted(paths), pa.string())
    counts = (_count(rows, gone) for rows in parts(table, ["path"]))
    return [Lines(segment.csv_bytes, n_gone) for segment, n_gone in zip(segments, counts, strict=True)]


def _scrub_lines(path: Path, gone: pa.Array, lines: Sequence[Lines]) -> int:
    if n_gone := sum(part.n_gone for part in lines):
        with path.open("rb") as source, durable_write(path) as file:
            file.write(source.read(len(csv_header())))
            for part in lines:
                found = source.read(part.n_bytes)
                file.write(csv_rows(_others(csv_table(found), gone)) if part.n_gone else found)
    return n_gone


def count_csv_rows(path: Path) -> int:
    """Rows of a training CSV, its header left out."""
    return sum(rows.num_rows for rows in _csv_tables(path))


def scrub_dropped(path: Path, clips: pd.DataFrame) -> None:
    """Make clips (clip_key, source, path) dropped as taken down; a row that one had before goes."""
    rows = read_table(path, DROPPED).rows
    others = rows[~rows["clip_key"].isin(clips["clip_key"])]
    ours = clips[["clip_key", "source", "path"]].assign(stage="training_csv", reason="taken_down", detail="taken down")
    every = pd.concat([others, DROPPED.frame(ours)]).sort_values("clip_key", ignore_index=True)
    write_table(path, DROPPED, every)


def _csv_tables(path: Path) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in csv_batches(path))


def _others(rows: pa.Table, gone: pa.Array) -> pa.Table:
    return rows.filter(pc.call_function("invert", [_is_in(rows, gone)]))


def _count(rows: pa.Table, paths: pa.Array) -> int:
    return int(pc.call_function("sum", [_is_in(rows, paths)]).as_py() or 0)


def _is_in(rows: pa.Table, paths: pa.Array) -> pa.Array:
    return pc.call_function("is_in", [rows.column("path").combine_chunks()], pc.SetLookupOptions(value_set=paths))
