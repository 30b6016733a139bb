"""Pieces of a version that the next one takes over as bytes: a row group of the Parquet twin, and its rows in the CSV.

Rows are cut by clip key (`storage.grouping`), so a clip that comes or goes changes one piece. The twin's footer has a fingerprint
of the rows of each piece, and how many bytes of CSV they are. Equal fingerprints mean equal bytes, copied or made anew. So do
equal names of what a piece was made from (`publish.pieces`), for which no row needs to be read.
Belongs here: fingerprints, finding a piece again. Does not belong here: writing (`publish.product_files`), which version is
undamaged (`publish.publish`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.core.schema import TRAINING
from video_assets.publish.pieces import Piece
from video_assets.publish.rules.rows import csv_header
from video_assets.storage.row_group_bytes import RowGroups, RowGroupWriter, is_ours_and_sound

_SEGMENTS = b"video_assets.segments"


class Segment(NamedTuple):
    """What the twin's footer says of a row group: the fingerprint of its rows, and their bytes in the CSV."""

    fingerprint: str
    csv_bytes: int


class Taken(NamedTuple):
    """A segment that was taken over, its lines of CSV, and its lines in the CSV of each source."""

    segment: Segment
    piece: Piece
    lines: bytes
    sources: dict[str, bytes]


class _Lines:
    """An open CSV that is read from the header on, piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.end = file, len(csv_header())

    def following(self, n_bytes: int) -> range:
        """Where the next lines are."""
        self.end += n_bytes
        return range(self.end - n_bytes, self.end)

    def read(self, place: range) -> bytes:
        self._file.seek(place.start)
        return self._file.read(len(place))


class _Place(NamedTuple):
    group: int
    segment: Segment
    lines: range
    sources: dict[str, range]


class KnownSegments:
    """The segments of a version, by the fingerprint of their rows; without files there is none."""

    def __init__(self, files: tuple[IO[bytes], IO[bytes]] | None = None, segments: Sequence[Segment] = ()) -> None:
        """Take CSV and twin, open, and what the twin says of its row groups."""
        self._places: list[_Place] = []
        self._made: dict[str, tuple[_Place, Piece]] = {}
        self._by_source: dict[str, _Lines] = {}
        if files is not None:
            self._csv, self._groups = _Lines(files[0]), RowGroups(files[1])
            self._places = [_Place(group, each, self._csv.following(each.csv_bytes), {}) for group, each in enumerate(segments)]
        self._found = {place.segment.fingerprint: place for place in self._places}

    def learn(self, pieces: Sequence[Piece], by_source: Mapping[str, IO[bytes]]) -> None:
        """Take what all segments were made from, in their order, and the open CSV of each source."""
        self._by_source = {source: _Lines(file) for source, file in by_source.items()}
        for place, piece in zip(self._places, pieces, strict=True):
            self._made[piece.made_of] = place, piece
            for source, lines in self._by_source.items():
                place.sources[source] = lines.following(piece.sources[source].bytes)

    def has_made_of(self, made_of: str) -> bool:
        """True when `take_made_of` finds a segment."""
        return made_of in self._made

    def take_made_of(self, made_of: str, writer: RowGroupWriter) -> Taken:
        """Copy the row group of the segment that was made from this.

        Raises:
            KeyError: there is none such.
        """
        place, piece = self._made[made_of]
        lines = {source: self._by_source[source].read(where) for source, where in place.sources.items()}
        return Taken(place.segment, piece, self._copy(place, writer), lines)

    def take_over(self, wanted: str, writer: RowGroupWriter) -> bytes | None:
        """Copy the row group whose rows have this fingerprint, and return its lines of CSV; None when there is none."""
        place = self._found.get(wanted)
        return None if place is None else self._copy(place, writer)

    def _copy(self, place: _Place, writer: RowGroupWriter) -> bytes:
        writer.copy(self._groups, place.group)
        return self._csv.read(place.lines)


@contextmanager
def known_segments(
    csv: Path, table: Path, *, pieces: Sequence[Piece] = (), by_source: Mapping[str, Path] | None = None
) -> Iterator[KnownSegments]:
    """Those of a version whose files have the hashes that its manifest names.

    None are known where a doubt is left: of a version of before, of other libraries, or one that a take-down has changed.

    Args:
        csv: of the version.
        table: its Parquet twin.
        pieces: what its segments were made from, when that is known.
        by_source: its CSVs per source.
    """
    segments, of_sources = segments_of(pq.read_metadata(table)), by_source or {}
    csv_bytes = len(csv_header()) + sum(segment.csv_bytes for segment in segments)
    if not segments or csv_bytes != csv.stat().st_size or not is_ours_and_sound(table, TRAINING.arrow):
        yield KnownSegments()
        return
    with ExitStack() as stack:
        known = KnownSegments((stack.enter_context(csv.open("rb")), stack.enter_context(table.open("rb"))), segments)
        if len(pieces) == len(segments) and all(_fits(path, source, pieces) for source, path in of_sources.items()):
            known.learn(pieces, {source: stack.enter_context(path.open("rb")) for source, path in of_sources.items()})
        yield known


def _fits(path: Path, source: str, pieces: Sequence[Piece]) -> bool:
    """True when the CSV of a source is as long as what is known of its lines."""
    if not path.exists() or not all(source in piece.sources for piece in pieces):
        return False
    return path.stat().st_size == len(csv_header()) + sum(piece.sources[source].bytes for piece in pieces)


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


def without_segments(schema: pa.Schema) -> pa.Schema:
    """The schema of a twin whose rows are about to be others, without what it says of them."""
    return schema.with_metadata({name: value for name, value in (schema.metadata or {}).items() if name != _SEGMENTS})
