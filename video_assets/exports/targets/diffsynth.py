"""DiffSynth-Studio: `metadata.csv` with `video` (absolute path) and `prompt`."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.publish.rules.rows import csv_rows


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """One CSV."""
    with out.open("metadata.csv") as file:
        file.write(b"video,prompt\n")
        for part in rows:
            file.write(csv_rows(part.select(["path", "text"])))
            file.n_rows += part.num_rows
