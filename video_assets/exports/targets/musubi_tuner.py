"""musubi-tuner: one JSONL per frame rate, since `source_fps` is one number per block, and the TOML around them.

Clips are linked under unique names: the trainer names its caches after the base name alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pyarrow as pa
import tomlkit

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values
from video_assets.exports.rules.names import rate_group

if TYPE_CHECKING:
    from video_assets.publish.product_files import HashedFile


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links, JSONL by rate, settings."""
    out.make_folder("clips")
    files: dict[float, HashedFile] = {}
    with ExitStack() as stack:
        for part in rows:
            for path, text, fps in values(part, "path", "text", "fps"):
                rate = rate_group(fps)
                if rate not in files:
                    files[rate] = stack.enter_context(out.open(_jsonl(rate)))
                name = f"clips/{out.clip_name(path)}"
                out.place(path, name)
                files[rate].write(json_line({"video_path": str(out.final / name), "caption": text}))
                files[rate].n_rows += 1
    out.write("dataset.toml", _settings(str(out.final), sorted(files)))


def _jsonl(rate: float) -> str:
    return f"fps-{rate:.10g}.jsonl"


def _settings(folder: str, rates: list[float]) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("A start: choose resolution and target_frames for your model (video-assets census musubi-tuner).")
    )
    document["general"] = {"resolution": [960, 544], "batch_size": 1, "enable_bucket": True, "bucket_no_upscale": False}
    document["datasets"] = [
        {
            "video_jsonl_file": f"{folder}/{_jsonl(rate)}",
            "cache_directory": f"{folder}/cache/fps-{rate:.10g}",
            "target_frames": [1, 25, 45],
            "frame_extraction": "head",
            "source_fps": float(rate),
        }
        for rate in rates
    ]
    return tomlkit.dumps(document)
