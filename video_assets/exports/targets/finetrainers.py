"""finetrainers: `metadata.jsonl` beside a folder of clips, as Hugging Face's VideoFolder reads it; the caption is `caption`."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links and one line per clip."""
    out.make_folder("clips")
    with out.open("metadata.jsonl") as file:
        for part in rows:
            for path, text in values(part, "path", "text"):
                name = f"clips/{out.clip_name(path)}"
                out.place(path, name)
                file.write(json_line({"file_name": name, "caption": text}))
            file.n_rows += part.num_rows
