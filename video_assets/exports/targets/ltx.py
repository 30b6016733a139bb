"""LTX trainer: `dataset.jsonl` with `video` and `caption` beside a folder of clips.

The trainer calls what it computes after a clip's path without the ending, and finds the caption under that name: `a.mp4` and
`a.webm` of one folder would be one clip to it, with one caption. So clips are linked under names of their own. JSONL, since its
CSV reader loses captions such as "None".
"""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links and one line per clip; the trainer takes paths from the folder of the file on."""
    out.make_folder("clips")
    with out.open("dataset.jsonl") as file:
        for part in rows:
            for path, text in values(part, "path", "text"):
                name = f"clips/{out.clip_name(path)}"
                out.place(path, name)
                file.write(json_line({"video": name, "caption": text}))
            file.n_rows += part.num_rows
