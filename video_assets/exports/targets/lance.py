"""Lance: one table with captions, numbers and the clips themselves as blobs, which readers open one by one.

Written by `pylance` (extra `lance`). Its file names are random, so the same clips do not make the same bytes here.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from video_assets.core.errors import UsageError
from video_assets.core.schema import TRAINING
from video_assets.core.units import MIB
from video_assets.exports.output import Output
from video_assets.storage.stages import StageError

_NAME = "clips.lance"
_BYTES_AT_ONCE = 32 * MIB
_COLUMNS = [field for field in TRAINING.arrow if field.name != "path"]
_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        *_COLUMNS,
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("video", pa.large_binary(), metadata={"lance-encoding:blob": "true"}),
    ]
)


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """The table `clips.lance`.

    Raises:
        UsageError: pylance is not installed.
        StageError: a clip has another size or time than a moment ago; names it.
    """
    try:
        import lance
    except ImportError:
        raise UsageError("the target lance is written by pylance: pip install 'video_assets[lance]'") from None
    batches = pa.RecordBatchReader.from_batches(_SCHEMA, _batches(rows, out))
    folder = out.folder / _NAME
    # Blobs as every reader of today has them; 2.2 and on keep them in another way.
    lance.write_dataset(batches, str(folder), data_storage_version="2.1")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            out.made(str(path.relative_to(out.folder)))


def _batches(rows: Iterator[pa.Table], out: Output) -> Iterator[pa.RecordBatch]:
    """Some clips at a time: never more of their bytes in memory than `_BYTES_AT_ONCE` and one clip."""
    for part in rows:
        records: list[dict[str, Any]] = []
        n_bytes = 0
        for record in part.to_pylist():
            record["name"], record["video"] = out.clip_name(record["path"]), _content(record)
            records.append(record)
            n_bytes += record["file_size"]
            if n_bytes >= _BYTES_AT_ONCE:
                yield pa.RecordBatch.from_pylist(records, _SCHEMA)
                records, n_bytes = [], 0
        if records:
            yield pa.RecordBatch.from_pylist(records, _SCHEMA)


def _content(record: dict[str, Any]) -> bytes:
    with Path(record["path"]).open("rb") as clip:
        content, now = clip.read(), os.fstat(clip.fileno())
    if (len(content), now.st_mtime_ns) != (record["file_size"], record["mtime_ns"]):
        raise StageError(f"{record['path']} has changed while it was exported: materialize training_csv again")
    return content
