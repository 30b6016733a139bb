"""Captions tables in Parquet.

Belongs here: Parquet to rows. Does not belong here: columns (`sources.own_clips.table_rows`), opening tables
(`sources.own_clips.caption_tables`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.captions import CaptionRow
from video_assets.core.errors import SourceError
from video_assets.sources.own_clips.table_rows import TableOptions, distinct, shape_of

_BATCH = 8192
# What Python has no value for: moments beyond the year 9999, bytes that are no UTF-8, time zones that nobody knows.
_NO_VALUE = (OverflowError, ValueError, LookupError)


def read_parquet(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a Parquet file; binary columns are not read.

    Raises:
        SourceError: not readable, no such column, one of a type that is no text, a value that cannot be told.
    """
    del notes
    try:
        table = pq.ParquetFile(file)
        names = distinct(table.schema_arrow.names)
        kinds = dict(zip(names, table.schema_arrow.types, strict=True))
        shape = shape_of(names, table=str(path), options=options)
        _refuse_types(kinds, shape.path, shape.texts, path)
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH, columns=_to_read(table.schema_arrow)):
            columns = _columns(batch, table.schema_arrow.names, names)
            values = {name: _values_of(column, f"{path}: column {name!r}", number) for name, column in columns.items()}
            for row in zip(*values.values(), strict=True):
                number += 1
                yield shape.row(number, dict(zip(values, row, strict=True)))
    except pa.ArrowException as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error}); write it again") from None
    except OSError as error:
        if error.errno is None:  # Arrow calls damaged pages an input error
            raise SourceError(f"{path}: a damaged Parquet file ({error}); write it again") from None
        raise


def _refuse_types(kinds: Mapping[str, pa.DataType], path_name: str | None, text_names: tuple[str, ...], path: Path) -> None:
    """A path is text or a number, a caption text or a list of texts."""
    for name in (*text_names, *([path_name] if path_name is not None else [])):
        kind = kinds[name]
        is_list = name in text_names and (pa.types.is_list(kind) or pa.types.is_large_list(kind))
        if (pa.types.is_nested(kind) and not is_list) or _is_binary(kind):
            raise SourceError(f"{path}: column {name!r} is of type {kind}, not text; name another one in own_clips")


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _to_read(schema: pa.Schema) -> list[str]:
    return list(dict.fromkeys(field.name for field in schema if not _is_binary(field.type)))


def _columns(batch: pa.RecordBatch, written: Sequence[str], names: Sequence[str]) -> dict[str, pa.Array]:
    """The columns of a batch by their distinct names. A batch has columns of one name in the order of the schema."""
    left: dict[str, list[str]] = defaultdict(list)
    for name, called in zip(written, names, strict=True):
        left[name].append(called)
    found = {left[name].pop(0): column for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    return {name: column for name, column in found.items() if not _is_binary(column.type)}


def _values_of(column: pa.Array, what: str, n_before: int) -> list[Any]:
    try:
        return column.to_pylist()
    except _NO_VALUE:
        return [_value_of(column.slice(at, 1), f"{what}, row {n_before + at + 1}") for at in range(len(column))]


def _value_of(single: pa.Array, what: str) -> Any:
    """The one value of an array, told as text where Python has no value for it; bytes that are no UTF-8 stay half characters."""
    try:
        return single.to_pylist()[0]
    except _NO_VALUE as error:
        problem = error
    kind = single.type
    if isinstance(single, pa.DictionaryArray):
        return _value_of(single.dictionary_decode(), what)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = single.flatten()
        return [_value_of(items.slice(at, 1), what) for at in range(len(items))]
    if isinstance(single, pa.StructArray):
        names = distinct([field.name for field in kind])
        return {name: _value_of(value, what) for name, value in zip(names, single.flatten(), strict=True)}
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.cast(single, pa.large_binary()).to_pylist()[0].decode("utf-8", "surrogateescape")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):  # Arrow itself tells years beyond 32767 wrongly
        return _moment(single)
    raise SourceError(f"{what}: a value that cannot be told ({problem}); write the column as text, or leave it away")


def _moment(single: pa.Array) -> str:
    kind = single.type
    unit = kind.unit if pa.types.is_timestamp(kind) else "D" if pa.types.is_date32(kind) else "ms"
    number = single.view(pa.int32() if pa.types.is_date32(kind) else pa.int64()).to_pylist()[0]
    is_of_zone = pa.types.is_timestamp(kind) and kind.tz is not None
    return f"{np.datetime64(number, unit)}{'Z' if is_of_zone else ''}"
