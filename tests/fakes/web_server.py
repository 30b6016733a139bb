"""A web server on this machine that serves videos, and fails on demand; it remembers what it was asked for."""

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Fault:
    """What happens instead of an answer, `times` times: a status with a page, a cut after some bytes (with RST), slow sending."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    bytes_per_s: int | None = None
    times: int = 1


@dataclass
class Asked:
    """One request: path, range as asked for, status and bytes of the body as answered so far.

    It is in the log before the client sees any of the answer, so a test that has its answer finds its request there.
    """

    path: str
    range: str
    status: int
    n_bytes: int
    peer: str = ""
    cookie: str = ""


@dataclass
class WebServer:
    """`files`: (content type, bytes) by path; `redirects`: location by path; `faults`: what comes first, by path.

    `latency_s` passes before every answer; `bytes_per_s` is what a connection gives.
    """

    base: str = ""
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    has_ranges: bool = True
    latency_s: float = 0.0
    bytes_per_s: int | None = None
    log: list[Asked] = field(default_factory=list)

    def put(self, path: str, content: bytes | Path, kind: str = "video/mp4") -> str:
        """Serve a file; returns its URL."""
        self.files[path] = (kind, content.read_bytes() if isinstance(content, Path) else content)
        return self.base + path

    def fail(self, path: str, **fault: object) -> None:
        """Let the next answers for `path` fail."""
        self.faults.setdefault(path, []).append(Fault(**fault))

    def bytes_of(self, path: str) -> int:
        """Bytes of bodies that were sent for a path."""
        return sum(asked.n_bytes for asked in self.log if asked.path == path)

    def asked(self, path: str) -> int:
        """Requests for a path."""
        return sum(asked.path == path for asked in self.log)

    def next_fault(self, path: str) -> Fault | None:
        for fault in self.faults.get(path, []):
            if fault.times > 0:
                fault.times -= 1
                return fault
        return None


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[WebServer]:
    """A server on a free port of this machine; every 127.x.y.z is a site of its own."""
    web = WebServer()

    class Handler(_Handler):
        server_content = web

    with ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        web.base = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_content: WebServer

    def do_GET(self) -> None:
        web, path = self.server_content, self.path.partition("?")[0]
        fault = web.next_fault(path) or Fault(bytes_per_s=web.bytes_per_s)
        time.sleep(web.latency_s)
        asked = Asked(path, self.headers.get("Range", ""), 0, 0, self.client_address[0], self.headers.get("Cookie", ""))
        if path in web.redirects and fault.status == 200:
            self._head(asked, 302, {"Location": web.redirects[path], "Content-Length": "0"})
        elif fault.status != 200 or path not in web.files:
            status = fault.status if fault.status != 200 else 404
            self._head(asked, status, {"Content-Length": str(len(fault.body)), **fault.headers})
            self.wfile.write(fault.body)
        else:
            self._file(*web.files[path], asked, fault)

    def _file(self, kind: str, content: bytes, asked: Asked, fault: Fault) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.range) if self.server_content.has_ranges else None
        headers = {"Content-Type": kind, "Accept-Ranges": "bytes"}
        status, body = 200, content
        if match and int(match[1]) >= len(content):
            self._head(asked, 416, {"Content-Length": "0", "Content-Range": f"bytes */{len(content)}"})
            return
        if match:
            start, end = int(match[1]), min(int(match[2] or len(content) - 1), len(content) - 1)
            status, body = 206, content[start : end + 1]
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._head(asked, status, {**headers, "Content-Length": str(len(body))})
        self._send(body, asked, fault)

    def _send(self, body: bytes, asked: Asked, fault: Fault) -> None:
        step = max(1, fault.bytes_per_s // 10) if fault.bytes_per_s else 1 << 16
        limit = len(body) if fault.cut_after is None else min(fault.cut_after, len(body))
        try:
            while asked.n_bytes < limit:
                asked.n_bytes += self.wfile.write(body[asked.n_bytes : min(asked.n_bytes + step, limit)])
                if fault.bytes_per_s:
                    time.sleep(0.1)
        except OSError:
            self.close_connection = True
        if fault.cut_after is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def _head(self, asked: Asked, status: int, headers: dict[str, str]) -> None:
        asked.status = status
        self.server_content.log.append(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Not to stderr."""
