"""Captions tables in JSON: lines of objects, an array, an object per clip by its name, pretty-printed or not.

Belongs here: JSON to rows. Does not belong here: columns (`sources.own_clips.table_rows`), encodings (`storage.encodings`).
"""

import io
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from video_assets.core.caption_columns import TEXT_ALIASES
from video_assets.core.captions import CaptionRow, captions_of, extras_json, extras_with_captions, json_problem
from video_assets.core.errors import SourceError
from video_assets.sources.own_clips.table_rows import TableOptions, distinct, has_shape, shape_of
from video_assets.storage.encodings import opened_as_text

_N_PEEKED = 1000  # objects looked at to learn the columns; a column may be absent from single ones


class _Repeats(dict[str, object]):
    """An object that has a name twice, with distinct names; `pairs` are those that were written."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(zip(distinct([name for name, _ in pairs]), (value for _, value in pairs), strict=True))
        self.pairs = pairs


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else _Repeats(pairs)


DECODER = json.JSONDecoder(parse_constant=lambda _: None, object_pairs_hook=_object_of)
"""Reads objects of which no value is lost: of equal names the first keeps it, as in a header of CSV. NaN is null."""


def read_json(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a JSON file; JSON lines in bounded memory, everything else as a whole.

    Raises:
        SourceError: not JSON, or no objects; the message names the line or item.
    """
    with opened_as_text(file, path, encoding=options.encoding, notes=notes) as text:
        first = next((line for line in text if line.strip()), "")
        text.seek(0)
        if _is_object(first):
            yield from _rows_of(_lines(text, path), path, options)
            return
        values = list(_values(text.read(), path))
        if len(values) == 1 and isinstance(values[0][1], list):
            values = list(enumerate(values[0][1], start=1))
            objects = ((number, _object(item, path, f"item {number}")) for number, item in values)
        else:
            objects = ((line, _object(item, path, f"line {line}")) for line, item in values)
        yield from _rows_of(objects, path, options)


def caption_key(names: Mapping[str, object], *, wanted: str | None = None) -> str | None:
    """The key of an object that holds its caption, in any case."""
    folded = {name.casefold(): name for name in reversed(list(names))}
    return next((folded[key] for name in ((wanted,) if wanted else TEXT_ALIASES) if (key := name.casefold()) in folded), None)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            try:
                value = DECODER.decode(line)
            except json.JSONDecodeError as error:
                problem = f"{error.msg.removesuffix(' at')} at column {error.colno}"
                raise SourceError(f"{path}, line {number}: not JSON ({problem})") from None
            except (RecursionError, ValueError) as error:  # nested or numbers beyond reason
                raise SourceError(f"{path}, line {number}: not usable as JSON ({error})") from None
            yield number, _object(value, path, f"line {number}")


def _values(text: str, path: Path) -> Iterator[tuple[int, object]]:
    """All JSON values of a text, one after the other, with the lines on which they begin."""
    at, line, last = 0, 1, 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        line += text.count("\n", last, at)
        last = at
        try:
            value, at = DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            problem = f"{error.msg.removesuffix(' at')} at column {error.colno}"
            raise SourceError(f"{path}, line {error.lineno}: not JSON ({problem})") from None
        except (RecursionError, ValueError) as error:
            raise SourceError(f"{path}, line {line}: not usable as JSON ({json_problem(error)})") from None
        yield line, value


def _object(value: object, path: Path, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SourceError(f'{path}, {where}: {type(value).__name__}, not an object such as {{"path": ..., "text": ...}}')
    return value


def _rows_of(objects: Iterator[tuple[int, dict[str, object]]], path: Path, options: TableOptions) -> Iterator[CaptionRow]:
    first = list(itertools.islice(objects, _N_PEEKED))
    if not first:
        return
    names = list(dict.fromkeys(name for _, item in first for name in item))
    if len(first) == 1 and not has_shape(names, options) and _is_by_name(first[0][1]):
        yield from _rows_by_name(first[0][1])
        return
    shape = shape_of(names, table=str(path), options=options)
    for line, item in itertools.chain(first, objects):
        yield shape.row(line, item)


def _is_by_name(item: Mapping[str, object]) -> bool:
    """An object `{name: caption}`: every value is a caption, a list of them, or an object that has one."""
    return bool(item) and all(
        isinstance(value, str | list) or (isinstance(value, dict) and caption_key(value)) for value in item.values()
    )


def _rows_by_name(item: Mapping[str, object]) -> Iterator[CaptionRow]:
    pairs = item.pairs if isinstance(item, _Repeats) else item.items()  # a name twice is a clip with a second row
    for number, (name, value) in enumerate(pairs, start=1):
        others = dict(value) if isinstance(value, dict) else {}
        captions, problem = captions_of(others.pop(caption_key(others) or "", None) if isinstance(value, dict) else value)
        if len(captions) > 1:
            yield CaptionRow(number, name, captions[0], extras_with_captions(others, captions), problem, captions)
        else:
            yield CaptionRow(number, name, captions[0] if captions else "", extras_json(others), problem)
