"""Captions: what one is, when it is empty, which of several is taken.

Belongs here: decisions about cells and JSON values. Does not belong here: which column holds them (`core.caption_columns`),
opening tables (`sources.own_clips.caption_tables`) or sidecars (`sources.own_clips.sidecars`), what becomes of a clip
(`sources.own_clips.statuses`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal, NamedTuple

import xxhash

from video_assets.core.text import is_storable

Pick = Literal["first", "longest", "random_by_key", "join"]

DELIMITERS = (",", ";", "\t")

# Zero-width characters that are spaces by name or by history; `str.isspace` knows all others.
_ZERO_WIDTH_SPACES = "\u180e\u200b\u2060\ufeff"


class CaptionRow(NamedTuple):
    """One row of a captions table, as written.

    `line` is the physical line on which the row begins (text files) or the row's number (Parquet, JSON arrays), from 1.
    `extras` holds the other columns as JSON. `problem` says why `text` is no caption, `path_problem` why `path` is no path; empty
    when they are. `captions`: all of them, when the row has several; `text` is the first.
    """

    line: int
    path: str
    text: str
    extras: str
    problem: str
    captions: tuple[str, ...] = ()
    path_problem: str = ""


def is_empty_caption(caption: str) -> bool:
    r"""True when a caption has nothing but white space, zero-width spaces included; words such as "None" or "NA" are captions.

    >>> is_empty_caption(" \t\u200b\u3000"), is_empty_caption("null"), is_empty_caption(".")
    (True, False, False)
    """
    return all(char.isspace() or char in _ZERO_WIDTH_SPACES for char in caption)


def caption_of(value: object) -> tuple[str, str]:
    """A JSON or Parquet value as (caption, problem): text stays as it is, null is empty, numbers are spelled as JSON spells them.

    Lists and objects are no captions, nor are infinite numbers, nor is text that no UTF-8 file can hold (half a surrogate pair,
    NUL).
    """
    if isinstance(value, str):
        return (value, "") if is_storable(value) else ("", "the caption is not valid Unicode text (half a character, or NUL)")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ""
    if isinstance(value, float) and math.isinf(value):
        return "", "the caption is a number beyond all bounds (such as 1e999), not text"
    if isinstance(value, bool | int | float):
        return json.dumps(value), ""
    return "", f"the caption is a {type(value).__name__}, not text"


def captions_of(value: object) -> tuple[tuple[str, ...], str]:
    """All captions of a JSON or Parquet value, and the problem: a list may hold several, empty and repeated ones left out.

    >>> captions_of(["a dog", "", "a dog", "a cat"]), captions_of(["a dog"]), captions_of(" x ")
    ((('a dog', 'a cat'), ''), (('a dog',), ''), ((' x ',), ''))
    """
    if not isinstance(value, list | tuple):
        text, problem = caption_of(value)
        return ((text,) if text else ()), problem
    if odd := [type(item).__name__ for item in value if not isinstance(item, str)]:
        return (), f"the captions are a list with a {odd[0]}, not of texts"
    found = [caption_of(item) for item in value]
    problem = next((problem for _, problem in found if problem), "")
    texts = dict.fromkeys(text for text, _ in found if not is_empty_caption(text))
    return (() if problem else tuple(texts)), problem


def pick_caption(captions: Sequence[str], how: Pick, *, key: str) -> str:
    """One of several captions of the clip `key`, the same one every time.

    >>> [pick_caption(["a dog", "a dog runs"], how, key="own_clips/a.mp4") for how in ("first", "longest", "join")]
    ['a dog', 'a dog runs', 'a dog a dog runs']
    """
    if how == "longest":
        return max(captions, key=len)
    if how == "join":
        return " ".join(caption.strip() for caption in captions)
    return captions[xxhash.xxh3_64_intdigest(key.encode()) % len(captions)] if how == "random_by_key" else captions[0]


def json_problem(error: ValueError | RecursionError) -> str:
    r"""What is wrong with JSON, with its place, in words.

    >>> try: json.loads('{"a": "\n"}')
    ... except ValueError as error: json_problem(error)
    'Invalid control character at line 1, column 8'
    """
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    return f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"


def extras_json(values: Mapping[str, Any]) -> str:
    """Columns other than path and caption as a JSON object with sorted keys.

    What JSON has no word for becomes text (dates, decimals) or null (NaN, infinities, bytes).
    """
    if not values:
        return "{}"
    if all(type(value) is str for value in values.values()):  # rows of CSV: the encoder takes longer to make than its text
        quoted = json.encoder.encode_basestring
        text = "{" + ", ".join([f"{quoted(name)}: {quoted(values[name])}" for name in sorted(values)]) + "}"
        return text if is_storable(text) else json.dumps(values, sort_keys=True)
    try:
        text = _of_texts(values) or _READABLE.encode(values)
    except (ValueError, TypeError):
        values = _plain(values)
        text = _READABLE.encode(values)
    return text if is_storable(text) else json.dumps(values, sort_keys=True)


def extras_with_captions(values: Mapping[str, Any], captions: Sequence[str]) -> str:
    """`extras_json` with all captions of a clip as `captions`; a value that is called so already is `captions.2` there.

    >>> extras_with_captions({"captions": "manual", "fps": 24}, ["a dog", "a dog runs"])
    '{"captions": ["a dog", "a dog runs"], "captions.2": "manual", "fps": 24}'
    """
    name = "captions"
    while name in values:
        name += ".2"
    own = {name: values["captions"]} if "captions" in values else {}
    return extras_json({**values, **own, "captions": list(captions)})


def _of_texts(values: Mapping[str, Any]) -> str:
    """As `_READABLE` writes texts, in half the time; empty when a value is none. Rows of CSV files hold nothing else."""
    parts = []
    for key in sorted(values):
        value = values[key]
        if type(value) is not str:
            return ""
        parts.append(f"{_quoted(key)}: {_quoted(value)}")
    return f"{{{', '.join(parts)}}}"


_READABLE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
