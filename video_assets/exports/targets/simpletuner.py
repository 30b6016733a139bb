"""SimpleTuner: a folder of clips, `metadata.parquet` for captions and sizes, and a `multidatabackend.json` to start from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.exports.output import Output

_SCHEMA = pa.schema(
    [
        pa.field("filename", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("width", pa.int64()),
        pa.field("height", pa.int64()),
    ]
)


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links, table, settings."""
    out.make_folder("clips")
    with (
        out.open("metadata.parquet") as file,
        pq.ParquetWriter(pa.PythonFile(file, mode="w"), _SCHEMA, compression="snappy") as table,
    ):
        for part in rows:
            names = [out.clip_name(path) for path in part.column("path").to_pylist()]
            for path, name in zip(part.column("path").to_pylist(), names, strict=True):
                out.place(path, f"clips/{name}")
            columns = [pa.array(names), *(part.column(name) for name in ("text", "width", "height"))]
            table.write_table(pa.table(columns, names=_SCHEMA.names).cast(_SCHEMA))
            file.n_rows += part.num_rows
    out.write("multidatabackend.json", json.dumps(_settings(out.bind()), indent=2) + "\n")


def _settings(folder: Path) -> list[dict[str, Any]]:
    clips: dict[str, Any] = {
        "id": "clips",
        "type": "local",
        "dataset_type": "video",
        "instance_data_dir": str(folder / "clips"),
        "caption_strategy": "parquet",
        "metadata_backend": "discovery",
        "parquet": {
            "path": str(folder / "metadata.parquet"),
            "filename_column": "filename",
            "caption_column": "caption",
            "width_column": "width",
            "height_column": "height",
            "identifier_includes_extension": True,
        },
        "resolution": 480,
        "resolution_type": "pixel_edge",
        "video": {"num_frames": 81, "min_frames": 81},
        "cache_dir_vae": str(folder / "cache" / "vae"),
    }
    texts: dict[str, Any] = {
        "id": "texts",
        "type": "local",
        "dataset_type": "text_embeds",
        "default": True,
        "cache_dir": str(folder / "cache" / "texts"),
    }
    return [clips, texts]
