"""The fetch ledger of one partition on disk: a table, and the lines that were written since, each durable within seconds.

Belongs here: reading, appending, compacting. Does not belong here: what a line means (`sources.fetching.fetches`), who may write
(one run per partition at a time: `storage.leases`).
"""

import os
import zlib
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from video_assets.core.json_values import JsonObject
from video_assets.sources.fetching.fetches import FETCHES, Fetch, OnDisk, merge_fetches
from video_assets.storage.durable import is_draft
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter, read_parts, remove_parts
from video_assets.storage.tables import read_note, read_table, write_table


class FetchLedger:
    """Lines of one partition. As a context it takes lines; `compact` makes one table of everything.

    A line that a kill cut off is not a line, and never spoils the next one: each writer has a file of its own.
    """

    def __init__(self, layout: Layout, source: str, partition: str) -> None:
        self.source, self.partition = source, partition
        self.path = layout.fetches(source, partition)
        self._parts = layout.fetch_parts(source, partition)
        self._writer: PartWriter | None = None

    def read(self) -> pd.DataFrame:
        """FETCHES: one line per clip, the latest. Empty when the partition was never asked for.

        Raises:
            ValueError: the table is unreadable; the message names it and what to do.
        """
        return merge_fetches(self._table(), read_parts(self._parts)[0])

    def note(self) -> JsonObject:
        """What was stored beside the table by `compact`; empty before the first."""
        return read_note(self.path) if self.path.exists() else {}

    def append(self, fetch: Fetch) -> None:
        """Add a line; durable within seconds, and when the context ends."""
        if self._writer is None:
            self._writer = PartWriter(self._parts)
        self._writer.append(fetch.as_record())

    def flush(self) -> None:
        """Make the lines so far durable now: before something is deleted that they stand for."""
        if self._writer is not None:
            self._writer.flush()

    def compact(self, *, note: JsonObject | None = None) -> pd.DataFrame:
        """Write everything as one table and remove the parts; returns the table's rows."""
        self.close()
        records, files = read_parts(self._parts)
        rows = merge_fetches(self._table(), records)
        write_table(self.path, FETCHES, rows, note=self.note() if note is None else note)
        remove_parts(files)
        return rows

    def close(self) -> None:
        """Make all lines durable."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _table(self) -> pd.DataFrame:
        return read_table(self.path, FETCHES).rows if self.path.exists() else FETCHES.frame()


def timestamp() -> str:
    """The time now as ledger lines have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def crc32_of(path: Path) -> int:
    """CRC-32 of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    crc32 = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc32 = zlib.crc32(block, crc32)
    return crc32


def files_in(folder: Path) -> dict[str, OnDisk]:
    """Size and time of every regular file directly in `folder`, by path; drafts and links are none. Empty without folder.

    Raises:
        OSError: the folder cannot be listed.
    """
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return {}
    stats = ((entry.path, entry.stat(follow_symlinks=False)) for entry in entries if _is_clip(entry))
    return {path: OnDisk(stat.st_size, stat.st_mtime_ns) for path, stat in stats}


def _is_clip(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.name.endswith(".tmp") and not is_draft(entry.name)
