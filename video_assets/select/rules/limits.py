"""Limits that a user sets on clips that decode: length, size, shape, rate, codec, caption, scores of their source.

The same limits are tried by `what-if` and kept by `[select]`.
Belongs here: which clips are beyond which limit. Does not belong here: reading tables (`select.stage`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.codecs import all_names
from video_assets.core.word_counts import word_counts
from video_assets.select.rules.reasons import Reasons, first_of

STAGE = "selected"
"""The stage that `dropped` names for these reasons."""

REASONS = {
    "too_short": "fewer frames or seconds than the select limits ask for",
    "longer_than_wanted": "more frames or seconds than the select limits allow",
    "too_small": "less height, width or pixels than the select limits ask for",
    "larger_than_wanted": "more height, width or pixels than the select limits allow",
    "shape_not_wanted": "an aspect ratio (height / width) outside the select limits",
    "rate_not_wanted": "a frame rate outside the select limits",
    "file_not_wanted": "a file size outside the select limits",
    "codec_not_wanted": "a codec that is not one of select.codecs",
    "caption_not_wanted": "fewer or more words in the caption than the select limits say",
    "score_not_wanted": "a score of its source is outside the select limits, or the source gives it none",
}

_MIB = 1024 * 1024
# Reason, column, unit of the limit in units of the column.
_NUMBERS = (
    ("frames", "num_frames", 1, "too_short", "longer_than_wanted"),
    ("duration_s", "duration_s", 1, "too_short", "longer_than_wanted"),
    ("height", "height", 1, "too_small", "larger_than_wanted"),
    ("width", "width", 1, "too_small", "larger_than_wanted"),
    ("pixels", "resolution", 1, "too_small", "larger_than_wanted"),
    ("aspect_ratio", "aspect_ratio", 1, "shape_not_wanted", "shape_not_wanted"),
    ("fps", "fps", 1, "rate_not_wanted", "rate_not_wanted"),
    ("file_size_mib", "file_size", _MIB, "file_not_wanted", "file_not_wanted"),
)


@dataclass(frozen=True)
class Limits:
    """Limits, both ends included; None: no limit. `min_scores`, `max_scores`: by the name of a column of the source's table."""

    min_frames: int | None = None
    max_frames: int | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    min_height: int | None = None
    max_height: int | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    min_aspect_ratio: float | None = None
    max_aspect_ratio: float | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    min_file_size_mib: float | None = None
    max_file_size_mib: float | None = None
    codecs: tuple[str, ...] = ()
    min_caption_words: int | None = None
    max_caption_words: int | None = None
    min_scores: Mapping[str, float] = field(default_factory=dict)
    max_scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def are_set(self) -> bool:
        """True when there is any limit."""
        return any(getattr(self, each.name) not in (None, (), {}) for each in fields(self))

    @property
    def columns(self) -> list[str]:
        """Columns of CHECKED that the limits look at."""
        names = [column for name, column, *_ in _NUMBERS if self._pair(name) != (None, None)]
        extra = {
            "video_codec": bool(self.codecs),
            "text": self._pair("caption_words") != (None, None),
            "extras": bool(self.min_scores or self.max_scores),
        }
        return [*names, *(name for name, is_read in extra.items() if is_read)]

    def _pair(self, name: str) -> tuple[float | None, float | None]:
        return getattr(self, f"min_{name}"), getattr(self, f"max_{name}")


def beyond(clips: pd.DataFrame, limits: Limits) -> Reasons:
    """The first reason, in the order of `REASONS`, for each clip (columns `limits.columns`) that is beyond a limit.

    A value that is not known is beyond every limit on it.
    """
    complaints = sorted(_complaints(clips, limits), key=lambda complaint: list(REASONS).index(complaint[0]))
    return first_of(complaints, len(clips))


def _complaints(clips: pd.DataFrame, limits: Limits) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    for name, column, unit, below, above in _NUMBERS:
        low, high = limits._pair(name)  # noqa: SLF001 - of this module
        if low is not None or high is not None:
            yield from _outside(_numbers(clips[column]), low, high, unit, (below, above))
    if limits.codecs:
        yield "codec_not_wanted", ~clips["video_codec"].isin(all_names(limits.codecs)).to_numpy(dtype=bool)
    low, high = limits._pair("caption_words")  # noqa: SLF001 - of this module
    if low is not None or high is not None:
        yield from _outside(caption_words(clips["text"]), low, high, 1, ("caption_not_wanted", "caption_not_wanted"))
    for name in {**limits.min_scores, **limits.max_scores}:
        low, high = limits.min_scores.get(name), limits.max_scores.get(name)
        yield from _outside(scores(clips["extras"], name), low, high, 1, ("score_not_wanted", "score_not_wanted"))


def _outside(
    values: npt.NDArray[np.float64], low: float | None, high: float | None, unit: float, reasons: tuple[str, str]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    # Written so that NaN is outside.
    if low is not None:
        yield reasons[0], ~(values >= low * unit)
    if high is not None:
        yield reasons[1], ~(values <= high * unit)


def caption_words(texts: pd.Series) -> npt.NDArray[np.float64]:
    """Words of each caption: what white space separates. NaN where there is no caption."""
    found = pa.array(texts, pa.string())
    chunks = found.chunks if isinstance(found, pa.ChunkedArray) else [found]
    counts = np.concatenate([np.zeros(0, np.int64), *map(word_counts, chunks)]).astype(np.float64)
    counts[texts.isna().to_numpy(dtype=bool)] = np.nan
    return counts


def scores(extras: pd.Series, name: str) -> npt.NDArray[np.float64]:
    """The number that each clip's source gives under `name`; NaN where it gives none."""
    # A million JSON objects take minutes to parse. A quote inside a value is escaped, so this cannot match in one.
    pattern = f'(?:^|[{{,]) *"{re.escape(name)}" *: *"?(?P<value>-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"? *[,}}]'
    options = pc.ExtractRegexOptions(pattern)
    found = pc.call_function("extract_regex", [pa.array(extras, pa.string())], options)
    values = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return _numbers(pd.Series(values.field("value"), dtype=pd.ArrowDtype(pa.string())).where(pd.Series(values.is_valid())))


def _numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    if pd.api.types.is_string_dtype(values.dtype):
        values = values.astype(pd.ArrowDtype(pa.float64()))
    return values.to_numpy(dtype=np.float64, na_value=np.nan)
