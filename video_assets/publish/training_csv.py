"""A training CSV as Arrow, a piece at a time, however long its captions are.

Belongs here: reading it. Does not belong here: its spelling (`publish.rules.rows`), writing it (`publish.product_files`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv

from video_assets.core.schema import TRAINING
from video_assets.publish.rules.rows import csv_header

_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_BYTES = (1 << 31) - 1  # Arrow counts them in 32 bits
_PARSE = pc_csv.ParseOptions(newlines_in_values=True)


def csv_batches(path: Path, columns: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Rows of the CSV at `path` in their order, all columns of TRAINING or some.

    Arrow refuses a row that does not fit into its blocks: from that row on it is read with larger ones.

    Raises:
        OSError: it cannot be read.
        pa.ArrowInvalid, pa.ArrowKeyError: it is no training table.
    """
    n_given, block_bytes = 0, _BLOCK_BYTES
    while True:
        try:
            n_before = n_given
            for batch in _batches(path, columns, block_bytes):
                piece = batch.slice(min(n_before, batch.num_rows))
                n_before -= batch.num_rows - piece.num_rows
                if piece.num_rows:
                    n_given += piece.num_rows
                    yield piece
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error) or block_bytes == _MAX_BLOCK_BYTES:
                raise
            block_bytes = min(block_bytes * 8, _MAX_BLOCK_BYTES)
        else:
            return


def csv_table(lines: bytes) -> pa.Table:
    """Lines of a training CSV, its header left out."""
    content = csv_header() + lines
    read = pc_csv.ReadOptions(block_size=min(len(content) + 1, _MAX_BLOCK_BYTES))
    options = {"read_options": read, "parse_options": _PARSE, "convert_options": _convert(())}
    return pc_csv.read_csv(pa.BufferReader(content), **options).combine_chunks()


def _batches(path: Path, columns: Sequence[str], block_bytes: int) -> Iterator[pa.RecordBatch]:
    read = pc_csv.ReadOptions(block_size=block_bytes)
    with pc_csv.open_csv(path, read_options=read, parse_options=_PARSE, convert_options=_convert(columns)) as reader:
        yield from reader


def _convert(columns: Sequence[str]) -> pc_csv.ConvertOptions:
    types = {name: TRAINING.arrow.field(name).type for name in TRAINING.names}
    return pc_csv.ConvertOptions(column_types=types, include_columns=[*columns], strings_can_be_null=False)
