"""What the report and Dagster's pages show of tables: previews, the finite numbers of a column, pictures in markdown.

Belongs here: values for people to look at. Does not belong here: pictures (`report.plots`), the funnel (`core.funnel`).
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from video_assets.core.units import shorten

Row = Mapping[str, bool | int | float | str | None]
"""A row of a preview, by column."""


def preview(frame: pd.DataFrame, columns: Sequence[str], n: int = 10, *, max_chars: int = 120) -> list[Row]:
    """The first `n` rows as records that survive JSON: plain Python values, missing and infinite numbers as None.

    Texts are one line of at most `max_chars` characters: a caption of 350 words must not swell Dagster's event log.
    """
    return [
        {name: _plain(value, max_chars) for name, value in zip(columns, row, strict=True)}
        for row in frame[list(columns)].head(n).itertuples(index=False, name=None)
    ]


def _plain(value: Any, max_chars: int) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, np.generic):
        return _plain(value.item(), max_chars)
    return value if isinstance(value, bool | int | float) else shorten(str(value), max_chars)


def finite(values: pd.Series) -> np.ndarray:
    """The finite numbers of a column as float64, in order."""
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    return numbers[np.isfinite(numbers)]


def kind_of(picture: bytes) -> str:
    """`png` or `webp`, by its first bytes; a file's ending and the last part of its media type."""
    return "png" if picture.startswith(b"\x89PNG") else "webp"


def picture_markdown(picture: bytes, alt: str) -> str:
    """The picture inside markdown, nothing to serve beside it."""
    return f"![{alt}](data:image/{kind_of(picture)};base64,{base64.b64encode(picture).decode()})"
