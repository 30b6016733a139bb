"""What a consumer cannot take, clip by clip, before it finds out itself.

Belongs here: the rules and their reasons. Does not belong here: facts about consumers (`core.consumers`), files (`exports`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from video_assets.core.consumers import REFUSALS, Consumer
from video_assets.select.rules.reasons import Reasons, first_of

REASONS = REFUSALS
"""Reasons of the lint, in the order in which they are asked."""

_AS_CHECKED = ["path", "text", "num_frames", "video_codec", "rotation_deg", "is_variable_rate"]
RATE_COLUMNS = ["header_fps", "starts_at_s"]
"""Columns of CHECKED that `states_no_rate` looks at."""

COLUMNS = [*_AS_CHECKED, "states_no_rate"]
"""What the rules look at."""

CHECKED_COLUMNS = [*_AS_CHECKED, *RATE_COLUMNS]
"""Columns of CHECKED that make `COLUMNS`."""

# What pandas.read_csv takes for missing by default; a test asks pandas.
READ_AS_MISSING = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)


def states_no_rate(clips: pd.DataFrame) -> pd.Series:
    """Clips (`RATE_COLUMNS`) whose container states no frame rate. Verdicts of older rules know neither column."""
    return clips["header_fps"].isna() & clips["starts_at_s"].notna()


def lint(rows: pd.DataFrame, consumer: Consumer, *, min_frames: int = 0, allowed: frozenset[str] = frozenset()) -> pd.DataFrame:
    """Columns `reason` and `detail` for every row (`COLUMNS`), both "" where the consumer can take the clip.

    Args:
        rows: clips.
        consumer: who would read them.
        min_frames: frames that a clip needs, when that is more than the consumer's own minimum.
        allowed: reasons that do not count.
    """
    found = pd.DataFrame({"reason": "", "detail": ""}, index=rows.index, dtype="object")
    for reason, is_new, in_words in _first(rows, consumer, min_frames, allowed):
        found.loc[is_new, "reason"] = reason
        found.loc[is_new, "detail"] = [in_words(row) for row in rows[is_new].to_dict("records")]
    return found


def lint_reasons(rows: pd.DataFrame, consumer: Consumer) -> Reasons:
    """The column `reason` of `lint` alone: details cost Python objects for every row."""
    return first_of(((reason, is_new) for reason, is_new, _ in _first(rows, consumer, 0, frozenset())), len(rows))


_InWords = Callable[[Mapping[Any, Any]], str]


def _first(
    rows: pd.DataFrame, consumer: Consumer, min_frames: int, allowed: frozenset[str]
) -> Iterator[tuple[str, npt.NDArray[np.bool_], _InWords]]:
    """As `_complaints`, each with the rows that none before has named."""
    is_named = np.zeros(len(rows), dtype=bool)
    for reason, is_out, in_words in _complaints(rows, consumer, max(min_frames, consumer.min_frames)):
        is_new = is_out & ~is_named
        if reason not in allowed and is_new.any():
            is_named |= is_new
            yield reason, is_new, in_words


def _complaints(rows: pd.DataFrame, consumer: Consumer, min_frames: int) -> Iterator[tuple[str, npt.NDArray[np.bool_], _InWords]]:
    """Reason, which rows, and the reason in words for one of them."""
    if consumer.suffixes:
        taken = " ".join(consumer.suffixes)
        yield "suffix_refused", ~_ends(rows["path"], consumer.suffixes), lambda _row: f"taken are {taken}"
    yield "codec_refused", _true(rows["video_codec"].isin(consumer.codecs_refused)), lambda row: f"codec {row['video_codec']}"
    if consumer.is_pandas_csv:
        yield "caption_read_as_missing", _true(rows["text"].isin(READ_AS_MISSING)), lambda row: f"caption {row['text']!r}"
    if not consumer.takes_rotated:
        degrees = rows["rotation_deg"].fillna(0).to_numpy(dtype=np.int64)
        yield "rotated", degrees % 360 != 0, lambda row: f"{row['rotation_deg']} degrees"
    if not consumer.takes_variable_rate:
        yield "variable_rate", _true(rows["is_variable_rate"]), lambda _row: "frame durations differ"
    if not consumer.takes_unstated_rate:
        yield "rate_not_stated", _true(rows["states_no_rate"]), lambda _row: "the container states no frame rate"
    few = _true(rows["num_frames"] < min_frames)
    yield "too_few_frames", few, lambda row: f"{row['num_frames']} frames; needed are {min_frames}"


def _ends(paths: pd.Series, suffixes: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Upper case is the same; by Arrow, since pandas would look at path after path."""
    endings = "|".join(map(re.escape, suffixes))
    return _true(paths.str.contains(rf"(?i:{endings})$"))


def _true(values: pd.Series) -> npt.NDArray[np.bool_]:
    return values.fillna(value=False).to_numpy(dtype=bool)
