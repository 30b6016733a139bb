"""WebDataset: tar shards in which each clip stands with its caption (.txt) and its numbers (.json) under one key.

Readers end a key at the first dot and take files that follow each other under one key for one sample, so a key has no dot and is
the only one of its name. Some want the same fields in every sample: clips with another ending have shards of their own. Owner and
times are left out: the same clips make the same bytes. Written with the standard library, which copies a clip without holding it
in memory.
"""

import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa

from video_assets.core.schema import TRAINING
from video_assets.core.units import MIB
from video_assets.exports.output import Output
from video_assets.exports.rows import require_as_checked
from video_assets.exports.rules.lines import json_text

_COLUMNS = [*TRAINING.names, "source", "licence", "mtime_ns"]


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Shards `mp4-000000.tar` and on; the next begins where a clip would not fit into `shard_mib`.

    Raises:
        StageError: a clip has another size or time than a moment ago; names it.
    """
    shards: dict[str, _Shards] = {}
    with ExitStack() as stack:
        for part in rows:
            for record in part.select(_COLUMNS).to_pylist():
                key, _, suffix = out.clip_name(record["path"]).partition(".")
                if suffix not in shards:
                    shards[suffix] = stack.enter_context(_Shards(out, suffix))
                shards[suffix].add(key, record)


class _Shards:
    """The shard of one file name ending that is being written; the one before is whole."""

    def __init__(self, out: Output, suffix: str) -> None:
        self._out, self._suffix, self._stack, self._n_shards = out, suffix, ExitStack(), 0

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """One clip with what is known of it, except where it lies here."""
        path, mtime_ns, n_bytes = record.pop("path"), record.pop("mtime_ns"), record["file_size"]
        with Path(path).open("rb") as clip:
            require_as_checked(clip, path, n_bytes, mtime_ns)
            if self._file.n_rows and self._tar.offset + n_bytes > self._out.options.shard_mib * MIB:
                self._stack.close()
                self._open()
            self._file.n_rows += 1
            self._member(f"{key}.{self._suffix}", clip, n_bytes)
        for ending, text in (("json", json_text(record).encode()), ("txt", record["text"].encode())):
            self._member(f"{key}.{ending}", BytesIO(text), len(text))

    def _member(self, name: str, content: IO[bytes], n_bytes: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = n_bytes, 0o644
        self._tar.addfile(member, content)

    def _open(self) -> None:
        self._file = self._stack.enter_context(self._out.open(f"{self._suffix}-{self._n_shards:06}.tar"))
        self._tar = self._stack.enter_context(tarfile.TarFile.open(fileobj=self._file, mode="w|"))
        self._n_shards += 1
