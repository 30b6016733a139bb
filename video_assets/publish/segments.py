"""Pieces of a version that the next one takes over as bytes: a row group of the Parquet twin, and its rows in the CSV.

Rows are cut by clip key (`storage.grouping`), so a clip that comes or goes changes one piece. The twin's footer has a fingerprint
of the rows of each piece, and how many bytes of CSV they are. Equal fingerprints mean equal bytes, copied or made anew.
Belongs here: fingerprints, finding a piece again. Does not belong here: writing (`publish.product_files`), which version is
undamaged (`publish.publish`).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.core.schema import TRAINING
from video_assets.publish.rules.rows import csv_header
from video_assets.storage.row_group_bytes import RowGroups, RowGroupWriter, is_ours_and_sound

_SEGMENTS = b"video_assets.segments"


class Segment(NamedTuple):
    """What the twin's footer says of a row group: the fingerprint of its rows, and their bytes in the CSV."""

    fingerprint: str
    csv_bytes: int


class _Place(NamedTuple):
    group: int
    start: int
    end: int


class KnownSegments:
    """The segments of a version, by the fingerprint of their rows; without files there is none."""

    def __init__(self, files: tuple[IO[bytes], IO[bytes]] | None = None, segments: Sequence[Segment] = ()) -> None:
        """Take CSV and twin, open, and what the twin says of its row groups."""
        self._files = files
        self._groups = None if files is None else RowGroups(files[1])
        self._places: dict[str, _Place] = {}
        start = len(csv_header())
        for group, (known, csv_bytes) in enumerate(segments):
            self._places[known] = _Place(group, start, start + csv_bytes)
            start += csv_bytes

    def take_over(self, wanted: str, writer: RowGroupWriter) -> bytes | None:
        """Copy the row group whose rows have this fingerprint, and return its lines of CSV; None when there is none."""
        place = self._places.get(wanted)
        if place is None or self._files is None or self._groups is None:
            return None
        csv = self._files[0]
        csv.seek(place.start)
        writer.copy(self._groups, place.group)
        return csv.read(place.end - place.start)


@contextmanager
def known_segments(csv: Path, table: Path) -> Iterator[KnownSegments]:
    """Those of a version whose files have the hashes that its manifest names.

    None are known where a doubt is left: of a version of before, of other libraries, or one that a take-down has changed.
    """
    segments = segments_of(pq.read_metadata(table))
    csv_bytes = len(csv_header()) + sum(segment.csv_bytes for segment in segments)
    if not segments or csv_bytes != csv.stat().st_size or not is_ours_and_sound(table, TRAINING.arrow):
        yield KnownSegments()
        return
    with csv.open("rb") as lines, table.open("rb") as groups:
        yield KnownSegments((lines, groups), segments)


def tell_segments(writer: RowGroupWriter, segments: Sequence[Segment]) -> None:
    """Put into the twin's footer what `known_segments` finds there."""
    writer.tell(_SEGMENTS, json.dumps(segments).encode())


def fingerprint(rows: pa.Table) -> str:
    """A hash of TRAINING rows, the same however they lie in memory; and of the program, which spells them."""
    digest = xxhash.xxh3_128(installed_version("video_assets").encode())
    for name in TRAINING.names:
        column = rows.column(name).cast(TRAINING.arrow.field(name).type).combine_chunks()
        if pa.types.is_string(column.type):
            _, places, data = column.buffers()
            ends = np.frombuffer(places, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
            digest.update(np.diff(ends).tobytes())
            digest.update(memoryview(data)[ends[0] : ends[-1]])
        else:
            digest.update(column.to_numpy().tobytes())
    return digest.hexdigest()


def segments_of(twin: pq.FileMetaData) -> list[Segment]:
    """What a twin's footer says of its row groups; nothing when it does not say it of each."""
    said = json.loads((twin.metadata or {}).get(_SEGMENTS, b"[]"))
    return [Segment(*each) for each in said] if len(said) == twin.num_row_groups else []
