"""musubi-tuner: one JSONL per frame rate, since `source_fps` is one number per block, and the TOML around them.

Clips are linked under unique names: the trainer names its caches after the base name alone. A table may have thousands of rates,
more than files can be open.
"""

from collections.abc import Iterator

import pyarrow as pa
import tomlkit

from video_assets.exports.output import Output
from video_assets.exports.rules.lines import json_line, values
from video_assets.exports.rules.names import rate_group


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Links, JSONL by rate, settings."""
    out.make_folder("clips")
    rates: set[float] = set()
    with out.open_in_turn() as file:
        for part in rows:
            for rate, lines in _lines(part, out).items():
                file(_jsonl(rate)).write(b"".join(lines))
                file(_jsonl(rate)).n_rows += len(lines)
                rates.add(rate)
    out.write("dataset.toml", _settings(str(out.bind()), sorted(rates)))


def _lines(rows: pa.Table, out: Output) -> dict[float, list[bytes]]:
    """The lines of these clips by rate; each clip is linked."""
    found: dict[float, list[bytes]] = {}
    for path, text, fps in values(rows, "path", "text", "fps"):
        name = f"clips/{out.clip_name(path)}"
        out.place(path, name)
        found.setdefault(rate_group(fps), []).append(json_line({"video_path": str(out.bind() / name), "caption": text}))
    return found


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
