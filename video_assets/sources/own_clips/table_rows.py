"""Rows of captions tables, whatever file they come from: which columns are path and caption, and what a row says.

Belongs here: named values to `CaptionRow`, or columns of text to many of them at once. Does not belong here: reading files
(`sources.own_clips.csv_tables`, `sources.own_clips.json_tables`, `sources.own_clips.parquet_tables`), which file a row means
(`sources.own_clips.places`).
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as _quoted
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.caption_columns import ID_ALIASES, PATH_ALIASES, TEXT_ALIASES, find_column
from video_assets.core.captions import CaptionRow, captions_of, extras_json, extras_with_captions
from video_assets.core.errors import SourceError
from video_assets.core.text import is_storable

_FIELD = re.compile(r"\{([^{}]+)\}")
_ESCAPED_IN_JSON = r'[\x00-\x1f"\\]'


@dataclass(frozen=True)
class TableOptions:
    """What the user said about tables; None or nothing is: find out.

    `path_template` makes a path of columns: `{page_dir}/{videoid}.mp4`. `is_clip` says whether a path leads to a clip that is
    there; it is asked about lines in captions that look like rows.
    """

    path_column: str | None = None
    text_columns: tuple[str, ...] = ()
    encoding: str | None = None
    path_template: str | None = None
    is_clip: Callable[[str], bool] = lambda _: False


class TableStart(Protocol):
    """A place in a table behind which reading begins: so many bytes, whole lines."""

    @property
    def n_bytes(self) -> int: ...  # noqa: D102
    @property
    def n_lines(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class CaptionBlock:
    """Many `CaptionRow`s without problems as columns of equal length; `texts` are what is in the table's one caption column."""

    lines: npt.NDArray[np.int64]
    paths: pa.Array
    texts: pa.Array
    extras: pa.Array

    def rows(self, places: npt.NDArray[np.int64]) -> Iterator[CaptionRow]:
        """The rows at these places, one by one."""
        columns = (column.take(pa.array(places)).to_pylist() for column in (self.paths, self.texts, self.extras))
        for line, path, text, extras in zip(self.lines[places].tolist(), *columns, strict=True):
            yield CaptionRow(line, path, text, extras, "")


@dataclass(frozen=True)
class RowShape:
    """The columns of a table by name: that of the path (None: `template` makes it), and those with captions."""

    path: str | None
    texts: tuple[str, ...]
    template: str

    def row(self, line: int, values: dict[str, object]) -> CaptionRow:
        """The row that `values` hold; they are used up."""
        path, path_problem = _path_of(values.pop(self.path, None)) if self.path is not None else self._filled(values)
        first = values.pop(self.texts[0], None)
        if isinstance(first, str) and len(self.texts) == 1 and is_storable(first):  # nearly every row of nearly every table
            return CaptionRow(line, path, first, extras_json(values), "", (), path_problem)
        captions, problem = captions_of(first)
        for name in self.texts[1:]:
            more, trouble = captions_of(values.pop(name, None))
            captions, problem = (*captions, *more), problem or trouble
        if len(captions) < 2:
            return CaptionRow(line, path, captions[0] if captions else "", extras_json(values), problem, (), path_problem)
        extras = extras_with_captions(values, captions)
        return CaptionRow(line, path, captions[0], extras, problem, captions, path_problem)

    @property
    def is_plain(self) -> bool:
        """One column has the path, one the caption."""
        return self.path is not None and len(self.texts) == 1

    def block(self, lines: npt.NDArray[np.int64], cells: pa.Table) -> CaptionBlock:
        """Rows of text that `row` would find no problem in, of a plain shape; says the same as `row` of each."""
        texts = {name: cells.column(name).combine_chunks() for name in cells.column_names}
        path, caption = texts.pop(self.path or ""), texts.pop(self.texts[0])
        return CaptionBlock(lines, path, caption, _extras_of(texts, len(lines)))

    def _filled(self, values: dict[str, object]) -> tuple[str, str]:
        found = {name: _path_of(values.get(name)) for name in _FIELD.findall(self.template)}
        problem = next((f"{name}: {trouble or 'empty'}" for name, (part, trouble) in found.items() if trouble or not part), "")
        return ("", problem) if problem else (_FIELD.sub(lambda match: found[match[1]][0], self.template), "")


def shape_of(names: Sequence[str], *, table: str, options: TableOptions) -> RowShape:
    """Find the columns among `names`, which differ.

    Raises:
        SourceError: there is none for the path, or none with a caption, or one is meant to be both.
    """
    shape = _shape_of(names, table=table, options=options)
    if shape.path is not None and shape.path in shape.texts:
        raise SourceError(
            f"{table}: column {shape.path!r} would be both path and caption of a clip; name another one with "
            f"own_clips.path_column or own_clips.{'text_columns' if options.text_columns[1:] else 'text_column'} (columns: "
            f"{', '.join(map(repr, names))})"
        )
    return shape


def _shape_of(names: Sequence[str], *, table: str, options: TableOptions) -> RowShape:
    path = template = None
    if options.path_template:
        template = _template(options.path_template, names, table)
    else:
        known = (options.path_column,) if options.path_column else (*PATH_ALIASES, *ID_ALIASES)
        path = names[find_column(names, known, table=table, what="path", setting="path_column")]
    wanted = [((name,), "text_columns") for name in options.text_columns] or [(TEXT_ALIASES, "text_column")]
    texts = [find_column(names, known, table=table, what="caption", setting=setting) for known, setting in wanted]
    return RowShape(path, tuple(names[at] for at in texts), template or "")


def distinct(names: Sequence[str]) -> list[str]:
    """Names as keys: the first of equal ones keeps its name, a further one has its place behind it, from 1.

    >>> distinct(["path", "text", "text.4", "text", "path"])
    ['path', 'text', 'text.4', 'text.4.4', 'path.5']
    """
    found: dict[str, None] = {}
    for at, given in enumerate(names, start=1):
        name = given
        while name in found:
            name = f"{name}.{at}"
        found[name] = None
    return list(found)


def has_shape(names: Sequence[str], options: TableOptions) -> bool:
    """True when there are columns for path and caption, though `shape_of` may refuse them."""
    try:
        _shape_of(names, table="", options=options)
    except SourceError:
        return False
    return True


def _template(template: str, names: Sequence[str], table: str) -> str:
    """The template with column names spelled as the table spells them."""

    def spelled(match: re.Match[str]) -> str:
        at = find_column(names, (match[1],), table=table, what="value of the template", setting="path_template")
        return f"{{{names[at]}}}"

    return _FIELD.sub(spelled, template)


def _extras_of(columns: dict[str, pa.Array], n_rows: int) -> pa.Array:
    """`extras_json` of every row of text columns."""
    if not columns:
        return pa.array(["{}"] * n_rows, pa.string())
    parts: list[Any] = []
    for name in sorted(columns):
        parts += [pa.scalar(f'{", " if parts else "{"}{_quoted(name)}: "'), _json_text(columns[name]), pa.scalar('"')]
    return pc.call_function("binary_join_element_wise", [*parts, pa.scalar("}"), pa.scalar("")])


def _json_text(column: pa.Array) -> pa.Array:
    """Texts as JSON spells them, without the quotes around; few hold anything that is spelled otherwise."""
    is_escaped = pc.call_function("match_substring_regex", [column], pc.MatchSubstringOptions(_ESCAPED_IN_JSON))
    texts = [_quoted(text)[1:-1] for text in column.filter(is_escaped).to_pylist()]
    return pc.call_function("replace_with_mask", [column, is_escaped, pa.array(texts, pa.string())]) if texts else column


def _path_of(value: object) -> tuple[str, str]:
    """A value as (path, problem); whole numbers are ids."""
    if isinstance(value, str):
        return value, ""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), ""
    return "", f"the path is {_kind(value)}, not text"


def _kind(value: object) -> str:
    kinds: dict[type, str] = {list: "a list", dict: "an object", bool: "true or false", float: "a number with a fraction"}
    return kinds.get(type(value), f"a {type(value).__name__}")
