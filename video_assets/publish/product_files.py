"""Files of the product while they are written, outputs that know their own hash.

Belongs here: rows to files. Does not belong here: which rows (`publish.publish`), where they come from (`publish.shard_rows`),
their text (`publish.rules.rows`).
"""

import hashlib
import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from video_assets.core.schema import TRAINING
from video_assets.publish.pieces import Lines, Piece
from video_assets.publish.rules.manifest import FileFacts
from video_assets.publish.rules.rows import csv_header, csv_rows
from video_assets.publish.segments import KnownSegments, Segment, Taken, fingerprint, tell_segments
from video_assets.settings.model import Settings
from video_assets.storage.durable import durable_write
from video_assets.storage.row_group_bytes import RowGroupWriter

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


def sha256_file(path: Path) -> str:
    """What `sha256sum` prints."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashedFile(io.RawIOBase):
    """A file to write to that keeps count and hash of its bytes; closing it leaves the file below open."""

    def __init__(self, file: "SupportsWrite[bytes]") -> None:
        super().__init__()
        self._file, self._digest = file, hashlib.sha256()
        self.n_bytes = self.n_rows = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        self._file.write(data)
        self._digest.update(data)
        size = memoryview(data).nbytes
        self.n_bytes += size
        return size

    @property
    def facts(self) -> FileFacts:
        """Of what was written so far."""
        return FileFacts(rows=self.n_rows, bytes=self.n_bytes, sha256=self._digest.hexdigest())


class ProductFiles:
    """CSV, Parquet twin and one CSV per source, all written at once; they appear when the block ends without an exception.

    Of rows that are in `known`, CSV and twin get the bytes that they had there. `pieces` says what was written, in order.
    """

    def __init__(self, folder: Path, name: str, *, sources: Mapping[str, str], known: KnownSegments | None = None) -> None:
        self._csv, self._table = folder / f"{name}.csv", folder / f"{name}.parquet"
        self._by_source = {source: folder / f"{product}.csv" for source, product in sources.items()}
        self._stack = ExitStack()
        self._files: dict[Path, HashedFile] = {}
        self._known, self._segments = known or KnownSegments(), list[Segment]()
        self.pieces: list[Piece] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for path in (self._csv, self._table, *self._by_source.values()):
                self._files[path] = HashedFile(stack.enter_context(durable_write(path)))
            for path in (self._csv, *self._by_source.values()):
                self._files[path].write(csv_header())
            self._twin = stack.enter_context(RowGroupWriter(self._files[self._table], TRAINING.arrow))
            self._stack = stack.pop_all()
        return self

    def write(self, rows: pa.Table, source: pa.ChunkedArray, *, made_of: str = "") -> None:
        """Append TRAINING rows, which are a row group of the twin.

        Args:
            rows: one at least.
            source: where each comes from.
            made_of: see `publish.pieces`.
        """
        known = fingerprint(rows)
        lines = self._known.take_over(known, self._twin)
        if lines is None:
            lines = csv_rows(rows)
            self._twin.write(rows)
        sources, found = {}, {}
        for name in self._by_source:
            of_source = rows.filter(pa.array(source.to_numpy() == name))
            found[name] = csv_rows(of_source)
            sources[name] = Lines(of_source.num_rows, len(found[name]))
        self._append(Taken(Segment(known, len(lines)), Piece(made_of, rows.num_rows, sources), lines, found))

    def take_over(self, made_of: str) -> int:
        """Append the rows of a piece that was made from the same before, and say how many; `is_known` must be true of it."""
        taken = self._known.take_made_of(made_of, self._twin)
        self._append(taken)
        return taken.piece.rows

    def is_known(self, made_of: str) -> bool:
        """True when the rows of a piece that is made from this need not be read."""
        return self._known.has_made_of(made_of)

    @property
    def facts(self) -> dict[str, FileFacts]:
        """By file name. Complete after the block has ended."""
        return {path.name: file.facts for path, file in self._files.items()}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        tell_segments(self._twin, self._segments)
        self._stack.__exit__(kind, error, trace)

    def _append(self, part: Taken) -> None:
        self._segments.append(part.segment)
        self.pieces.append(part.piece)
        self._files[self._table].n_rows += part.piece.rows
        self._append_csv(self._csv, part.lines, part.piece.rows)
        for name, path in self._by_source.items():
            self._append_csv(path, part.sources[name], part.piece.sources[name].rows)

    def _append_csv(self, path: Path, lines: bytes, n_rows: int) -> None:
        self._files[path].write(lines)
        self._files[path].n_rows += n_rows


def per_source_names(settings: Settings) -> dict[str, str]:
    """File names (without .csv) of the CSVs beside the combined one, by source. Own clips alone need none."""
    is_own_alone = [source.name for source in settings.sources] == ["own_clips"]
    if is_own_alone or not settings.training.is_per_source:
        return {}
    return {source.name: source.product for source in settings.sources}
