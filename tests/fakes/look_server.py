"""The page as the program it is: `video-assets look` on a port of its own."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from command_line import started
from dagster_server import wait_for


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class LookServer:
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    def get(self, path: str, query: Any = (), *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request; `_` in a header's name is a dash."""
        line = f"{path}?{urlencode(query)}" if query else path
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, line, body=body, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """A write as the page itself sends it, unless `headers` say otherwise."""
        told = {"Content_Type": "application/json", "Origin": f"http://127.0.0.1:{self.port}", **headers}
        return self.get(path, method="POST", body=json.dumps(body).encode(), **told)

    def when(self, is_so: Any, *, timeout_s: float = 120.0) -> dict[str, Any]:
        """The state as soon as `is_so` of it."""
        deadline = time.monotonic() + timeout_s
        while not is_so(state := self.get("/api/state").json):
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
        return state


@contextmanager
def look_server(data_root: Path, *options: str) -> Iterator[LookServer]:
    """The page of a data root, ready to be asked; it ends with the block."""
    with started("look", "--data-root", data_root, "--port", 0, *options) as said:
        yield LookServer(wait_for(lambda: re.search(r"http://\S+(?=\s)", said()), timeout_s=120, every_s=0.02)[0])
