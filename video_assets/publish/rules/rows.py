"""The product's rows and their text: what a training row is, and how it is spelled in CSV.

Everything works on Arrow tables of a few thousand rows, so that a table of millions never lies in memory twice.
Belongs here: selecting, checking, spelling. Does not belong here: their order (`row_order`), files (`publish.publish`), drops
(`core.filters`).
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.schema import TRAINING

# Python's csv module (3.11) and pandas leave a lone carriage return unquoted, and then read it as the end of a row.
_NEEDS_QUOTES = '[",\r\n]'


def csv_header() -> bytes:
    """The first line of the training CSV."""
    return (",".join(TRAINING.names) + "\n").encode()


def csv_rows(rows: pa.Table) -> bytes:
    r"""TRAINING rows as CSV without a header: UTF-8, "\n" line ends, quotes only where needed, floats in shortest exact spelling.

    Same rows, same bytes. A field is quoted when it holds a comma, a quote, a line feed or a carriage return; so every common
    reader gives back every caption unchanged.
    """
    if rows.num_rows == 0:
        return b""
    columns = [_spell(rows.column(name).combine_chunks()) for name in rows.column_names]
    last = call("binary_join_element_wise", columns.pop(), "\n", "")
    lines = call("binary_join_element_wise", *columns, last, ",")
    # An Arrow string array is its rows' bytes end to end: that is the text.
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64 if pa.types.is_large_string(lines.type) else np.int32)
    return data.slice(int(ends[lines.offset]), int(ends[lines.offset + len(lines)] - ends[lines.offset])).to_pybytes()


def training_rows(clips: pa.Table, *, relative_to: str | None) -> pa.Table:
    """TRAINING rows of kept clips (columns of CHECKED), paths relative to the folder `relative_to` when that is set.

    Raises:
        ValueError: a value is missing, a number is not positive and finite, or a path is not below `relative_to`; names the clip.
    """
    for name in TRAINING.names:
        _require(clips, _is_usable(clips.column(name)), f"{name} is missing or not above zero; materialize decode_check again")
    rows = clips.select(TRAINING.names).cast(TRAINING.arrow)
    if relative_to is None:
        return rows
    prefix = relative_to.rstrip("/") + "/"
    paths = rows.column("path")
    is_below = call("starts_with", paths, options=pc.MatchSubstringOptions(prefix))
    _require(clips, is_below, f"is not below training.relative_to = {relative_to!r}; choose a folder above all clips, or none")
    short = call("utf8_slice_codeunits", paths, options=pc.SliceOptions(start=len(prefix)))
    return rows.set_column(0, TRAINING.arrow.field("path"), short)


def counts_by_reason(dropped: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Clips dropped, by stage and reason (both in alphabetical order)."""
    counts: dict[str, dict[str, int]] = {}
    sizes = dropped.groupby(["stage", "reason"]).size().reset_index(name="clips")
    for stage, reason, clips in sizes.itertuples(index=False, name=None):
        counts.setdefault(stage, {})[reason] = clips
    return counts


def counts_by_source(kept: pd.Series, dropped: pd.Series) -> dict[str, dict[str, int]]:
    """Clips listed, kept and dropped, by source. Takes the `source` columns of both halves."""
    n_kept, n_dropped = kept.value_counts(), dropped.value_counts()
    return {
        source: {
            "listed": int(n_kept.get(source, 0) + n_dropped.get(source, 0)),
            "kept": int(n_kept.get(source, 0)),
            "dropped": int(n_dropped.get(source, 0)),
        }
        for source in sorted({*n_kept.index, *n_dropped.index})
    }


def _spell(column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        # A table has few different rates and ratios; repr is the shortest text that reads back as the same number.
        encoded = column.dictionary_encode()
        return pa.array([repr(value) for value in encoded.dictionary.to_pylist()], type=pa.string()).take(encoded.indices)
    if not pa.types.is_string(column.type):
        return column.cast(pa.string())
    needs_quotes = call("match_substring_regex", column, options=pc.MatchSubstringOptions(_NEEDS_QUOTES))
    doubled = call("replace_substring", column, options=pc.ReplaceSubstringOptions('"', '""'))
    return call("if_else", needs_quotes, call("binary_join_element_wise", '"', doubled, '"', ""), column)


def _is_usable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        return call("is_valid", column)
    is_positive = call("greater", column, 0)
    if pa.types.is_floating(column.type):
        is_positive = call("and", is_positive, call("is_finite", column))
    return call("coalesce", is_positive, False)


def _require(clips: pa.Table, is_met: pa.ChunkedArray, complaint: str) -> None:
    wrong = clips.filter(call("invert", is_met))
    if wrong.num_rows:
        raise ValueError(f"clip {wrong.column('clip_key')[0].as_py()!r} ({wrong.num_rows:,} such clips here): {complaint}")


def call(function: str, *arguments: Any, options: Any = None) -> Any:
    """A function of `pyarrow.compute` by name: those are made at import, so type checkers do not see them."""
    values = [argument if isinstance(argument, (pa.Array, pa.ChunkedArray)) else pa.scalar(argument) for argument in arguments]
    return pc.call_function(function, values, options)
