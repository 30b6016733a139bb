"""Captions: which column holds them, what one is, when it is empty.

Belongs here: decisions about cells, column names and JSON values. Does not belong here: opening tables
(`sources.own_clips.caption_tables`) or sidecars (`sources.own_clips.sidecars`), what becomes of a clip
(`sources.own_clips.rules`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from video_assets.core.errors import SourceError
from video_assets.core.text import is_storable

# Highest priority first. Names: Open-Sora (path, text), Hugging Face VideoFolder (file_name), OpenVid (video, caption),
# MiraData (file_path, dense_caption), video2dataset and trainers (video_path, prompt).
PATH_ALIASES = ("path", "file_name", "video", "video_path", "file_path", "filename")
TEXT_ALIASES = ("text", "caption", "prompt", "dense_caption", "short_caption")

DELIMITERS = (",", ";", "\t")

# Zero-width characters that are spaces by name or by history; `str.isspace` knows all others.
_ZERO_WIDTH_SPACES = "\u180e\u200b\u2060\ufeff"


class CaptionColumns(NamedTuple):
    """Positions of the clip's path and its caption in a header."""

    path: int
    text: int


class CaptionRow(NamedTuple):
    """One row of a captions table, as written.

    `line` is the physical line on which the row begins (text files) or the row's number (Parquet, JSON arrays), from 1.
    `extras` holds the other columns as JSON. `problem` says why `text` is no caption; empty when it is one.
    """

    line: int
    path: str
    text: str
    extras: str
    problem: str


def is_empty_caption(caption: str) -> bool:
    r"""True when a caption has nothing but white space, zero-width spaces included; words such as "None" or "NA" are captions.

    >>> is_empty_caption(" \t\u200b\u3000"), is_empty_caption("null"), is_empty_caption(".")
    (True, False, False)
    """
    return all(char.isspace() or char in _ZERO_WIDTH_SPACES for char in caption)


def find_columns(
    header: Sequence[str],
    *,
    table: str,
    path_column: str | None = None,
    text_column: str | None = None,
) -> CaptionColumns:
    """The columns of path and caption.

    Upper and lower case, surrounding blanks and a byte order mark do not matter. Of several known names the one that comes
    first in `PATH_ALIASES` or `TEXT_ALIASES` wins; of equal names the first column.

    Raises:
        SourceError: there is none; the message names the columns that are there.
    """
    return CaptionColumns(
        path=_find(header, (path_column,) if path_column else PATH_ALIASES, table=table, what="path", setting="path_column"),
        text=_find(header, (text_column,) if text_column else TEXT_ALIASES, table=table, what="caption", setting="text_column"),
    )


def _find(header: Sequence[str], names: Sequence[str], *, table: str, what: str, setting: str) -> int:
    folded = [_fold(name) for name in header]
    for name in names:
        if name in header:
            return list(header).index(name)
        if _fold(name) in folded:
            return folded.index(_fold(name))
    raise SourceError(
        f"{table}: no column with the {what}: looked for {', '.join(map(repr, names))}; the columns are "
        f"{', '.join(map(repr, header)) or '(none)'}. Name the right one with own_clips.{setting}"
    )


def _fold(name: str) -> str:
    return name.strip("\ufeff \t\r\n").casefold()


def has_columns(header: Sequence[str], *, path_column: str | None = None, text_column: str | None = None) -> bool:
    """True when `find_columns` finds both."""
    try:
        find_columns(header, table="", path_column=path_column, text_column=text_column)
    except SourceError:
        return False
    return True


def caption_of(value: object) -> tuple[str, str]:
    """A JSON or Parquet value as (caption, problem): text stays as it is, null is empty, numbers are spelled as JSON spells them.

    Lists and objects are no captions, nor is text that no UTF-8 file can hold (half a surrogate pair, NUL).
    """
    if isinstance(value, str):
        return (value, "") if is_storable(value) else ("", "the caption is not valid Unicode text (half a character, or NUL)")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ""
    if isinstance(value, bool | int | float):
        return json.dumps(value), ""
    return "", f"the caption is a {type(value).__name__}, not text"


def extras_json(values: Mapping[str, Any]) -> str:
    """Columns other than path and caption as a JSON object with sorted keys.

    What JSON has no word for becomes text (dates, decimals) or null (NaN, infinities, bytes).
    """
    if not values:
        return "{}"
    try:
        text = _READABLE.encode(values)
    except (ValueError, TypeError):
        values = _plain(values)
        text = _READABLE.encode(values)
    return text if is_storable(text) else json.dumps(values, sort_keys=True)


_READABLE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
