"""Files of the hub as one seekable file: archives are read while they come, and never stored.

Belongs here: positions, read-ahead, hashes of what passed by. Does not belong here: connections (`sources.hub.stream`), archives.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.parallel_stream import ParallelStream, open_stream
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub.stream import HubStream, SignedUrls
from video_assets.sources.seekable import SeekableReader

TAIL_BYTES = 1 << 20  # the directory of a zip of 5,000 clips takes about 600 kB; it is fetched in one request
MAX_DISCARD_BYTES = 64 << 20  # of a server that ignores ranges; beyond that it is unusable here
GAP_BYTES = 1 << 18  # reading this much in vain is cheaper than another request


def open_ranged(
    repo: HubRepo, files: Sequence[HubFile], *, is_hashed: bool = True, connections: Connections | None = None
) -> "RangedFile":
    """One or more hub files, in this order, as one read-only binary file; `repo.revision` is the commit they were listed at.

    Sequential reads come over one connection, which is renewed where it breaks, or over several `connections` when they are long;
    a seek opens another one. Nothing is asked for before the first read. With `is_hashed` each piece's sha256 is taken of what is
    read in order (`hash_of`).
    """
    return RangedFile(repo, files, is_hashed=is_hashed, connections=connections)


class RangedFile(SeekableReader):
    """See `open_ranged`. Reads raise `FetchError`: see `HubStream.read`.

    `n_bytes_fetched` counts bytes that came over the wire, `n_requests` the requests.
    """

    def __init__(
        self, repo: HubRepo, files: Sequence[HubFile], *, is_hashed: bool = True, connections: Connections | None = None
    ) -> None:
        super().__init__(sum(file.size for file in files))
        self.files = tuple(files)
        self._repo = repo
        self._starts = [0, *accumulate(file.size for file in files)][:-1]
        self._urls = SignedUrls()
        self._connections = connections
        self._stream: HubStream | ParallelStream | None = None
        self._base = 0  # where the stream's file begins
        self._rest = memoryview(b"")  # read from the stream, not yet asked for; ends at the stream's position
        self._tail: memoryview | None = None
        self._last_mebibyte = max(self._starts[-1], self.size - TAIL_BYTES)
        self._expected: list[tuple[int, int]] = []
        self._n_closed_bytes = self._n_closed_requests = 0
        self._hashes: list[Any] = [hashlib.sha256() for _ in files] if is_hashed else []
        self._n_hashed = [0] * len(files)

    # --- what the caller knows and wants to know ----------------------------------------------------------------------------

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Say which [start, stop) will be read, so that requests end there: less is fetched in vain when little is wanted.

        Other bytes can be read all the same. Without expectations requests go to the end of the piece.
        """
        self._expected = []
        for start, stop in sorted(ranges):
            if self._expected and start <= self._expected[-1][1] + GAP_BYTES:
                self._expected[-1] = (self._expected[-1][0], max(stop, self._expected[-1][1]))
            else:
                self._expected.append((start, stop))

    @property
    def n_bytes_fetched(self) -> int:
        """Bytes of bodies that have come over the wire so far."""
        return self._n_closed_bytes + (self._stream.n_bytes_fetched if self._stream else 0)

    @property
    def n_requests(self) -> int:
        """Requests made for contents so far."""
        return self._n_closed_requests + (self._stream.n_requests if self._stream else 0)

    def finish_hashes(self, *, max_bytes: int = 64 << 20) -> None:
        """Read the rest, if `max_bytes` or less, of pieces that were read in order so far: the directory follows the clips."""
        for piece, file in enumerate(self.files):
            n_left = file.size - self._n_hashed[piece]
            if self._hashes and self._n_hashed[piece] > 0 and 0 < n_left <= max_bytes:
                self.seek(self._starts[piece] + self._n_hashed[piece])
                while n_left > 0:
                    n_left -= len(self.read(min(n_left, 1 << 20)))

    def forget(self) -> None:
        """Keep nothing that was read ahead, nor where the storage is: what is read again comes over the wire again."""
        self._drop_stream()
        self._tail = None
        self._urls = SignedUrls()

    def hash_of(self, piece: int) -> str | None:
        """sha256 of a piece that has been read in order from its first to its last byte; None when there was a gap."""
        is_whole = bool(self._hashes) and self._n_hashed[piece] == self.files[piece].size
        return self._hashes[piece].hexdigest() if is_whole else None

    # --- a file ---------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection."""
        self._drop_stream()
        super().close()

    # --- where bytes come from ------------------------------------------------------------------------------------------------

    def _read_some(self, n_bytes: int) -> memoryview:
        while not (part := self._next_part(n_bytes)):  # a connection that ends here; the next one goes on
            pass
        self._pass(self._position, part)
        return part

    def _next_part(self, n_bytes: int) -> memoryview:
        """At most `n_bytes` bytes from the position on; none at the end of a connection."""
        if self._tail is None and self._position >= self._last_mebibyte and not self._is_ahead():
            self._fetch_tail()
        if self._tail is not None and self._position >= self._last_mebibyte:
            return self._tail[self._position - self._last_mebibyte :][:n_bytes]
        if not self._is_ahead() or not self._skip_to_position():
            self._open_stream(n_bytes)
        return self._take(n_bytes)

    def _take(self, n_bytes: int) -> memoryview:
        """The next bytes of the stream; empty at its end."""
        if not self._rest and self._stream is not None:
            self._rest = memoryview(self._stream.read())
        part, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return part

    def _stream_position(self) -> int:
        return -1 if self._stream is None else self._base + self._stream.position - len(self._rest)

    def _is_ahead(self) -> bool:
        """The open stream gives the byte at the position, after a small gap at most."""
        if self._stream is None or not 0 <= self._position - self._stream_position() <= GAP_BYTES:
            return False
        return self._position < self._base + self._stream.stop

    def _skip_to_position(self) -> bool:
        while (n_bytes := self._position - self._stream_position()) > 0:
            at = self._stream_position()
            part = self._take(n_bytes)
            if not part:
                return False
            self._pass(at, part)
        return True

    def _piece_at(self, position: int) -> int:
        return bisect_right(self._starts, position) - 1

    def _open_stream(self, n_bytes: int) -> None:
        self._drop_stream()
        piece = self._piece_at(self._position)
        self._base = self._starts[piece]
        stop = min(self._stop_at(self._position, n_bytes), self._last_mebibyte if self._tail is not None else self.size)
        self._stream = self._make_stream(piece, self._position, stop)

    def _make_stream(self, piece: int, start: int, stop: int) -> HubStream | ParallelStream:
        file = self.files[piece]
        start, stop = start - self._starts[piece], min(stop - self._starts[piece], file.size)
        limits = {"start": start, "stop": stop, "max_discard_bytes": MAX_DISCARD_BYTES}
        return open_stream(self._repo, file, self._connections, urls=self._urls, **limits)

    def _stop_at(self, position: int, n_bytes: int) -> int:
        """Where a request that begins at `position` should end."""
        if not self._expected:
            return self.size
        for start, stop in self._expected:
            if start <= position < stop:
                return stop
        return position + n_bytes

    def _fetch_tail(self) -> None:
        self._drop_stream()
        with self._make_stream(len(self.files) - 1, self._last_mebibyte, self.size) as stream:
            parts = []
            while block := stream.read():
                parts.append(block)
        self._tail = memoryview(b"".join(parts))
        self._count(stream)

    def _pass(self, position: int, part: memoryview) -> None:
        """Hash what passes by, if it follows what was hashed last."""
        if not self._hashes or not part:
            return
        piece = self._piece_at(position)
        n_known = self._starts[piece] + self._n_hashed[piece] - position
        if 0 <= n_known < len(part):
            self._hashes[piece].update(part[n_known:])
            self._n_hashed[piece] += len(part) - n_known

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._count(self._stream)
        self._stream, self._rest = None, memoryview(b"")

    def _count(self, stream: HubStream | ParallelStream) -> None:
        self._n_closed_bytes += stream.n_bytes_fetched
        self._n_closed_requests += stream.n_requests
