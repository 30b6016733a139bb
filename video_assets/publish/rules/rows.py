"""The product's rows and their text: what a training row is, in which order, and how it is spelled in CSV.

Everything works on Arrow tables of a few thousand rows, so that a table of millions never lies in memory twice.
Belongs here: selecting, checking, ordering, spelling. Does not belong here: files (`publish.publish`), drops (`core.filters`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
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
    last = _call("binary_join_element_wise", columns.pop(), "\n", "")
    lines = _call("binary_join_element_wise", *columns, last, ",")
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
    is_below = _call("starts_with", paths, options=pc.MatchSubstringOptions(prefix))
    _require(clips, is_below, f"is not below training.relative_to = {relative_to!r}; choose a folder above all clips, or none")
    short = _call("utf8_slice_codeunits", paths, options=pc.SliceOptions(start=len(prefix)))
    return rows.set_column(0, TRAINING.arrow.field("path"), short)


def merge_order(keys: Sequence[pd.Series]) -> npt.NDArray[np.int16]:
    """For tables that are each sorted by clip key: which table the next row comes from, for all rows in the order of the key.

    Raises:
        ValueError: a table is not sorted, or a key occurs twice; names the keys.
    """
    sizes = [len(table) for table in keys]
    table_of = np.repeat(np.arange(len(keys), dtype=np.int16), sizes)
    every = pa.chunked_array([chunk for table in keys for chunk in _chunks(table)], type=pa.string())
    rank = _call("sort_indices", every)
    in_order = every.take(rank)
    is_twice = np.flatnonzero(_call("equal", in_order[1:], in_order[:-1]).to_numpy())
    if len(is_twice):
        raise ValueError(f"{len(is_twice):,} clip keys occur more than once, first {in_order[int(is_twice[0])].as_py()!r}")
    order = table_of[rank.to_numpy()]
    if not np.array_equal(rank.to_numpy()[np.argsort(order, kind="stable")], np.arange(len(every))):
        raise ValueError("rows of a shard are not in the order of their clip keys")
    return order


def interleave(parts: Sequence[pa.Table], order: npt.NDArray[np.int16]) -> pa.Table:
    """Rows of `parts` in the order that `merge_order` gave: row i is the next row of part `order[i]`."""
    position = np.empty(len(order), dtype=np.int64)
    position[np.argsort(order, kind="stable")] = np.arange(len(order))
    return pa.concat_tables(parts).combine_chunks().take(pa.array(position))


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
    needs_quotes = _call("match_substring_regex", column, options=pc.MatchSubstringOptions(_NEEDS_QUOTES))
    doubled = _call("replace_substring", column, options=pc.ReplaceSubstringOptions('"', '""'))
    return _call("if_else", needs_quotes, _call("binary_join_element_wise", '"', doubled, '"', ""), column)


def _is_usable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        return _call("is_valid", column)
    is_positive = _call("greater", column, 0)
    if pa.types.is_floating(column.type):
        is_positive = _call("and", is_positive, _call("is_finite", column))
    return _call("coalesce", is_positive, False)


def _require(clips: pa.Table, is_met: pa.ChunkedArray, complaint: str) -> None:
    wrong = clips.filter(_call("invert", is_met))
    if wrong.num_rows:
        raise ValueError(f"clip {wrong.column('clip_key')[0].as_py()!r} ({wrong.num_rows:,} such clips here): {complaint}")


def _chunks(column: pd.Series) -> list[pa.Array]:
    array = pa.array(column, type=pa.string())
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def _call(function: str, *arguments: Any, options: Any = None) -> Any:
    """A function of `pyarrow.compute` by name: those are made at import, so type checkers do not see them."""
    values = [argument if isinstance(argument, (pa.Array, pa.ChunkedArray)) else pa.scalar(argument) for argument in arguments]
    return pc.call_function(function, values, options)
