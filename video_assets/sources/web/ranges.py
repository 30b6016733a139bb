"""A file of the web, read by parts as if it lay on the disk; what has come once is kept in a temporary file.

Belongs here: positions to ranges, and going on where a connection broke. Does not belong here: what the bytes mean (`media`).
"""

import io
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, TransportError

from video_assets.sources.seekable import SeekableReader
from video_assets.sources.web.client import WebClient

_BLOCK_BYTES = 1 << 18
# How many blocks are asked for at once: few where reading begins, since most of a file is not read, and twice as many each time
# that reading goes on; never more than 2 MiB: what is on its way when reading ends crosses the wire for nothing.
_FIRST_ASKED, _MOST_ASKED = 4, 8
_MAX_FAILURES = 4


class WebBlocks:
    """The blocks of one file of the web; as a context it holds a connection and a temporary file in `folder`.

    `max_bytes_per_s` bounds the transfer, None for no limit.
    """

    def __init__(
        self,
        client: WebClient,
        url: str,
        headers: Mapping[str, str],
        *,
        n_bytes: int,
        folder: Path,
        max_bytes_per_s: float | None = None,
    ) -> None:
        self._max_bytes_per_s = max_bytes_per_s
        self._client, self._url, self._headers, self.n_bytes = client, url, dict(headers), n_bytes
        self._store = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this object
        self._here: set[int] = set()
        self._answer: Any = None
        self._next = self._end = self._n_asked = 0
        self.n_fetched = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._drop()
        self._store.close()

    def open(self) -> io.BufferedReader:
        """The file, at its start; any number of these may be open."""
        return io.BufferedReader(_Cursor(self), _BLOCK_BYTES)

    def read(self, position: int, n_bytes: int) -> bytes:
        """Bytes of one block.

        Raises:
            HTTPError: the server refuses.
            TransportError: the connection broke too often.
        """
        block, offset = divmod(position, _BLOCK_BYTES)
        if block not in self._here:
            self._bring(block)
        return os.pread(self._store.fileno(), min(n_bytes, _BLOCK_BYTES - offset), position)

    def _bring(self, block: int) -> None:
        for failures in range(1, _MAX_FAILURES + 1):
            try:
                if self._answer is None or self._next != block or block >= self._end:
                    self._ask(block)
                data = self._take(min(_BLOCK_BYTES, self.n_bytes - block * _BLOCK_BYTES))
            except TransportError:
                self._drop()
                if failures == _MAX_FAILURES:
                    raise
                time.sleep(0.2 * 2**failures)
            else:
                os.pwrite(self._store.fileno(), data, block * _BLOCK_BYTES)
                self._here.add(block)
                self._next = block + 1
                return

    def _take(self, n_bytes: int) -> bytes:
        data, started = b"", time.monotonic()
        while len(data) < n_bytes:
            if not (more := self._answer.read(n_bytes - len(data))):
                raise TransportError("the server closed the connection before the end of the range")
            data += more
        self.n_fetched += len(data)
        if self._max_bytes_per_s:
            time.sleep(max(0.0, started + len(data) / self._max_bytes_per_s - time.monotonic()))
        return data

    def _ask(self, block: int) -> None:
        """Every answer must be exactly the range that was asked for."""
        self._drop()
        self._n_asked = min(max(2 * self._n_asked, _FIRST_ASKED), _MOST_ASKED) if block == self._end else _FIRST_ASKED
        start, end = block * _BLOCK_BYTES, min((block + self._n_asked) * _BLOCK_BYTES, self.n_bytes)
        headers = {**self._headers, "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        answer = self._client.urlopen(Request(self._url, headers=headers))
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-{end - 1}/"):
            raise HTTPError(answer)
        self._answer, self._next, self._end = answer, block, block + self._n_asked

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


class _Cursor(SeekableReader):
    """A position in `WebBlocks`."""

    def __init__(self, blocks: WebBlocks) -> None:
        super().__init__(blocks.n_bytes)
        self._blocks = blocks

    def _read_some(self, n_bytes: int) -> bytes:
        return self._blocks.read(self._position, n_bytes)
