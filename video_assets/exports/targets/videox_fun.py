"""VideoX-Fun: one JSON list with absolute paths; the size saves the sampler from opening each clip."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_text, values

_COLUMNS = ("path", "text", "width", "height")


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """A list of objects."""
    with out.open("metadata.json") as file:
        mark = b"[\n"
        for part in rows:
            for path, text, width, height in values(part, *_COLUMNS):
                record = {"file_path": path, "text": text, "type": "video", "width": width, "height": height}
                file.write(mark + json_text(record).encode())
                mark = b",\n"
            file.n_rows += part.num_rows
        file.write(b"\n]\n" if file.n_rows else b"[]\n")
