"""cosmos-predict2.5: `videos/NAME.mp4` and `metas/NAME.txt`, flat."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """A link and a text file per clip."""
    out.make_folder("videos")
    captions = out.make_folder("metas")
    for part in rows:
        for path, text in values(part, "path", "text"):
            name = out.clip_name(path)
            out.place(path, f"videos/{name}")
            told = f"{name.removesuffix('.mp4')}.txt"
            (captions / told).write_bytes(text.encode())
            out.made(f"metas/{told}")
