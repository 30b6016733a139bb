"""Lance: one table with captions, numbers and the clips themselves as blobs, which readers open one by one.

Written by `pylance` (extra `lance`). Its file names are random, so the same clips do not make the same bytes here.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from video_assets.core.errors import UsageError
from video_assets.core.schema import TRAINING
from video_assets.core.units import MIB
from video_assets.exports.output import Output
from video_assets.exports.rows import require_as_checked

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
        OSError: a clip could not be read, or the disk did not take the table; with the number that the system gave.
    """
    try:
        import lance
    except ImportError:
        raise UsageError("the target lance is written by pylance: pip install 'video_assets[lance]'") from None
    folder, batches = out.folder / _NAME, _Batches(rows, out)
    try:
        # Blobs as every reader of today has them; 2.2 and on keep them in another way.
        lance.write_dataset(pa.RecordBatchReader.from_batches(_SCHEMA, iter(batches)), str(folder), data_storage_version="2.1")
    except OSError as error:
        raise batches.error or _with_number(error, folder) from error
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            out.made(str(path.relative_to(out.folder)))


class _Batches:
    """The clips as Lance takes them. An error on the way is kept: Lance tells of one of its own, with a traceback in it."""

    def __init__(self, rows: Iterator[pa.Table], out: Output) -> None:
        self._batches = _batches(rows, out)
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches
        except BaseException as error:  # Ctrl-C too
            self.error = error
            raise


def _with_number(error: OSError, folder: Path) -> OSError:
    """Lance has the system's complaint in its text alone, as `No space left on device (os error 28)`."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(folder)) if found else error


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
        content = clip.read()
        require_as_checked(clip, record["path"], record["file_size"], record["mtime_ns"])
    return content
