"""ai-toolkit: one JSON object, path to caption; it takes absolute paths, so no clip is linked."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_text, values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """`captions.json`, to be named as `dataset_path`."""
    with out.open("captions.json") as file:
        mark = b"{\n"
        for part in rows:
            for path, text in values(part, "path", "text"):
                file.write(mark + f"{json_text(path)}: {json_text({'caption': text})}".encode())
                mark = b",\n"
            file.n_rows += part.num_rows
        file.write(b"\n}\n" if file.n_rows else b"{}\n")
