"""The pieces of the product, cut at clip keys, and what each is made from; decided without reading a caption.

A piece is a row group of the Parquet twin, and its lines of CSV. It is made from row groups of the shards, which have hashes.
Where these, and the choice and order of their rows, are as they were for the last version, so are the piece's bytes.
Belongs here: cutting, naming what a piece is made from, remembering it. Does not belong here: where a border is
(`storage.grouping`), taking bytes over (`publish.segments`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import xxhash

from video_assets.core.json_values import read_value
from video_assets.storage.durable import write_text
from video_assets.storage.grouping import starts_group
from video_assets.storage.row_group_bytes import hashes_of

Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class Lines:
    """Rows of a piece in the CSV of one source, and their bytes."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Piece:
    """What a piece was made from, how many rows it has, and what of it is in the CSVs per source."""

    made_of: str
    rows: int
    sources: dict[str, Lines] = field(default_factory=dict)


@dataclass(frozen=True)
class _Memory:
    table: str
    pieces: list[Piece]


def ranges_of(is_kept: npt.NDArray[np.bool_], kept_keys: pd.Series) -> Ranges:
    """First and end of the rows of each piece, in which there is one kept row at least.

    Args:
        is_kept: for all rows in the order of the clip key.
        kept_keys: of the kept ones, in the same order, each once.
    """
    begins = np.fromiter((starts_group(key) for key in kept_keys), dtype=bool, count=len(kept_keys))
    begins[:1] = False  # what is dropped before the first kept row belongs to the first piece
    borders = [0, *np.flatnonzero(is_kept)[begins].tolist(), len(is_kept)]
    return list(pairwise(borders))


def made_of(
    ranges: Ranges, *, paths: Sequence[Path], order: npt.NDArray[np.int16], is_kept: npt.NDArray[np.bool_], recipe: str
) -> list[str]:
    """A hash for each piece of everything that decides its bytes.

    Args:
        ranges: first and end of the rows of each piece.
        paths: the shards.
        order: the shard of each row, in the order of the clip key.
        is_kept: which of these rows are in the product.
        recipe: how a row of a shard becomes a row of the product.
    """
    of_shards = _row_groups_of(ranges, paths, order)
    found = []
    for index, (start, end) in enumerate(ranges):
        digest = xxhash.xxh3_128(recipe.encode())
        digest.update(order[start:end].tobytes())
        digest.update(np.packbits(is_kept[start:end]).tobytes())
        for of_shard in of_shards:
            digest.update(of_shard[index])
        found.append(digest.hexdigest())
    return found


def _row_groups_of(ranges: Ranges, paths: Sequence[Path], order: npt.NDArray[np.int16]) -> list[list[bytes]]:
    """For each shard and piece: hashes of the row groups that have its rows, and which of their rows these are."""
    piece_of_row = np.repeat(np.arange(len(ranges)), [end - start for start, end in ranges])
    counts = np.bincount(piece_of_row * len(paths) + order, minlength=len(ranges) * len(paths))
    all_ends = counts.reshape(-1, len(paths)).cumsum(axis=0)
    of_shards = []
    for number, path in enumerate(paths):
        metadata, hashes = pq.read_metadata(path), hashes_of(path)
        starts = np.cumsum([0, *(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))])
        ends = all_ends[:, number]
        firsts = np.concatenate([[0], ends[:-1]])
        lowest = np.searchsorted(starts, firsts, side="right") - 1
        highest = np.searchsorted(starts, ends, side="left")
        told = []
        for first, end, low, high in zip(firsts, ends, lowest, highest, strict=True):
            groups = "".join(hashes[low:high]) if end > first else ""
            told.append(f"{number} {first - starts[low]} {end - first} {groups};".encode())
        of_shards.append(told)
    return of_shards


def remember(memory: Path, *, table_sha256: str, pieces: list[Piece]) -> None:
    """Keep what the pieces of a Parquet twin with this hash were made from; the file may be deleted at any time."""
    write_text(memory, json.dumps(asdict(_Memory(table_sha256, pieces))))


def remembered(memory: Path, *, table_sha256: str) -> list[Piece]:
    """What the pieces of this twin, in its order, were made from; nothing when that is not known."""
    try:
        found = read_value(_Memory, json.loads(memory.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return []  # nothing there, or of another version: it is only a copy
    return found.pieces if found.table == table_sha256 else []
