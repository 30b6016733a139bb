"""Open-Sora 2.0 with `memory_efficient`: a Parquet table without captions, and a folder of small tables that hold them.

The trainer finds the folder by cutting its table's path at the first dot, and a row's table by dividing its number by
ceil(rows / 10,000).
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.errors import UsageError
from video_assets.core.schema import TRAINING
from video_assets.exports.output import Output
from video_assets.storage.tables import ROWS_PER_GROUP

_N_SHARDS = 10_000
_NAME = "training"


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """The table, then its shards.

    Raises:
        UsageError: the folder's path has a dot in it, so that the trainer would look for the shards elsewhere.
    """
    place = str(out.bind())
    if "." in place:
        raise UsageError(
            f"{place} has a dot in it: Open-Sora looks for the shards at the path up to its first dot, "
            f"{place.partition('.')[0]!r}. Use a data root without dots, or the target open-sora-2.0"
        )
    captions = out.folder / ".captions.parquet"
    n_rows = _write_table(rows, out, captions)
    try:
        _write_shards(captions, out, rows_per_shard=-(-n_rows // _N_SHARDS))
    finally:
        captions.unlink()


def _write_table(rows: Iterator[pa.Table], out: Output, captions: Path) -> int:
    schema = pa.schema([field for field in TRAINING.arrow if field.name != "text"])
    texts = TRAINING.arrow.empty_table().select(["path", "text"]).schema
    # The trainer reads with fastparquet, which knows every compression that pandas writes by default.
    with (
        out.open(f"{_NAME}.parquet") as file,
        pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression="snappy") as table,
        pq.ParquetWriter(captions, texts, compression="snappy") as aside,
    ):
        for part in rows:
            table.write_table(part.select(schema.names).cast(schema))
            aside.write_table(part.select(texts.names).cast(texts))
            file.n_rows += part.num_rows
        return file.n_rows


def _write_shards(captions: Path, out: Output, *, rows_per_shard: int) -> None:
    with pq.ParquetFile(captions, pre_buffer=False) as file:
        numbers = itertools.count()
        rest = file.schema_arrow.empty_table()
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
            rest = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            while rest.num_rows >= rows_per_shard:
                _write_shard(rest.slice(0, rows_per_shard), out, next(numbers))
                rest = rest.slice(rows_per_shard)
        if rest.num_rows:
            _write_shard(rest, out, next(numbers))


def _write_shard(rows: pa.Table, out: Output, number: int) -> None:
    name = f"{number:05}.parquet"
    pq.write_table(rows, out.make_folder(_NAME) / name, compression="snappy")
    out.made(f"{_NAME}/{name}")
