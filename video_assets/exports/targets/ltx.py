"""LTX trainer: JSONL with `video` (absolute path) and `caption`. JSONL, since its CSV reader loses captions such as "None"."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """One line per clip."""
    with out.open("dataset.jsonl") as file:
        for part in rows:
            file.write(b"".join(json_line({"video": path, "caption": text}) for path, text in values(part, "path", "text")))
            file.n_rows += part.num_rows
