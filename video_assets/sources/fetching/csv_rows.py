"""Large CSV tables of strangers, a row at a time: each row with the line it begins on, and no file that changes meanwhile.

Belongs here: lines to rows, rows to groups. Does not belong here: encodings (`storage.encodings`), columns (the sources).
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import fstat
from pathlib import Path
from typing import IO, NamedTuple, Self, TypeVar

from video_assets.core.errors import SourceError

T = TypeVar("T")
CAPTION_CHARS = 131_072
"""Characters that no caption has."""
_RETURN = "\udc0d"  # half a character: no text that was decoded has it
_LONE_RETURN = re.compile(r"\r(?!\n|\Z)")


class CsvRow(NamedTuple):
    """A row's cells, and the physical line on which it begins, from 1."""

    line: int
    cells: list[str]


class BrokenRowError(Exception):
    """A row that is not CSV: it begins on `line`, its fault was found on `last_line`; `problem` is what the csv module says."""

    def __init__(self, line: int, last_line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line, self.last_line, self.problem = line, last_line, problem


class CsvRows:
    """The rows of CSV text that are not blank lines. After a `BrokenRowError` it goes on with the line behind the one named.

    A quote that is not closed swallows the rows behind it until something is found wrong: they are rows all the same.

    Args:
        lines: the text, line ends kept.
        delimiter: one character.
        is_strict: refuse quotes that are not closed, or followed by anything but a delimiter.
        first_line: the number of the first of `lines`.
        max_field_chars: a longer field makes its row a broken one.
    """

    def __init__(
        self,
        lines: Iterable[str],
        *,
        delimiter: str = ",",
        is_strict: bool = False,
        first_line: int = 1,
        max_field_chars: int = CAPTION_CHARS,
    ) -> None:
        self._lines = _Lines(lines)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=is_strict)
        self.is_over_lines = False
        """The last row goes over several lines."""
        self._first_line, self._max_field_chars = first_line, max_field_chars

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CsvRow:
        """The next row.

        Raises:
            BrokenRowError: it is not CSV; the one after it can be asked for.
        """
        csv.field_size_limit(self._max_field_chars)  # one limit for the whole process, and each reader may have its own
        while True:
            line = self._reader.line_num + self._first_line
            self._lines.begin_row()
            try:
                cells = next(self._reader)
            except csv.Error as error:
                last_line = self._reader.line_num + self._first_line - 1
                self._first_line -= self._lines.go_back()
                raise BrokenRowError(line, last_line, str(error)) from None
            if cells:
                self.is_over_lines = self._reader.line_num + self._first_line > line + 1
                return CsvRow(line, [cell.replace(_RETURN, "\r") for cell in cells] if self._lines.has_returns else cells)


def header_of(rows: CsvRows, *, table: str) -> list[str]:
    """The first row; empty when there is none. `table` is for the message.

    Raises:
        SourceError: it is no CSV.
    """
    try:
        return next(rows, CsvRow(0, [])).cells
    except BrokenRowError as error:
        raise SourceError(f"{table}: the header is not readable as CSV ({error.problem})") from None


class _Lines:
    """Lines for the csv module, which can be given once more from the second one of a row on.

    A carriage return within a line is a character of its caption; the csv module takes it for the end of a row.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again = deque[str]()
        self._of_row: list[str] = []
        self.has_returns = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        if "\r" in line and _LONE_RETURN.search(line):
            self.has_returns = True
            line = _LONE_RETURN.sub(_RETURN, line)
        self._of_row.append(line)
        return line

    def begin_row(self) -> None:
        """What comes now belongs to another row."""
        self._of_row.clear()

    def go_back(self) -> int:
        """Give the row's lines again, without its first one; returns how many they are."""
        again = self._of_row[1:]
        self._again.extendleft(reversed(again))
        return len(again)


@contextmanager
def opened_unchanging(path: Path) -> Iterator[IO[bytes]]:
    """The file, opened for reading.

    Raises:
        SourceError: it changed before the block ended: what was read may be half of one and half of another.
        OSError: it cannot be opened or read.
    """
    with path.open("rb") as file:
        before = fstat(file.fileno())
        yield file
        after = fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceError(f"{path}: changed while it was read; try again when it is written")


def in_groups(rows: Iterable[T], n_rows: int) -> Iterator[list[T]]:
    """The rows in lists of `n_rows`; the last one may have fewer, none is empty.

    >>> list(in_groups("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    group: list[T] = []
    for row in rows:
        group.append(row)
        if len(group) == n_rows:
            yield group
            group = []
    if group:
        yield group
