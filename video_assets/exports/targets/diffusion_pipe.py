"""diffusion-pipe: one flat folder of clips, `captions.json` in it, and a `dataset.toml` to start from.

`captions.json` rather than text files: the trainer reads the one instead of the others, and a million small files are slow.
"""

from collections.abc import Iterator

import pyarrow as pa
import tomlkit

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_text, values


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links, captions by file name (each a list of one), settings."""
    out.make_folder("clips")
    with out.open("clips/captions.json") as file:
        mark = b"{\n"
        for part in rows:
            for path, text in values(part, "path", "text"):
                name = out.clip_name(path)
                out.place(path, f"clips/{name}")
                file.write(mark + f"{json_text(name)}: {json_text([text])}".encode())
                mark = b",\n"
            file.n_rows += part.num_rows
        file.write(b"\n}\n" if file.n_rows else b"{}\n")
    out.write("dataset.toml", _settings(str(out.bind() / "clips")))


def _settings(folder: str) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("A start: choose resolutions and frame_buckets for your model (video-assets census diffusion-pipe).")
    )
    document.update(
        {
            "resolutions": [512],
            "enable_ar_bucket": True,
            "min_ar": 0.5,
            "max_ar": 2.0,
            "num_ar_buckets": 7,
            "frame_buckets": [1, 33, 65, 97],
            "directory": [{"path": folder, "num_repeats": 1}],
        }
    )
    return tomlkit.dumps(document)
