"""Open-Sora's table: our nine columns as CSV, with absolute paths."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.core.schema import TRAINING
from video_assets.exports.output import Output
from video_assets.publish.rules.rows import csv_header, csv_rows


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """One CSV."""
    with out.open("training.csv") as file:
        file.write(csv_header())
        for part in rows:
            file.write(csv_rows(part.select(TRAINING.names)))
            file.n_rows += part.num_rows
