"""MiraData's captions: plain text, or, of clips longer than two minutes, markup with a caption per segment.

A cell of markup looks like `[|||120||| 240||| words |||,|||0||| 120||| words |||,]`: start, end and words of each segment, in no
order. In the rows that were read, start and end are multiples of 120, every clip with markup is longer than 120 s, and no number
is larger than the clip's seconds (as frames, the only segment of a clip of 132 s would be its first 4 s): they are seconds.
Belongs here: cells to captions. Does not belong here: which clips there are (`rules.rows`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from video_assets.core.captions import is_empty_caption
from video_assets.core.text import is_storable
from video_assets.sources.miradata.rules.cells import RowError

Segments = Literal["join", "first", "longest", "split"]
_MARK = "|||"
_NUMBER = re.compile(r"\s*(\d{1,9})(?:\.0*)?\s*", re.ASCII)


class Segment(NamedTuple):
    """Words about a part of a clip; `start_s` and `end_s` in seconds from the clip's start."""

    start_s: int
    end_s: int
    text: str


class CaptionError(RowError):
    """A cell looks like markup and is none; the message says what is wrong."""


def is_markup(cell: str) -> bool:
    """True when a cell cannot be meant as plain words."""
    return _MARK in cell


def parse_segments(cell: str) -> list[Segment]:
    """The segments of a cell of markup in the order of time; those without words are left out.

    >>> parse_segments("[|||120||| 240||| then a dog |||,|||0||| 120||| a cat |||,]")
    [Segment(start_s=0, end_s=120, text='a cat'), Segment(start_s=120, end_s=240, text='then a dog')]

    Raises:
        CaptionError: it is no such markup.
    """
    first, *parts = cell.strip().split(_MARK)
    if first.strip() != "[" or len(parts) % 4 or not parts:
        raise CaptionError(f"{cell[:60]!r} looks like segments and is not like [|||0||| 120||| words |||,]")
    groups = [tuple(parts[at : at + 4]) for at in range(0, len(parts), 4)]
    segments = [_segment(start, end, text) for start, end, text, _ in groups]
    marks = [mark.strip() for *_, mark in groups]
    if any(mark != "," for mark in marks[:-1]) or "".join(marks[-1].split()) not in {",]", "]"}:
        raise CaptionError(f"{cell[-60:]!r}: segments are not separated by commas, or do not end with ]")
    return sorted((segment for segment in segments if not is_empty_caption(segment.text)), key=lambda each: each[:2])


def _segment(start: str, end: str, text: str) -> Segment:
    numbers = [_NUMBER.fullmatch(number) for number in (start, end)]
    if numbers[0] is None or numbers[1] is None or int(numbers[0][1]) >= int(numbers[1][1]):
        raise CaptionError(f"from {start.strip()[:20]!r} to {end.strip()[:20]!r} is no segment")
    return Segment(int(numbers[0][1]), int(numbers[1][1]), text.strip())


def one_caption(cell: str, segments: Segments) -> str:
    """The caption of the whole clip: plain words as they are, of markup all segments, or one of them.

    >>> one_caption("[|||120||| 240||| a dog |||,|||0||| 120||| a cat. |||,]", "join"), one_caption("a cat ", "join")
    ('a cat. a dog', 'a cat ')

    Raises:
        CaptionError: it looks like markup and is none.
    """
    if not is_markup(cell):
        return cell
    texts = [segment.text for segment in parse_segments(cell)]
    if segments == "first":
        return next(iter(texts), "")
    return max(texts, key=len, default="") if segments == "longest" else " ".join(texts)


def choose_cell(row: Mapping[str, str], columns: Sequence[str]) -> tuple[str, str]:
    """Name and cell of the first of `columns` that says something; empty when none does.

    >>> choose_cell({"dense_caption": " ", "short_caption": "a dog"}, ["dense_caption", "short_caption"])
    ('short_caption', 'a dog')
    """
    cells = ((name, row.get(name) or "") for name in columns)
    return next(((name, cell) for name, cell in cells if _says_something(cell)), ("", ""))


def _says_something(cell: str) -> bool:
    """Broken markup does: it must not be passed over for another column without a word."""
    if is_empty_caption(cell) or not is_storable(cell):
        return False
    try:
        return not is_markup(cell) or bool(parse_segments(cell))
    except CaptionError:
        return True
