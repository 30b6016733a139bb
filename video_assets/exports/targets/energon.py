"""Megatron-Energon: `train.jsonl` beside a folder of clips, for `energon prepare train.jsonl`, and its metadataset."""

from collections.abc import Iterator

import pyarrow as pa

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values

_METADATASET = """\
__module__: megatron.energon
__class__: MetadatasetV2
splits:
  train:
    path: ./train.jsonl
    aux:
      video_source: filesystem://./clips
"""


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links, one line per clip (names are relative to the folder of clips), the metadataset."""
    out.make_folder("clips")
    with out.open("train.jsonl") as file:
        for part in rows:
            for path, text in values(part, "path", "text"):
                name = out.clip_name(path)
                out.place(path, f"clips/{name}")
                file.write(json_line({"video": name, "caption": text}))
            file.n_rows += part.num_rows
    out.write("metadataset.yaml", _METADATASET)
    # `energon prepare` notes here where each line begins. The next export has other lines, so it goes with this one.
    out.foresee("train.jsonl.idx")
