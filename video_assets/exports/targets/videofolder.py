"""Hugging Face VideoFolder: `metadata.parquet` beside a folder of clips, with all columns, source and licence."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.schema import TRAINING
from video_assets.exports.output import Output

_SCHEMA = pa.schema(
    [
        pa.field("file_name", pa.string()),
        *(field for field in TRAINING.arrow if field.name != "path"),
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
    ]
)


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links and one table; paths in it are relative, as the reader wants them."""
    out.make_folder("clips")
    with (
        out.open("metadata.parquet") as file,
        pq.ParquetWriter(pa.PythonFile(file, mode="w"), _SCHEMA, compression="zstd") as table,
    ):
        for part in rows:
            names = []
            for path in part.column("path").to_pylist():
                names.append(f"clips/{out.clip_name(path)}")
                out.place(path, names[-1])
            table.write_table(part.append_column("file_name", pa.array(names)).select(_SCHEMA.names).cast(_SCHEMA))
            file.n_rows += part.num_rows
