"""Captions with scores, as OpenVid's tables have them: which column is which, what a row says, which rows are of no use.

Belongs here: header and cells to values. Does not belong here: opening tables (`sources.openvid.captions`), joining them to
clips.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from video_assets.core.caption_columns import find_columns
from video_assets.core.schema import TEXT, Column, TableSpec
from video_assets.core.text import is_storable

SCORED_CAPTIONS = TableSpec(
    "captions",
    (
        Column("video", "string", "file name of the clip"),
        TEXT,
        Column("aesthetic_score", "double", "the authors' score", is_nullable=True),
        Column("motion_score", "double", "the authors' score", is_nullable=True),
        Column("temporal_consistency_score", "double", "the authors' score", is_nullable=True),
        Column("camera_motion", "string", "the authors' word", is_nullable=True),
        Column("frame", "int64", "frames, as the authors counted them", is_nullable=True),
        Column("fps", "double", "frames per second, as the authors measured them", is_nullable=True),
        Column("seconds", "double", "duration in seconds, as the authors measured it", is_nullable=True),
        Column("line", "int64", "line of the authors' table on which the row begins"),
    ),
)
_NUMBERS = {column.name for column in SCORED_CAPTIONS.columns if column.type in {"double", "int64"}} - {"line"}
MAX_EXAMPLES = 20
REASONS = {
    "wrong_number_of_fields": "the row has more or fewer fields than the header",
    "no_name": "the row names no file",
    "not_unicode": "the row is not valid Unicode text",
    "bad_quotes": "a quote in the row is not closed, or does not end its field",
    "too_long": "a field is longer than any caption",
    "duplicate": "an earlier row names the same file and says the same",
    "conflicting_duplicate": "an earlier row names the same file and says something else; the earlier one is used",
}
"""Why a row is left out."""


@dataclass
class RowCounts:
    """Rows that were read and those that were left out, with the lines of the first ones by reason."""

    rows: int = 0
    used: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    bad_numbers: int = 0

    def leave_out(self, reason: str, line: int) -> None:
        """Count one row."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if len(lines := self.lines.setdefault(reason, [])) < MAX_EXAMPLES:
            lines.append(line)

    @property
    def broken(self) -> int:
        """Rows that are of no use, duplicates aside."""
        return sum(n for reason, n in self.left_out.items() if "duplicate" not in reason)


class RowReader:
    """Turns the cells of a row into the columns of `SCORED_CAPTIONS`.

    Raises:
        SourceError: the header has no column with file names or none with captions.
    """

    def __init__(self, header: Sequence[str], *, table: str) -> None:
        path_at, text_at = find_columns(header, table=table)
        named = {_fold(name): at for at, name in reversed(list(enumerate(header)))}
        named |= {"video": path_at, "text": text_at}
        self.n_fields = len(header)
        self._positions = [
            (c.name, named.get(c.name), c.name in _NUMBERS, c.type == "int64") for c in SCORED_CAPTIONS.columns[:-1]
        ]
        self._counts = RowCounts()

    def read(self, cells: Sequence[str], counts: RowCounts) -> tuple[Any, ...] | str:
        """The row's values but the line, or the reason for which it is of no use."""
        if len(cells) != self.n_fields:
            return "wrong_number_of_fields"
        values = [
            None if at is None else _value(cells[at], is_number, is_int, counts) for _, at, is_number, is_int in self._positions
        ]
        values[0] = str(values[0]).rpartition("/")[2]
        if not values[0].strip():
            return "no_name"
        if not all(is_storable(value) for value in values if isinstance(value, str)):
            return "not_unicode"
        return tuple(values)


def _value(cell: str, is_number: bool, is_int: bool, counts: RowCounts) -> Any:
    if not is_number:
        return cell
    try:
        number = float(cell)
    except ValueError:
        counts.bad_numbers += bool(cell.strip())
        return None
    if not math.isfinite(number) or (is_int and abs(number) >= 2**53):
        counts.bad_numbers += not math.isnan(number)
        return None
    return round(number) if is_int else number


def _fold(name: str) -> str:
    return name.strip("\ufeff \t\r\n").casefold().replace(" ", "_").replace("-", "_")
