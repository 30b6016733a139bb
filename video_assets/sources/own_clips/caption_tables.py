"""Captions tables: CSV, TSV, JSON lines, a JSON array, Parquet; row by row, in bounded memory (a JSON array as a whole).

Belongs here: files to rows, with the line each row begins on. Does not belong here: encodings (`storage.encodings`), which column
is which (`core.captions`), which file a row means (`sources.own_clips.listing`).

A table that is not what it claims to be is refused as a whole with a `SourceError`: a guess would pair captions with wrong clips.
"""

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.captions import DELIMITERS, CaptionRow, caption_of, extras_json, find_columns, has_columns
from video_assets.core.errors import SourceError
from video_assets.sources.fetching.csv_rows import BrokenRowError, CsvRow, CsvRows, opened_unchanging
from video_assets.storage.encodings import opened_as_text

_N_PEEKED = 1000  # JSON lines looked at to learn the columns; a column may be absent from single lines


@dataclass(frozen=True)
class TableOptions:
    """What the user said about the table; None is: find out."""

    path_column: str | None = None
    text_column: str | None = None
    encoding: str | None = None

    @property
    def columns(self) -> dict[str, str | None]:
        """The named columns, as `find_columns` takes them."""
        return {"path_column": self.path_column, "text_column": self.text_column}


def read_captions(path: Path, *, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a captions table; what the user should know about how it was read is appended to `notes`.

    Raises:
        SourceError: missing, not readable, not of the format its name says, no such column, a broken row, no row at all.
        OSError: the storage failed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SourceError(f"{path}: a captions table ends in {', '.join(_READERS)}; convert it to one of them")
    n_rows = 0
    with _opened(path) as file:
        for row in reader(file, path, options, notes):
            n_rows += 1
            yield row
    if n_rows == 0:
        raise SourceError(f"{path}: the table has no rows; list at least one clip in it, or leave it away")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with opened_unchanging(path) as file:
            yield file
    except FileNotFoundError:
        raise SourceError(f"{path}: no such captions table") from None
    except IsADirectoryError:
        raise SourceError(f"{path}: a folder, not a captions table; a folder of clips goes into own_clips.folder") from None
    except PermissionError:
        raise SourceError(f"{path}: the captions table may not be read (permission denied)") from None


# --- CSV ----------------------------------------------------------------------------------------------------------------------


def _read_csv(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    with opened_as_text(file, path, encoding=options.encoding, notes=notes) as text:
        delimiter = _find_delimiter(text, options)
        rows = _readable(CsvRows(text, delimiter=delimiter, is_strict=True), path, delimiter)
        _, header = next(rows, CsvRow(0, []))
        columns = find_columns(header, table=str(path), **options.columns)
        others = [(name, at) for at, name in enumerate(_unique(header)) if at not in columns]
        for line, cells in rows:
            if len(cells) != len(header):
                raise SourceError(
                    f"{path}, line {line}: {len(cells)} fields where the header has {len(header)}; "
                    f"put quotes around captions that hold {_name(delimiter)}"
                )
            extras = extras_json({name: cells[at] for name, at in others}) if others else "{}"
            yield CaptionRow(line, cells[columns.path], cells[columns.text], extras, "")


def _readable(rows: CsvRows, path: Path, delimiter: str) -> Iterator[CsvRow]:
    try:
        yield from rows
    except BrokenRowError as error:
        raise SourceError(f"{path}, line {error.line}: {_explain(error, delimiter)}") from None


def _explain(error: BrokenRowError, delimiter: str) -> str:
    """What is wrong with a row, for the user; the problems are worded by CPython's Modules/_csv.c."""
    if "field limit" in error.problem:
        return (
            f"a field of more than {csv.field_size_limit():,} characters; is a quote opened in line {error.line} and never "
            "closed? A caption that long is no caption: shorten it"
        )
    if "unexpected end of data" in error.problem:
        return f"a quote is opened in the row that begins here and not closed until the end of the file, line {error.last_line}"
    if "expected after" in error.problem:
        return (
            f"a quoted field goes on after its closing quote (line {error.last_line}); double the quotes inside quoted captions, "
            f"and put {_name(delimiter)} between fields"
        )
    return f"not readable as CSV ({error.problem})"


def _find_delimiter(text: io.TextIOWrapper, options: TableOptions) -> str:
    """The delimiter that gives the first line a path and a caption column; else the one that gives the most columns."""
    first = next((line for line in text if line.strip()), "")
    text.seek(0)

    def fitness(delimiter: str) -> tuple[bool, int]:
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            header = []
        return has_columns(header, **options.columns), len(header)

    return max(DELIMITERS, key=fitness)


def _name(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}[delimiter]


def _unique(header: list[str]) -> list[str]:
    """Column names as keys: stripped, the unnamed and the repeated numbered."""
    names: list[str] = []
    for at, raw in enumerate(header, start=1):
        name = raw.strip() or f"column_{at}"
        names.append(name if name not in names else f"{name}.{at}")
    return names


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def _read_json(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    with opened_as_text(file, path, encoding=options.encoding, notes=notes) as text:
        is_array = next((line.lstrip()[:1] for line in text if line.strip()), "") == "["
        text.seek(0)
        objects = _array(text, path) if is_array else _lines(text, path)
        yield from _rows_of(objects, path, options)


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            yield number, _object(_parse(line, path, f"line {number}"), path, f"line {number}")


def _array(text: io.TextIOWrapper, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, item in enumerate(_parse(text.read(), path, ""), start=1):
        yield number, _object(item, path, f"item {number}")


def _parse(text: str, path: Path, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        place = where or f"line {error.lineno}"
        raise SourceError(f"{path}, {place}: not JSON ({error.msg} at column {error.colno})") from None
    except (RecursionError, ValueError) as error:  # nested or numbers beyond reason
        raise SourceError(f"{path}, {where or 'somewhere'}: not usable as JSON ({error})") from None


def _object(value: Any, path: Path, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SourceError(f'{path}, {where}: {type(value).__name__}, not an object such as {{"path": ..., "text": ...}}')
    return value


def _rows_of(objects: Iterator[tuple[int, dict[str, Any]]], path: Path, options: TableOptions) -> Iterator[CaptionRow]:
    first = list(itertools.islice(objects, _N_PEEKED))
    if not first:
        return
    names = list(dict.fromkeys(name for _, item in first for name in item))
    columns = find_columns(names, table=str(path), **options.columns)
    path_name, text_name = names[columns.path], names[columns.text]
    for line, item in itertools.chain(first, objects):
        clip, text = item.pop(path_name, None), item.pop(text_name, None)
        caption, problem = caption_of(text)
        yield CaptionRow(line, clip if isinstance(clip, str) else "", caption, extras_json(item), problem)


# --- Parquet ------------------------------------------------------------------------------------------------------------------


def _read_parquet(file: IO[bytes], path: Path, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    del notes
    try:
        table = pq.ParquetFile(file)
        columns = find_columns(table.schema_arrow.names, table=str(path), **options.columns)
        names = [field.name for at, field in enumerate(table.schema_arrow) if at in columns or not _is_binary(field.type)]
        wanted = (table.schema_arrow.names[columns.path], table.schema_arrow.names[columns.text])
        number = 0
        for batch in table.iter_batches(batch_size=8192, columns=names):
            for row in _rows_of_batch(batch, *wanted, first=number + 1, path=path):
                number += 1
                yield row
    except pa.ArrowException as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error}); write it again") from None
    except OSError as error:
        if error.errno is None:  # Arrow calls damaged pages an input error
            raise SourceError(f"{path}: a damaged Parquet file ({error}); write it again") from None
        raise


def _rows_of_batch(batch: pa.RecordBatch, path_name: str, text_name: str, *, first: int, path: Path) -> Iterator[CaptionRow]:
    clips, texts = _values(batch, path_name, path), _values(batch, text_name, path)
    others = batch.drop_columns([path_name, text_name])
    extras: list[dict[str, Any]] = others.to_pylist() if others.num_columns else [{}] * len(clips)
    for number, (clip, text, extra) in enumerate(zip(clips, texts, extras, strict=True), start=first):
        caption, problem = caption_of(text)
        yield CaptionRow(number, "" if clip is None else str(clip), caption, extras_json(extra), problem)


def _values(batch: pa.RecordBatch, name: str, path: Path) -> list[Any]:
    column = batch.column(name)
    if pa.types.is_nested(column.type) or _is_binary(column.type):
        raise SourceError(f"{path}: column {name!r} is of type {column.type}, not text; name another one in own_clips")
    return column.to_pylist()


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


_READERS: dict[str, Callable[[IO[bytes], Path, TableOptions, list[str]], Iterator[CaptionRow]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json,
    ".json": _read_json,
    ".ndjson": _read_json,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}
