"""Lines of the ledger of own clips: one per row of a table, and one per clip or fault of the folder that no row names.

Rows that name a clip of the folder just as it is called, and clips without caption file, are made as columns; what leaves a
doubt is made line by line, and both give the same.
Belongs here: which finding and which caption make a line. Does not belong here: looking at files (`sources.own_clips.scan`,
`sources.own_clips.places`), reading tables (`sources.own_clips.caption_tables`), what lines mean together
(`sources.own_clips.statuses`).
"""

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.captions import CaptionRow, pick_caption
from video_assets.core.schema import LEDGER
from video_assets.core.text import escape
from video_assets.settings.sources import OwnClips
from video_assets.sources.fetching.csv_rows import CAPTION_CHARS
from video_assets.sources.own_clips.caption_tables import read_caption_blocks, tables_of
from video_assets.sources.own_clips.found_clips import Indexes
from video_assets.sources.own_clips.near_names import plain
from video_assets.sources.own_clips.places import Located, Places
from video_assets.sources.own_clips.scan import Scan, Sidecar
from video_assets.sources.own_clips.sidecars import SidecarReader
from video_assets.sources.own_clips.statuses import Finding, status_of
from video_assets.sources.own_clips.table_rows import CaptionBlock, TableOptions, TableStart

_BATCH = 16_384

Line = tuple[Any, ...]  # the columns of LEDGER, in order


class _NearRow(NamedTuple):
    """A row that spells a file otherwise than it is called."""

    row: CaptionRow
    located: Located
    origin: str

    @property
    def file_name(self) -> str:
        """What it calls the file, whatever the folder and the system."""
        return plain(self.row.path).rpartition("/")[2]


class _Table(NamedTuple):
    """A captions table: its folder, and what its lines call it."""

    folder: str
    label: str


class Lines:
    """The lines of one listing while it is made."""

    def __init__(
        self, settings: OwnClips, scan: Scan, previous: pd.DataFrame | None, *, now_ns: int, notes: list[str], source: str
    ) -> None:
        self.scan = scan
        self.settle_ns = int(settings.settle_s * 1e9)
        self._settings = settings
        self._places = Places(settings, scan)
        self._now_ns, self._source = now_ns, source
        self._notes = notes
        self._start: TableStart | None = None
        self._sidecars = SidecarReader(self._places.path_of_scanned, settings, previous if scan.sidecars else None)
        self._taken: set[str] = set()
        self._is_taken = np.zeros(len(scan.clips), dtype=bool)  # the many: clips of the scan by their place
        self._near: dict[str, list[_NearRow]] = {}
        self._n_near, self._first_near = 0, ""
        self._n_several = 0
        self.n_plain: int | None = 0
        """Rows of tables that name a clip just as it is called; None as soon as one does not."""

    @property
    def folder_prefix(self) -> str:
        """What names of the scan begin with below the root."""
        return self._places.folder_prefix

    def label(self, table: Path) -> str:
        """What lines call a table."""
        return self._places.label(table)

    def after(self, start: TableStart, taken: Indexes) -> pd.DataFrame:
        """As `batches`, without the rows up to `start`, which name the clips of the scan at the places `taken`."""
        self._start, self._is_taken[taken] = start, True
        return pa.Table.from_batches(self.batches(), schema=LEDGER.arrow).to_pandas(types_mapper=pd.ArrowDtype)

    @property
    def others(self) -> dict[str, Finding]:
        """What was looked at outside the scan."""
        return self._places.others

    def notes(self) -> list[str]:
        """What the user should know when all lines were made."""
        notes = self._sidecars.notes()
        if self._n_near:
            notes.append(
                f"paths that are spelled otherwise than the file they mean (case, accents, blanks, %20, backslashes, no ending): "
                f"{self._n_near:,}, first {self._first_near}"
            )
        if self._n_several:
            notes.append(
                f"clips with several captions: {self._n_several:,}; taken is: {self._settings.captions_pick} "
                "(own_clips.captions_pick), the others are in the extras"
            )
        return notes

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows of tables in their order, then the clips and the faults of the folder that no row named.

        Raises:
            SourceError: a table cannot be used.
            OSError: the storage failed.
        """
        for table in tables_of(self._settings, self.scan, notes=self._notes):
            yield from self._of_table(table)
        if self._near:
            self._gather_taken()
            yield from _batches(self._near_lines())
        yield from self._of_folder()
        yield from _batches(self._faults())

    def _of_table(self, path: Path) -> Iterator[pa.RecordBatch]:
        settings, places = self._settings, self._places
        table = _Table(os.fspath(path.parent), places.label(path))

        def is_clip(cell: str) -> bool:
            return not places.locate(cell, table_folder=table.folder).finding.reason

        options = TableOptions(
            path_column=settings.path_column,
            text_columns=settings.caption_columns,
            encoding=settings.encoding,
            path_template=settings.path_template,
            is_clip=is_clip,
        )
        for part in read_caption_blocks(path, options=options, notes=self._notes, start=self._start):
            if isinstance(part, CaptionBlock):
                yield self._of_block(part, table)
            else:
                self.n_plain = None
                yield from _batches(line for row in part if (line := self._of_row(row, table)) is not None)

    def _of_block(self, block: CaptionBlock, table: _Table) -> pa.RecordBatch:
        """The rows that name a clip just as it is called as columns, the others line by line; in their order."""
        names = self._places.all_below(block.paths, table.folder)
        at = np.full(len(names), -1) if self.scan.unpacked else self.scan.clips.places_of(names)
        known, others = np.flatnonzero(at >= 0), np.flatnonzero(at < 0)
        self.n_plain = None if self.n_plain is None or len(others) else self.n_plain + len(known)
        self._is_taken[at[known]] = True
        origins = _joined(f"{table.label}:", pa.array(block.lines[known]).cast(pa.string()))
        called, texts, extras = (column.take(pa.array(known)) for column in (names, block.texts, block.extras))
        batch = self._of_clips(called, at[known], texts=texts, origins=origins, extras=extras)
        lines = [self._of_row(row, table) for row in block.rows(others)]
        made = [(place, line) for place, line in zip(others, lines, strict=True) if line is not None]
        if not made:
            return batch
        every = pa.concat_batches([batch, *_batches(line for _, line in made)])
        return every.take(pa.array(np.argsort([*known, *(place for place, _ in made)], kind="stable")))

    def _of_clips(self, names: pa.Array, at: Indexes, *, texts: pa.Array, origins: pa.Array, extras: pa.Array) -> pa.RecordBatch:
        """Lines of clips of the scan that are where the folder says."""
        prefix, facts = self._places.folder_prefix, self.scan.clips.facts[at]
        return pa.record_batch(
            [
                _joined(f"{self._source}/{prefix}", names),
                _repeated(self._source, len(names)),
                _joined(f"{self._places.root}/{prefix}", names),
                texts,
                _repeated(status_of(""), len(names)),
                _repeated("", len(names)),
                _repeated("", len(names)),
                *(pa.array(np.ascontiguousarray(facts[:, column])) for column in (0, 1)),
                origins,
                extras,
            ],
            schema=LEDGER.arrow,
        )

    def _of_folder(self) -> Iterator[pa.RecordBatch]:
        """The clips that no row named."""
        left = self._left()
        if self.scan.sidecars or self.scan.unpacked:
            yield from _batches(self._line_of_file(below, found) for below, found in self.scan.clips.items(left))
            return
        for start in range(0, len(left), _BATCH):
            at = left[start : start + _BATCH]
            empty, origins, extras = (_repeated(word, len(at)) for word in ("", "folder", "{}"))
            yield self._of_clips(self.scan.clips.names_at(at), at, texts=empty, origins=origins, extras=extras)

    def _left(self) -> Indexes:
        """The scan's clips that no row named, in its order."""
        prefix = self._places.folder_prefix
        single = pa.array([name.removeprefix(prefix) for name in self._taken if name.startswith(prefix)], pa.string())
        at = self.scan.clips.places_of(single)
        self._is_taken[at[at >= 0]] = True
        return np.flatnonzero(~self._is_taken)

    def _gather_taken(self) -> None:
        prefix, taken = self._places.folder_prefix, np.flatnonzero(self._is_taken)
        self._taken.update(prefix + below for below in self.scan.clips.names_at(taken).to_pylist())

    def _faults(self) -> Iterator[Line]:
        """What is wrong in the folder, where no row named it."""
        prefix = self._places.folder_prefix
        for below, finding in self.scan.faults.items():
            # A copy that replaces a whole clip does not hide it.
            is_whole = finding.reason == "still_being_copied" and below in self.scan.clips
            if prefix + below not in self._taken and not is_whole:
                yield self._line(prefix + below, self._places.path_of(prefix + below), finding, origin="folder")

    def _of_row(self, row: CaptionRow, table: _Table) -> Line | None:
        """The line of one row; None when it waits for the others, since it spells its file otherwise."""
        located, origin = self._places.locate(row.path, table_folder=table.folder), f"{table.label}:{row.line}"
        if located.is_near:
            self._near.setdefault(located.name, []).append(_NearRow(row, located, origin))
            return None
        self._taken.add(located.name)
        return self._line_of_row(row, located, origin=origin)

    def _near_lines(self) -> Iterator[Line]:
        """Rows that spell a file otherwise, when no row names it exactly and no two rows spell it in different ways."""
        for name, rows in self._near.items():
            n_names = len({near.file_name for near in rows})
            is_clear = name not in self._taken and n_names == 1
            if is_clear:
                self._taken.add(name)
            for row, located, origin in rows:
                if is_clear:
                    self._n_near += 1
                    self._first_near = self._first_near or f"{row.path!r} for {name!r}"
                    yield self._line_of_row(row, located, origin=origin)
                    continue
                why = "which another row names" if name in self._taken else f"which rows spell in {n_names} ways"
                told = Finding("missing_file", f"no file is called {row.path}; near it is {name}, {why}")
                yield self._line_of_row(row, Located(escape(row.path), located.path, told), origin=origin)

    def _line_of_row(self, row: CaptionRow, located: Located, *, origin: str) -> Line:
        name, path, finding, _ = located
        if row.path_problem:
            finding = Finding("empty_path", row.path_problem)
        elif row.problem and not finding.reason:
            finding = Finding("invalid_caption", row.problem, finding.file_size, finding.mtime_ns)
        key = name or f"#{origin}"
        return self._line(key, path, finding, text=self._picked(row.text, row.captions, key), extras=row.extras, origin=origin)

    def _picked(self, text: str, captions: tuple[str, ...], name: str) -> str:
        if not captions:
            return text
        self._n_several += 1
        return pick_caption(captions, self._settings.captions_pick, key=f"{self._source}/{name}")

    def _line_of_file(self, below: str, finding: Finding) -> Line:
        name = self._places.folder_prefix + below
        path = self._places.path_of(name)
        sidecar = self.scan.sidecars.get(below)
        if sidecar is None:
            return self._line(name, path, finding, origin="folder")
        return self._line_with_sidecar(name, path, finding, sidecar)

    def _line_with_sidecar(self, name: str, path: str, finding: Finding, sidecar: Sidecar) -> Line:
        caption, origin, was_ok = self._sidecars.read(f"{self._source}/{name}", sidecar)
        is_young = 0 <= self._now_ns - sidecar.mtime_ns < self.settle_ns
        if caption.problem:
            finding = Finding("invalid_caption", caption.problem, finding.file_size, finding.mtime_ns)
        elif is_young and not was_ok:
            detail = f"its caption file {sidecar.name} changed moments before it was listed"
            finding = Finding("still_being_copied", detail, finding.file_size, finding.mtime_ns)
        text = self._picked(caption.text, caption.captions, name)
        return self._line(name, path, finding, text=text, extras=caption.extras, origin=origin)

    def _line(self, name: str, path: str, finding: Finding, *, origin: str, text: str = "", extras: str = "{}") -> Line:
        if len(text) > CAPTION_CHARS and not finding.reason:
            told = f"the caption has {len(text):,} characters; Python's csv module reads no CSV with more than {CAPTION_CHARS:,}"
            text, finding = "", Finding("invalid_caption", told, finding.file_size, finding.mtime_ns)
        reason, detail, file_size, mtime_ns = finding
        return (
            f"{self._source}/{name}",
            self._source,
            path,
            text,
            status_of(reason),
            reason,
            detail,
            file_size,
            mtime_ns,
            origin,
            extras,
        )


def _batches(lines: Iterable[Line]) -> Iterator[pa.RecordBatch]:
    """Lines gathered in batches: as Python objects a million captions would take several times their size."""
    schema, every = LEDGER.arrow, iter(lines)
    while batch := list(itertools.islice(every, _BATCH)):
        columns = zip(*batch, strict=True)
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _joined(prefix: str, column: pa.Array) -> pa.Array:
    return pc.call_function("binary_join_element_wise", [pa.scalar(prefix), column, pa.scalar("")])


def _repeated(word: str, n_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(word), n_rows)
