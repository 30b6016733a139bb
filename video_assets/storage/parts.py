"""Results that must survive a kill before their table is written: JSON lines, appended and fsynced in small batches.

One file per writer, so two writers never share a line. A torn last line (killed while writing) is not a record.
Belongs here: the files. Does not belong here: what a record means (`pipeline.decode_check`, `pipeline.enrich`).
"""

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from video_assets.core.json_values import JsonObject
from video_assets.storage.durable import fsync_folder
from video_assets.storage.space import explained_space

_log = logging.getLogger(__name__)


class PartWriter:
    """Appends records to a file of its own in `folder`; durable after `batch` records or `interval_s` seconds, and at the end.

    `begins` is how the file's name begins: what several writers do together can be told apart by it.

    Raises:
        NoSpaceError: the disk is full, from any call; what was durable stays.
        OSError: the disk did not take it otherwise.
    """

    def __init__(self, folder: Path, *, begins: str = "", batch: int = 64, interval_s: float = 2.0) -> None:
        writer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._folder, self.path = folder, folder / f"{begins}{writer}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._file = self.path.open("x", encoding="utf-8")
            fsync_folder(folder)
        self._batch, self._interval_s = batch, interval_s
        self._pending, self._flushed_at = 0, time.monotonic()

    def append(self, record: JsonObject) -> None:
        """Add one record."""
        with self._explained():
            self._file.write(json.dumps(record) + "\n")
        self._pending += 1
        if self._pending >= self._batch or time.monotonic() - self._flushed_at >= self._interval_s:
            self.flush()

    def flush(self) -> None:
        """Make everything appended so far survive a power cut."""
        with self._explained():
            self._file.flush()
            os.fsync(self._file.fileno())
        self._pending, self._flushed_at = 0, time.monotonic()

    def close(self) -> None:
        """Flush and close; the file stays until `remove_parts`."""
        if self._file.closed:
            return
        with self._explained(), self._file:
            self.flush()

    def _explained(self) -> AbstractContextManager[None]:
        return explained_space(self._folder, purpose="keeping results")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_parts(folder: Path, *, begins: str = "") -> tuple[list[JsonObject], list[Path]]:
    """All whole records in `folder`, file by file in name order, and the files they came from."""
    files = sorted(folder.glob(f"{begins}*.jsonl"))
    return [record for file in files for record in _records(file)], files


def remove_parts(files: list[Path]) -> None:
    """Delete parts whose records have been written into a table."""
    for file in files:
        file.unlink(missing_ok=True)


def _records(file: Path) -> Iterator[JsonObject]:
    for number, line in enumerate(file.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            _log.warning("%s, line %d was cut off by a kill; its clip is done again", file, number)
            return
        yield json.loads(line)
