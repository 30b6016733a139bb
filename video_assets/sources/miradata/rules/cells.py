"""Single cells of MiraData's tables: numbers, times, addresses.

Belongs here: one cell to one value. Does not belong here: whole rows (`rules.rows`), ids (`rules.ids`), captions
(`rules.captions`).
"""

import ast
import math
import re
from collections.abc import Mapping

from video_assets.core.text import is_storable

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")
_MAX_URL_CHARS = 2048
_LONGEST_CLIP_S = 3600.0


class RowError(ValueError):
    """A row is of no use; the message names the column."""


def parse_span(cell: str) -> tuple[float, float]:
    """Start and end in seconds, from the text of a list of two times.

    >>> parse_span("['00:01:02.500000', '00:02:00']")
    (62.5, 120.0)

    Raises:
        RowError: it is not that.
    """
    values = pair_in(cell)
    if values is None:
        raise RowError(f"timestamp {cell[:60]!r} is not like ['00:01:02.500000', '00:02:00.000000']")
    return checked_span(_seconds(values[0]), _seconds(values[1]), "timestamp")


def pair_in(cell: str) -> tuple[object, object] | None:
    """The two values of a list, from its text; None when it is not that. The authors' scripts `eval` such cells."""
    try:
        values = ast.literal_eval(cell.strip()) if len(cell) <= 200 else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return (values[0], values[1]) if isinstance(values, list | tuple) and len(values) == 2 else None


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _CLOCK.fullmatch(str(value).strip())
    if match is None:
        raise RowError(f"timestamp {str(value)[:40]!r} is no time like 00:01:02.500000")
    return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])


def checked_span(start_s: float, end_s: float, what: str) -> tuple[float, float]:
    """The span, when it is one.

    Raises:
        RowError: it is not.
    """
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or start_s < 0 or end_s <= start_s:
        raise RowError(f"{what}: from {start_s:g} s to {end_s:g} s is no span of time")
    if end_s - start_s > _LONGEST_CLIP_S:
        raise RowError(f"{what}: {end_s - start_s:,.0f} s is longer than any clip")
    return round(start_s, 6), round(end_s, 6)


def number_in(row: Mapping[str, str], name: str) -> float:
    """The number in a column.

    Raises:
        RowError: there is none.
    """
    try:
        return float(row[name])
    except ValueError:
        raise RowError(f"{name} {row[name][:40]!r} is no number") from None


def address_in(cell: str) -> str:
    """The web address.

    Raises:
        RowError: it is none.
    """
    url = cell.strip()
    if not re.match(r"https?://[^\s/]", url, re.IGNORECASE):
        raise RowError(f"video_url {url[:60]!r} is not an http(s) address")
    if len(url) > _MAX_URL_CHARS or not url.isprintable() or not is_storable(url):
        raise RowError("video_url is too long, or has characters that no address has")
    return url


def frames_in(row: Mapping[str, str], span: tuple[float, float]) -> tuple[float, int, int] | None:
    """Rate, first frame and number of frames of a v1 row; None when the row does not say, or they contradict its seconds.

    >>> frames_in({"fps": "29.0", "frame_number": "3574", "framestamp": "[0, 3574.0]"}, (0.0, 123.241))
    (29.0, 0, 3574)
    >>> frames_in({"fps": "23.926", "frame_number": "1944", "framestamp": "[3696, 5640]"}, (10.0, 60.0)) is None
    True
    """
    try:
        rate, n = float(row.get("fps") or "nan"), float(row.get("frame_number") or "nan")
    except ValueError:
        return None
    stamps = pair_in(row.get("framestamp") or "") or ((0.0, n) if span[0] == 0 else (None, None))
    first = stamps[0]
    if not (1 <= rate <= 1000 and 1 <= n <= 1e7) or not isinstance(first, int | float) or not 0 <= first <= 1e9:
        return None
    length_s = span[1] - span[0]
    return (rate, int(first), int(n)) if abs(n / rate - length_s) <= max(0.1, 0.005 * length_s) else None
