"""Captions tables with delimiters: CSV and TSV, row by row, as spreadsheets and programs write them.

Belongs here: delimiters, quotes, rows that swallowed others. Does not belong here: columns (`sources.own_clips.table_rows`),
encodings (`storage.encodings`).
"""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from video_assets.core.captions import DELIMITERS, CaptionRow
from video_assets.core.errors import SourceError
from video_assets.sources.fetching.csv_rows import CAPTION_CHARS, BrokenRowError, CsvRow, CsvRows
from video_assets.sources.own_clips.table_rows import TableOptions, has_shape, shape_of
from video_assets.storage.encodings import opened_as_text

_MAX_FIELD_CHARS = 1 << 26  # of columns that are carried along: lists of boxes, transcripts
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SUFFIX = re.compile(r"\.\w{2,5}$")


def read_csv(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a CSV or TSV.

    Raises:
        SourceError: not a table, or one whose rows cannot be told apart for sure; the message names the line.
    """
    with opened_as_text(file, path, encoding=options.encoding, notes=notes) as text:
        delimiter, n_before = _find_delimiter(text, options)
        lines = itertools.islice(text, n_before, None)
        reader = CsvRows(lines, delimiter=delimiter, is_strict=True, first_line=n_before + 1, max_field_chars=_MAX_FIELD_CHARS)
        rows = _readable(reader, path, delimiter)
        header = _unique(next(rows, CsvRow(0, [])).cells)
        shape = shape_of(header, table=str(path), options=options)
        path_at = None if shape.path is None else header.index(shape.path)
        for line, cells in rows:
            _refuse_other_width(path, line, len(cells), len(header), delimiter)
            if path_at is not None and reader.is_over_lines and "\n" in "".join(cells):
                _refuse_swallowed_rows(path, CsvRow(line, cells), path_at, delimiter, options=options)
            row = shape.row(line, dict(zip(header, cells, strict=True)))
            if len(row.text) > CAPTION_CHARS or len(row.path) > CAPTION_CHARS:
                raise SourceError(f"{path}, line {line}: {_too_long(line)}")
            yield row


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


def _readable(rows: CsvRows, path: Path, delimiter: str) -> Iterator[CsvRow]:
    try:
        yield from rows
    except BrokenRowError as error:
        raise SourceError(f"{path}, line {error.line}: {_explain(error, delimiter)}") from None


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
    names: list[str] = []
    for at, raw in enumerate(header, start=1):
        name = raw.strip("\ufeff \t\r\n") or f"column_{at}"
        names.append(name if name not in names else f"{name}.{at}")
    return names
