"""From the tables of a data root to a folder of Arrow files that the page asks: cheap to open, to search, to read 60 clips from.

Row n of all files is the same clip. `rows.arrow`: a number per clip and column. `names.arrow`: keys, paths, times. `texts.arrow`:
captions, compressed in small batches. `details.arrow`: why clips were dropped, in words. `about.json`: see `About`. The index of
words is made last, by `look.words`.
Belongs here: writing them. Does not belong here: the join (`look.tables`), reading (`look.files`), keeping (`look.kept`).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.look.tables import NUMBERS, Cell, Files, Joined, join

ROWS_PER_CHUNK = 32_768
"""Clips of one batch of `names.arrow` and `words.arrow`, whose row numbers take 16 bits."""
ROWS_PER_TEXT_BATCH = 256
_MEMORY = "400MiB"
_NAMES = ["clip_key", "path", "mtime_ns"]


class ChangedError(ValueError):
    """The tables were rewritten while they were read; they are read again."""


@dataclass(frozen=True)
class About:
    """What `about.json` says: combinations that occur, names of scores, codecs, and whether clip keys rise with the row."""

    cells: tuple[Cell, ...]
    scores: tuple[str, ...]
    is_sorted: bool


def build(files: Files, folder: Path) -> None:
    """Write everything but the words.

    Raises:
        duckdb.Error, ValueError: a table is torn, of another version, or was rewritten meanwhile.
        OSError: the disk did not take it.
    """
    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 2, "temp_directory": str(folder / "spill")}) as con:
        joined = join(con, files)
    is_sorted = _write_names_and_texts(files.ledgers, folder)
    _write_rows(joined, folder)
    if not files.is_current:
        raise ChangedError("the tables are being rewritten")
    about = About(joined.cells, joined.scores, is_sorted)
    (folder / "about.json").write_text(json.dumps(asdict(about)), encoding="utf-8")


def _write_rows(joined: Joined, folder: Path) -> None:
    """One batch of plain numbers, so that a mapped column is an array: NaN where a number is not known."""
    clips = joined.clips
    numbers = [*NUMBERS, *joined.scores, "height", "width"]
    columns = {name: _floats(clips.column(name)) for name in numbers}
    codec = clips.column("video_codec").combine_chunks().dictionary_encode()
    table = pa.table({"cell": clips.column("cell"), "video_codec": codec, **columns}).combine_chunks()
    _write(folder / "rows.arrow", table.schema, [table])
    _write(folder / "details.arrow", joined.details.schema, [joined.details.combine_chunks()])


def _floats(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(column.cast(pa.float64()).to_numpy())


def _write_names_and_texts(ledgers: Iterable[Path], folder: Path) -> bool:
    """Return whether the keys rise."""
    names, texts = pa.schema([("clip_key", pa.string()), ("path", pa.string()), ("mtime_ns", pa.int64())]), _TEXTS
    is_sorted, last = True, None
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.ipc.new_file(str(folder / "names.arrow"), names) as names_file,
        pa.ipc.new_file(str(folder / "texts.arrow"), texts, options=packed) as texts_file,
    ):
        for chunk in _chunks(ledgers, [*_NAMES, "text"]):
            names_file.write_table(chunk.select(_NAMES).cast(names))
            texts_file.write_table(chunk.select(["text"]).cast(texts), max_chunksize=ROWS_PER_TEXT_BATCH)
            keys = chunk.column("clip_key")
            is_sorted = is_sorted and _do_rise(keys) and (last is None or last < keys[0].as_py())
            last = keys[-1].as_py()
    return is_sorted


_TEXTS = pa.schema([("text", pa.string())])


def _do_rise(keys: pa.ChunkedArray) -> bool:
    column = keys.combine_chunks()
    rises = pc.call_function("less", [column[:-1], column[1:]])
    return pc.call_function("all", [rises]).as_py() is not False


def _chunks(paths: Iterable[Path], columns: list[str]) -> Iterator[pa.Table]:
    """All rows, `ROWS_PER_CHUNK` at a time whatever the files and row groups are, the last fewer."""
    rest: list[pa.Table] = []
    n_rest = 0
    for batch in _batches(paths, columns):
        rest.append(batch)
        n_rest += batch.num_rows
        if n_rest >= ROWS_PER_CHUNK:
            whole = pa.concat_tables(rest)
            yield whole.slice(0, ROWS_PER_CHUNK).combine_chunks()
            rest, n_rest = [whole.slice(ROWS_PER_CHUNK)], n_rest - ROWS_PER_CHUNK
    if n_rest:
        yield pa.concat_tables(rest).combine_chunks()


def _batches(paths: Iterable[Path], columns: list[str]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=ROWS_PER_CHUNK, columns=columns):
                yield pa.Table.from_batches([batch]).replace_schema_metadata()


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pa.ipc.new_file(str(path), schema) as file:
        for table in tables:
            file.write_table(table)
