"""Bytes of one file on the hub, in order, over as many connections as it takes.

Belongs here: requests, ranges, trying again. Does not belong here: where bytes go (`sources.hub.download`,
`sources.hub.ranged_file`).

Why not the client's own download: it starts again at byte 0 after a kill, drops everything when a connection is reset or the
storage answers 5xx, and never checks contents (tests/upstream/test_hub_facts.py). Requests go through the client's session, so
proxies, certificates, token and user agent are those that its users know.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from threading import Lock
from types import TracebackType
from typing import Self

from huggingface_hub import hf_hub_url
from huggingface_hub.utils import get_session, hf_raise_for_status, httpx

from video_assets.core.fetch_errors import FetchError, NetworkError, NoRangesError, OtherFileError, RateLimitedError, WebPageError
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.repo import HubRepo, hub_headers
from video_assets.sources.hub.translation import translated

_CONNECT_TIMEOUT_S = 15.0


class SignedUrls:
    """Where the storage has each file, for further requests; forgotten at the first trouble, so that a fresh one is asked for."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self.asking = Lock()  # of several connections to one file one asks the hub, the others wait for what it is told

    def get(self, file: HubFile) -> str | None:
        """The last address that worked."""
        return self._urls.get(file.path)

    def keep(self, file: HubFile, response: httpx.Response, *, endpoint: str) -> None:
        """Remember where a redirect led to, away from the hub: addresses on the hub need the token."""
        if response.history and not str(response.url).startswith(endpoint):
            self._urls[file.path] = str(response.url)

    def forget(self, file: HubFile) -> None:
        """Ask the hub next time."""
        self._urls.pop(file.path, None)


class HubStream:
    """Bytes [start, stop) of one file; `read` goes on where a broken connection ended.

    `repo.revision` must be the commit that `file` was listed at. `n_bytes_fetched` counts what came over the wire, also what was
    thrown away; `max_discard_bytes` bounds that where a server ignores ranges (None: no bound). `connections` are told of a 429;
    `sleep` waits before another attempt.
    """

    def __init__(
        self,
        repo: HubRepo,
        file: HubFile,
        *,
        start: int = 0,
        stop: int | None = None,
        urls: SignedUrls | None = None,
        max_discard_bytes: int | None = None,
        connections: Connections | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.file = file
        self.position = start
        self.stop = file.size if stop is None else min(stop, file.size)
        self.n_bytes_fetched = 0
        self.n_requests = 0
        self._repo = repo
        self._urls = urls or SignedUrls()
        self._max_discard_bytes = max_discard_bytes
        self._connections, self._sleep = connections, sleep
        self._response: httpx.Response | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._is_last_byte = False  # the answer's last byte is the last one wanted
        self._failures = 0

    @property
    def _what(self) -> str:
        return f"{self.file.path} of {self._repo}"

    def read(self) -> bytes:
        """The next bytes, as many as have arrived; empty at `stop` only.

        Raises:
            FetchError: no progress in as many attempts as `repo.patience` allows, or somebody must act first.
        """
        while self.position < self.stop:
            try:
                with translated(self._what, endpoint=self._repo.endpoint):
                    block = self._next_block()
            except FetchError as error:
                self._recover(error)
                continue
            self._failures = 0
            self.position += len(block)
            return block
        self._let_end()
        self.close()
        return b""

    def _let_end(self) -> None:
        """See the end of an answer that ends here: only then is its connection used again for the next range."""
        if self._response is not None and self._is_last_byte:
            with suppress(httpx.HTTPError):  # all that was asked for is here
                next(self._blocks, b"")

    def _recover(self, error: FetchError) -> None:
        """Get ready for another attempt, or give up."""
        self.close()
        self._failures += 1
        is_old_address = self._urls.get(self.file) is not None
        self._urls.forget(self.file)
        if self._connections is not None and isinstance(error, RateLimitedError):
            self._connections.back_off(error.wait_s or self._repo.patience.first_wait_s)
        if not (is_old_address and self._failures == 1 and isinstance(error, NetworkError)):  # expired: a fresh one needs no wait
            self._repo.patience.wait(self._failures, error, sleep=self._sleep)

    def _next_block(self) -> bytes:
        if self._response is None:
            self._open()
        for block in self._blocks:
            self.n_bytes_fetched += len(block)
            if block:
                return block[: self.stop - self.position]
        raise NetworkError(
            f"{self._what}: the transfer ended at byte {self.position:,} of {self.file.size:,}; a later run goes on here"
        )

    def _open(self) -> None:
        url = self._urls.get(self.file)
        with nullcontext() if url is not None else self._urls.asking:
            self._send(url or self._urls.get(self.file))

    def _send(self, url: str | None) -> None:
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={self.position}-{self.stop - 1}"}
        if url is None:
            url = hf_hub_url(
                self._repo.repo_id,
                self.file.path,
                repo_type="dataset",
                revision=self._repo.revision,
                endpoint=self._repo.endpoint,
            )
            headers |= hub_headers()  # dropped by the session when a redirect leaves the hub
        timeout = httpx.Timeout(self._repo.timeout_s, connect=min(_CONNECT_TIMEOUT_S, self._repo.timeout_s))
        session = get_session()
        self.n_requests += 1
        self._response = session.send(session.build_request("GET", url, headers=headers, timeout=timeout), stream=True)
        hf_raise_for_status(self._response)
        self._blocks = self._response.iter_raw()
        self._check_identity(self._response)
        self._align(self._response)
        self._urls.keep(self.file, self._response, endpoint=self._repo.endpoint)

    def _check_identity(self, response: httpx.Response) -> None:
        """The answer is of the file that was listed, as far as its headers tell."""
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page and not self.file.path.endswith((".html", ".htm")):
            raise WebPageError(
                f"{self._what}: a web page came instead of the file. Sign in to the network, or correct the proxy or HF_ENDPOINT "
                f"({self._repo.endpoint})"
            )
        for step in (*response.history, response):
            etag = step.headers.get("X-Linked-Etag", "").strip('W/"')
            if etag and self.file.sha256 and etag != self.file.sha256:
                raise OtherFileError(
                    f"{self._what}: {self._repo.endpoint} has another file (sha256 {etag[:12]}, listed {self.file.sha256[:12]}); "
                    "materialize the listing again, or correct HF_ENDPOINT"
                )

    def _align(self, response: httpx.Response) -> None:
        """Throw away what comes before the wanted position: nothing, unless the server ignores ranges."""
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
        first = int(match[1]) if match and response.status_code == 206 else 0
        total = match[3] if match else str(self.file.size)
        if total not in {"*", str(self.file.size)}:
            raise OtherFileError(f"{self._what}: {int(total):,} bytes, listed {self.file.size:,}; materialize the listing again")
        self._is_last_byte = bool(match) and response.status_code == 206 and int(match[2]) == self.stop - 1
        n_before = self.position - first
        if n_before < 0:
            raise NetworkError(f"{self._what}: bytes from {first:,} on came, asked for were those from {self.position:,} on")
        if self._max_discard_bytes is not None and n_before > self._max_discard_bytes:
            raise NoRangesError(
                f"{self._what}: {self._repo.endpoint} sends whole files only, parts of archives cannot be read from it. Use "
                'openvid.mode = "archive", or another HF_ENDPOINT'
            )
        self._discard(n_before)

    def _discard(self, n_bytes: int) -> None:
        while n_bytes > 0:
            block = next(self._blocks, b"")
            self.n_bytes_fetched += len(block)
            if not block:
                raise NetworkError(f"{self._what}: the transfer ended before byte {self.position:,}")
            if len(block) > n_bytes:
                rest = block[n_bytes:]
                self.n_bytes_fetched -= len(rest)
                blocks = self._blocks
                self._blocks = iter(_chain(rest, blocks))
            n_bytes -= len(block)

    def close(self) -> None:
        """End the connection; `read` opens another one."""
        if self._response is not None:
            self._response.close()
        self._response = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others
