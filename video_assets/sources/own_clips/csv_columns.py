"""Regular CSV, whole columns at a time: rows that no two readers can read in two ways, which is nearly every table.

In a regular block every quote opens a field, closes one, or is one of a doubled pair, and a carriage return only stands before
the line feed that ends a row. Of such bytes Arrow's reader makes the same cells as Python's, in a tenth of the time. The first
block that is not regular, or that Arrow refuses, ends it: from there the reader that goes row by row (`csv_tables`) takes over,
and words every complaint.
Belongs here: telling regular blocks, cells as columns. Does not belong here: which column is which
(`sources.own_clips.table_rows`), encodings (`storage.encodings`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc_csv

_BLOCK_BYTES = 1 << 24
_MAX_ROW_BYTES = 1 << 26
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QUOTE, _LINE_FEED, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]

Places = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """Some rows: their cells by column, the physical line on which each begins (from 1), and whether it goes over several."""

    cells: pa.Table
    lines: Places
    is_over_lines: npt.NDArray[np.bool_]


@dataclass
class RegularCsv:
    """UTF-8 text from the first row after the header on. After the iteration, `offset` and `line` say where the rest begins.

    Args:
        file: seekable; what it holds was decoded once, and has no NUL.
        delimiter: one ASCII character.
        names: of the columns; all different.
        offset: of the first row's first byte.
        line: of the first row.
    """

    file: IO[bytes]
    delimiter: str
    names: list[str]
    offset: int
    line: int

    def __iter__(self) -> Iterator[Rows]:
        """Rows in their order, up to the first block that is not regular."""
        self.file.seek(self.offset)
        data, is_end = b"", False
        while not is_end and len(data) < _MAX_ROW_BYTES:
            more = self.file.read(_BLOCK_BYTES)
            is_end = not more
            data = data + more if more or not data or data.endswith(b"\n") else data + b"\n"
            if not data:
                return
            block = _Block.of(data)
            if block is None:
                continue
            rows = self._rows(block)
            if rows is None:
                return
            if rows.cells.num_rows:
                yield rows
            data = data[len(block.data) :]
            self.offset += len(block.data)
            self.line += len(block.line_feeds)

    def _rows(self, block: "_Block") -> Rows | None:
        if not block.is_regular(ord(self.delimiter)):
            return None
        starts, ends = block.rows
        try:
            cells = self._cells(block.data)
        except pa.ArrowInvalid:  # another number of fields
            return None
        if cells.num_rows != len(starts):
            return None
        before = np.searchsorted(block.line_feeds, starts)
        return Rows(cells, self.line + before, np.searchsorted(block.line_feeds, ends) > before)

    def _cells(self, data: bytes) -> pa.Table:
        if data.isspace():
            return pa.table({name: pa.array([], pa.string()) for name in self.names})
        return pc_csv.read_csv(
            pa.BufferReader(data),
            read_options=pc_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=self.names),
            parse_options=pc_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )


@dataclass(frozen=True)
class _Block:
    """Whole rows, with the places of their quotes, their line feeds, and the line feeds outside quotes."""

    data: bytes
    quotes: Places
    line_feeds: Places
    ends: Places

    @classmethod
    def of(cls, data: bytes) -> "_Block | None":
        """The rows of `data` that are whole; None when not one is."""
        codes = np.frombuffer(data, np.uint8)
        quotes, line_feeds = np.flatnonzero(codes == _QUOTE), np.flatnonzero(codes == _LINE_FEED)
        ends = line_feeds[np.searchsorted(quotes, line_feeds) % 2 == 0]
        if not len(ends):
            return None
        n_bytes = int(ends[-1]) + 1
        quotes, line_feeds = (found[: np.searchsorted(found, n_bytes)] for found in (quotes, line_feeds))
        return cls(data[:n_bytes], quotes, line_feeds, ends)

    def is_regular(self, delimiter: int) -> bool:
        """No quote and no carriage return is where one reader could take it for something else than another."""
        if self.data.startswith(_BYTE_ORDER_MARK):
            return False
        codes = np.frombuffer(self.data, np.uint8)
        opens, closes = self.quotes[::2], self.quotes[1::2]
        before, after = codes[opens[opens > 0] - 1], codes[closes + 1]
        returns = np.flatnonzero(codes == _RETURN)
        return bool(
            np.isin(before, (delimiter, _LINE_FEED, _QUOTE)).all()
            and np.isin(after, (delimiter, _LINE_FEED, _RETURN, _QUOTE)).all()
            and np.isin(returns + 1, self.ends).all()
        )

    @property
    def rows(self) -> tuple[Places, Places]:
        """Where each row begins and ends; blank lines are no rows."""
        starts = np.concatenate([[0], self.ends[:-1] + 1]).astype(np.int64)
        size = self.ends - starts
        is_blank = (size == 0) | ((size == 1) & (np.frombuffer(self.data, np.uint8)[starts] == _RETURN))
        return starts[~is_blank], self.ends[~is_blank]
