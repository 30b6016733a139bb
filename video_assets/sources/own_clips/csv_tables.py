"""Captions tables with delimiters: CSV and TSV, as spreadsheets and programs write them.

Belongs here: delimiters, quotes, rows that swallowed others. Does not belong here: rows that leave no doubt, many at once
(`sources.own_clips.csv_columns`), columns (`sources.own_clips.table_rows`), encodings (`storage.encodings`).
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.captions import DELIMITERS, CaptionRow
from video_assets.core.errors import SourceError
from video_assets.sources.fetching.csv_rows import CAPTION_CHARS, BrokenRowError, CsvRow, CsvRows, in_groups
from video_assets.sources.own_clips.csv_columns import RegularCsv
from video_assets.sources.own_clips.table_rows import (
    CaptionBlock,
    RowShape,
    TableOptions,
    TableStart,
    distinct,
    has_shape,
    shape_of,
)
from video_assets.storage.encodings import opened_as_text

_GROUP = 16_384
_MAX_FIELD_CHARS = 1 << 26  # of columns that are carried along: lists of boxes, transcripts
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SUFFIX = re.compile(r"\.\w{2,5}$")


def read_csv(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a CSV or TSV.

    Raises:
        SourceError: not a table, or one whose rows cannot be told apart for sure; the message names the line.
    """
    with opened_as_text(file, path, encoding=options.encoding, notes=notes) as text:
        table = _Table(path, options, *_find_delimiter(text, options))
        rows = table.rows(itertools.islice(text, table.n_before, None), first_line=table.n_before + 1)
        yield from table.captions(rows, table.shape_of(next(rows, CsvRow(0, [])).cells))


def read_csv_blocks(
    file: IO[bytes], path: Path, options: TableOptions, notes: list[str], start: TableStart | None = None
) -> Iterator[CaptionBlock | list[CaptionRow]]:
    """The rows of `read_csv`, many at once: as columns, and as rows from the first place on that leaves a doubt.

    Args:
        file: seekable to any place.
        path: its name, for messages.
        options: what the user said.
        notes: what the user should know is appended.
        start: rows up to there are left out, when they were columns.

    Raises:
        SourceError: as `read_csv`.
    """
    n_checked = start.n_bytes if start is not None else 0  # columns come of UTF-8 only
    with opened_as_text(file, path, encoding=options.encoding, notes=notes, n_checked=n_checked) as text:
        table = _Table(path, options, *_find_delimiter(text, options))
        regular = _after_header(file, table) if text.encoding == "utf-8-sig" else None
        if regular is None:
            text.seek(0)
            rows = table.rows(itertools.islice(text, table.n_before, None), first_line=table.n_before + 1)
            yield from in_groups(table.captions(rows, table.shape_of(next(rows, CsvRow(0, [])).cells)), _GROUP)
            return
        shape = table.shape_of(regular.names)
        if start is not None:
            regular.offset, regular.line = start.n_bytes, start.n_lines + 1
        yield from _regular_blocks(table, shape, regular)
        file.seek(regular.offset)
        rest = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        try:
            yield from in_groups(table.captions(table.rows(rest, first_line=regular.line), shape), _GROUP)
        finally:
            rest.detach()


def _after_header(file: IO[bytes], table: "_Table") -> RegularCsv | None:
    """Everything after the header, when that is one line and the columns are plain; else None."""
    file.seek(0)
    offset = sum(len(file.readline()) for _ in range(table.n_before))
    header = file.readline()
    if b"\r" in header.rstrip(b"\r\n") or not table.delimiter.isascii():
        return None
    try:
        cells = next(csv.reader([header.decode("utf-8-sig")], delimiter=table.delimiter, strict=True), [])
    except csv.Error:
        return None
    if not cells or not table.shape_of(cells).is_plain:
        return None
    return RegularCsv(file, table.delimiter, table.names, offset + len(header), line=table.n_before + 2)


def _regular_blocks(table: "_Table", shape: RowShape, regular: RegularCsv) -> Iterator[CaptionBlock]:
    for rows in regular:
        block = shape.block(rows.lines, rows.cells)
        for place in np.flatnonzero(rows.is_over_lines).tolist():
            cells = [column[place].as_py() for column in rows.cells.columns]
            table.refuse_swallowed(CsvRow(int(rows.lines[place]), cells), shape)
        for column in (block.paths, block.texts):
            table.refuse_too_long(block.lines, column)
        yield block


class _Table:
    """One table while it is read."""

    def __init__(self, path: Path, options: TableOptions, delimiter: str, n_before: int) -> None:
        self.path, self.options, self.delimiter, self.n_before = path, options, delimiter, n_before
        self.names: list[str] = []

    def shape_of(self, header: list[str]) -> RowShape:
        """The columns that the header names; rows come afterwards."""
        self.names = _unique(header)
        return shape_of(self.names, table=str(self.path), options=self.options)

    def rows(self, lines: Iterable[str], *, first_line: int) -> "_Rows":
        """Rows of cells."""
        reader = CsvRows(lines, delimiter=self.delimiter, is_strict=True, first_line=first_line, max_field_chars=_MAX_FIELD_CHARS)
        return _Rows(reader, self.path, self.delimiter)

    def captions(self, rows: "_Rows", shape: RowShape) -> Iterator[CaptionRow]:
        """What rows after the header say, one by one."""
        for line, cells in rows:
            _refuse_other_width(self.path, line, len(cells), len(self.names), self.delimiter)
            if rows.is_over_lines:
                self.refuse_swallowed(CsvRow(line, cells), shape)
            row = shape.row(line, dict(zip(self.names, cells, strict=True)))
            if len(row.text) > CAPTION_CHARS or len(row.path) > CAPTION_CHARS:
                raise SourceError(f"{self.path}, line {line}: {_too_long(line)}")
            yield row

    def refuse_swallowed(self, row: CsvRow, shape: RowShape) -> None:
        """See `_refuse_swallowed_rows`; asked about rows that go over several lines."""
        if shape.path is not None and "\n" in "".join(row.cells):
            at = self.names.index(shape.path)
            _refuse_swallowed_rows(self.path, row, at, self.delimiter, options=self.options)

    def refuse_too_long(self, lines: npt.NDArray[np.int64], column: pa.Array) -> None:
        """As for single rows, of a whole column."""
        n_chars = pc.call_function("utf8_length", [column]).to_numpy(zero_copy_only=False)
        if len(too_long := np.flatnonzero(n_chars > CAPTION_CHARS)):
            line = int(lines[too_long[0]])
            raise SourceError(f"{self.path}, line {line}: {_too_long(line)}")


class _Rows:
    """Rows of a reader, whose problems are worded for the user."""

    def __init__(self, rows: CsvRows, path: Path, delimiter: str) -> None:
        self._rows, self._path, self._delimiter = rows, path, delimiter

    @property
    def is_over_lines(self) -> bool:
        """The last row goes over several lines."""
        return self._rows.is_over_lines

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CsvRow:
        try:
            return next(self._rows)
        except BrokenRowError as error:
            raise SourceError(f"{self._path}, line {error.line}: {_explain(error, self._delimiter)}") from None


def _refuse_other_width(path: Path, line: int, n_cells: int, n_wanted: int, delimiter: str) -> None:
    if n_cells == n_wanted:
        return
    advice = (
        f"put quotes around captions that hold {_name(delimiter)}"
        if n_cells > n_wanted
        else f"fill the row up (fields are divided by {_name(delimiter)}); is a caption without quotes broken over two lines?"
    )
    raise SourceError(f"{path}, line {line}: {n_cells} fields where the header has {n_wanted}; {advice}")


def _refuse_swallowed_rows(path: Path, row: CsvRow, path_at: int, delimiter: str, *, options: TableOptions) -> None:
    """A quote that belongs to a caption opens a field in which the next rows end up; then lines of that field look like rows."""
    ending = _SUFFIX.search(row.cells[path_at])
    line = row.line
    for cell in row.cells:
        for inner in cell.split("\n")[1:]:
            line += 1
            parts = inner.split(delimiter)
            named = parts[path_at].strip('" \r') if len(parts) >= len(row.cells) else ""
            is_alike = ending is not None and len(parts) == len(row.cells) and named.endswith(ending[0])
            if named and (is_alike or options.is_clip(named)):
                raise SourceError(
                    f"{path}, line {row.line}: the row that begins here goes on in line {line}, which looks like a row itself "
                    f"({named}); a quote of a caption was read as the beginning of a quoted field. Double the quotes inside "
                    "captions and put quotes around them"
                )


def _explain(error: BrokenRowError, delimiter: str) -> str:
    """What is wrong with a row, for the user; the problems are worded by CPython's Modules/_csv.c."""
    if "field limit" in error.problem:
        return _too_long(error.line)
    if "unexpected end of data" in error.problem:
        return f"a quote is opened in the row that begins here and not closed until the end of the file, line {error.last_line}"
    if "expected after" in error.problem:
        return (
            f"a quoted field goes on after its closing quote (line {error.last_line}); double the quotes inside quoted captions, "
            f"and put {_name(delimiter)} between fields"
        )
    return f"not readable as CSV ({error.problem})"


def _too_long(line: int) -> str:
    return (
        f"a field of more than {CAPTION_CHARS:,} characters; is a quote opened in line {line} and never closed? A caption that "
        "long is no caption: shorten it"
    )


def _find_delimiter(text: io.TextIOWrapper, options: TableOptions) -> tuple[str, int]:
    """The delimiter, and how many lines come before the header.

    Excel's line `sep=;` says it; else it is the one that gives the first line a path and a caption; else the most columns.
    """
    first = next((line for line in text if line.strip()), "")
    text.seek(0)
    if match := _SEP_LINE.fullmatch(first):
        return match[1], 1

    def fitness(delimiter: str) -> tuple[bool, int]:
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            header = []
        return has_shape(_unique(header), options), len(header)

    return max(DELIMITERS, key=fitness), 0


def _name(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}.get(delimiter, repr(delimiter))


def _unique(header: list[str]) -> list[str]:
    """Column names as keys: stripped, the unnamed and the repeated numbered."""
    return distinct([raw.strip("\ufeff \t\r\n") or f"column_{at}" for at, raw in enumerate(header, start=1)])
