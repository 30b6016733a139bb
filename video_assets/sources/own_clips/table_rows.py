"""Rows of captions tables, whatever file they come from: which columns are path and caption, and what a row says.

Belongs here: named values to `CaptionRow`. Does not belong here: reading files (`sources.own_clips.csv_tables`,
`sources.own_clips.json_tables`, `sources.own_clips.caption_tables`), which file a row means (`sources.own_clips.places`).
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from video_assets.core.caption_columns import ID_ALIASES, PATH_ALIASES, TEXT_ALIASES, find_column
from video_assets.core.captions import CaptionRow, captions_of, extras_json
from video_assets.core.errors import SourceError
from video_assets.core.text import is_storable

_FIELD = re.compile(r"\{([^{}]+)\}")


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


@dataclass(frozen=True)
class RowShape:
    """The columns of a table by name: that of the path (None: `template` makes it), and those with captions."""

    path: str | None
    texts: tuple[str, ...]
    template: str

    def row(self, line: int, values: dict[str, Any]) -> CaptionRow:
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
        extras = extras_json({**values, "captions": list(captions)})
        return CaptionRow(line, path, captions[0], extras, problem, captions, path_problem)

    def _filled(self, values: dict[str, Any]) -> tuple[str, str]:
        found = {name: _path_of(values.get(name)) for name in _FIELD.findall(self.template)}
        problem = next((f"{name}: {trouble or 'empty'}" for name, (part, trouble) in found.items() if trouble or not part), "")
        return ("", problem) if problem else (_FIELD.sub(lambda match: found[match[1]][0], self.template), "")


def shape_of(names: Sequence[str], *, table: str, options: TableOptions) -> RowShape:
    """Find the columns among `names`, which differ.

    Raises:
        SourceError: there is none for the path, or none with a caption.
    """
    path = template = None
    if options.path_template:
        template = _template(options.path_template, names, table)
    else:
        known = (options.path_column,) if options.path_column else (*PATH_ALIASES, *ID_ALIASES)
        path = names[find_column(names, known, table=table, what="path", setting="path_column")]
    wanted = [((name,), "text_columns") for name in options.text_columns] or [(TEXT_ALIASES, "text_column")]
    texts = [find_column(names, known, table=table, what="caption", setting=setting) for known, setting in wanted]
    return RowShape(path, tuple(names[at] for at in texts), template or "")


def has_shape(names: Sequence[str], options: TableOptions) -> bool:
    """True when `shape_of` finds one."""
    try:
        shape_of(names, table="", options=options)
    except SourceError:
        return False
    return True


def _template(template: str, names: Sequence[str], table: str) -> str:
    """The template with column names spelled as the table spells them."""

    def spelled(match: re.Match[str]) -> str:
        at = find_column(names, (match[1],), table=table, what="value of the template", setting="path_template")
        return f"{{{names[at]}}}"

    return _FIELD.sub(spelled, template)


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
