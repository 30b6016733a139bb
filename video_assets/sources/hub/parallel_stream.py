"""Bytes of one file on the hub, in order, over several connections at once.

Belongs here: segments, their order, how many lie in memory. Does not belong here: one request (`sources.hub.stream`), how many
there may be (`sources.hub.connections`).
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from types import TracebackType
from typing import Self

from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub.stream import HubStream, SignedUrls


@dataclass(frozen=True)
class _Segment:
    data: bytes
    n_bytes_fetched: int
    n_requests: int


def open_stream(
    repo: HubRepo,
    file: HubFile,
    connections: Connections | None,
    *,
    start: int = 0,
    stop: int | None = None,
    urls: SignedUrls | None = None,
    max_discard_bytes: int | None = None,
) -> "HubStream | ParallelStream":
    """Bytes [start, stop) of a file: over several of the `connections` when they are worth it, else over one."""
    n_bytes = (file.size if stop is None else stop) - start
    if connections is not None and connections.limit > 1 and n_bytes > 2 * connections.segment_bytes:
        return ParallelStream(repo, file, connections, start=start, stop=stop, urls=urls, max_discard_bytes=max_discard_bytes)
    limits = {"start": start, "stop": stop, "max_discard_bytes": max_discard_bytes}
    return HubStream(repo, file, urls=urls, connections=connections, **limits)


class ParallelStream:
    """Bytes [start, stop) of one file, as `HubStream` gives them; at most `connections.limit` segments lie ahead."""

    def __init__(
        self,
        repo: HubRepo,
        file: HubFile,
        connections: Connections,
        *,
        start: int = 0,
        stop: int | None = None,
        urls: SignedUrls | None = None,
        max_discard_bytes: int | None = None,
    ) -> None:
        self.file = file
        self.position = start
        self.stop = file.size if stop is None else min(stop, file.size)
        self.n_bytes_fetched = self.n_requests = 0
        self._repo, self._connections = repo, connections
        self._urls = urls or SignedUrls()
        self._max_discard_bytes = max_discard_bytes
        self._closing = Event()
        self._todo = self._segments()
        self._ahead: deque[Future[_Segment]] = deque()
        self._workers = ThreadPoolExecutor(connections.limit, thread_name_prefix="hub")

    def read(self) -> bytes:
        """The next segment; empty at `stop` only.

        Raises:
            FetchError: see `HubStream.read`.
        """
        for start, stop in self._todo:
            self._ahead.append(self._workers.submit(self._fetch, start, stop))
            if len(self._ahead) > self._connections.limit:
                break
        if not self._ahead:
            self.close()
            return b""
        segment = self._ahead.popleft().result()
        self.n_bytes_fetched += segment.n_bytes_fetched
        self.n_requests += segment.n_requests
        self.position += len(segment.data)
        return segment.data

    def _segments(self) -> Iterator[tuple[int, int]]:
        for start in range(self.position, self.stop, self._connections.segment_bytes):
            yield start, min(start + self._connections.segment_bytes, self.stop)

    def _fetch(self, start: int, stop: int) -> _Segment:
        blocks: list[bytes] = []
        stream = HubStream(
            self._repo,
            self.file,
            start=start,
            stop=stop,
            urls=self._urls,
            max_discard_bytes=self._max_discard_bytes,
            connections=self._connections,
            sleep=self._closing.wait,
        )
        with self._connections.turn(self._closing), stream:
            while not self._closing.is_set() and (block := stream.read()):
                blocks.append(block)
        return _Segment(b"".join(blocks), stream.n_bytes_fetched, stream.n_requests)

    def close(self) -> None:
        """End all connections; what they brought ahead of the reader counts as fetched."""
        self._closing.set()
        self._workers.shutdown(wait=True, cancel_futures=True)
        for future in self._ahead:
            if not future.cancelled() and future.exception() is None:
                self.n_bytes_fetched += future.result().n_bytes_fetched
                self.n_requests += future.result().n_requests
        self._ahead.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
