"""A Hugging Face hub on this machine: two real HTTP servers (hub and CDN, on ports of their own) that fail on demand.

    with FakeHub() as hub:
        sha = hub.commit("me/clips", {"data/part0.zip": path_or_bytes, "README.md": b"..."})
        hub.fail("cut_rst", path="part0.zip", after=1 << 20)      # the CDN resets the next download of that file after 1 MiB
        hub.fail("status", on="resolve", status=429, headers={"Retry-After": "1"}, times=2)
        HfApi(endpoint=hub.endpoint).datasetinfo_of("me/clips")     # the real client; HF_ENDPOINT=hub.endpoint works as well
        assert hub.bytes_sent("part0.zip") < 2 << 20 and hub.ranges("part0.zip") == [(0, None)]

Kinds of faults: status (`status`, `headers`), drop (reset before any answer), cut_fin and cut_rst (connection closed or reset
after `after` bytes of the body), stall (silence after `after` bytes for `seconds`), corrupt (the byte at `at` of the file is
flipped), ignore_range (200 with the whole file), short (ten bytes less, promised and sent), html (a page instead of the file).
Where: `on` = info | tree | resolve | cdn | auth | other | any; `path` = part of the file's path. A fault strikes `times` times.

As a program: `python tests/fakes/hub_server.py FOLDER --repo me/clips` serves a folder as one commit, prints a line of JSON with
`endpoint`, `commit` and `pid`, and ends when its standard input does; GET /_fake/counts tells what was sent.
"""

import argparse
import hashlib
import itertools
import json
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from hub_content import Blob, Request, make_blob
from hub_handlers import CdnHandler, HubHandler


@dataclass
class Fault:
    kind: str
    on: str = "cdn"
    path: str = ""
    times: int = 1
    status: int = 500
    headers: dict = field(default_factory=dict)
    after: int = 0
    at: int = 0
    seconds: float = 60.0


class FakeHub:
    """The servers, their repositories and their faults."""

    def __init__(self, *, page_size=1000, has_xet=False):
        self.page_size, self.has_xet = page_size, has_xet
        self.requests: list[Request] = []
        self.tokens: dict[str, str] = {}  # repo -> the token that a gated repo asks for
        self.bytes_per_s: float | None = None  # of each download
        self.latency_s = 0.0  # before each answer of the CDN
        self._faults: list[Fault] = []
        self._commits: dict[str, list[tuple[str, dict[str, Blob]]]] = {}
        self._signatures = itertools.count()
        self._valid_from = 0
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._servers = [_Server(self, HubHandler), _Server(self, CdnHandler)]
        self.endpoint, self.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self):
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def commit(self, repo, files):
        """Add, replace or (None) delete files; returns the new head commit."""
        history = self._commits.setdefault(repo, [])
        tree = dict(history[-1][1]) if history else {}
        for path, content in files.items():
            tree.pop(path, None)
            if content is not None:
                tree[path] = make_blob(content)
        text = json.dumps([len(history), repo, {path: blob.sha256 for path, blob in sorted(tree.items())}])
        history.append((hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), tree))
        return history[-1][0]

    def gate(self, repo, token):
        """Files of `repo` need this token from now on (its listing does not, as on the real hub)."""
        self.tokens[repo] = token

    def fail(self, kind, **options):
        """Inject a fault; see the module's docstring."""
        with self._lock:
            self._faults.append(Fault(kind, **options))

    def mend(self):
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def expire_urls(self):
        """Signed URLs given out so far answer 403 from now on."""
        self._valid_from = next(self._signatures) + 1

    # --- what was asked ---------------------------------------------------------------------------------------------------

    def reset_counts(self):
        self.requests.clear()

    def _downloads(self, path):
        return [request for request in list(self.requests) if request.route == "cdn" and path in request.path]

    def bytes_sent(self, path=""):
        """Bytes of bodies that the CDN sent of files whose path contains `path`."""
        return sum(request.n_bytes for request in self._downloads(path))

    def ranges(self, path=""):
        """(first, last or None) asked for in each download, in order; None where no range was asked for."""
        return [request.range for request in self._downloads(path) if request.method == "GET"]

    def n_requests(self, route, path=""):
        return sum(request.route == route and path in request.path for request in list(self.requests))

    # --- for the handlers ---------------------------------------------------------------------------------------------------

    def take_fault(self, route, path, start, stop):
        """The fault that strikes this request, if any; it is used up."""
        with self._lock:
            for fault in self._faults:
                fits = fault.on in {route, "any"} and fault.path in path
                if fits and (fault.kind != "corrupt" or start <= fault.at < stop):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def find(self, repo, revision="main"):
        """(sha, tree) of a revision, or the X-Error-Code."""
        history = self._commits.get(repo)
        if not history:
            return "RepoNotFound"
        if revision in {"main", "HEAD"}:
            return history[-1]
        return next((entry for entry in history if entry[0] == revision), "RevisionNotFound")

    def sign(self, path, blob):
        return f"{self.cdn}/blobs/{blob.sha256}?sig={next(self._signatures)}&file={quote(path, safe='')}"

    def is_valid(self, signature):
        return signature.isdigit() and int(signature) >= self._valid_from

    def find_blob(self, sha256):
        trees = (tree for history in self._commits.values() for _, tree in history)
        return next((blob for tree in trees for blob in tree.values() if blob.sha256 == sha256), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub, handler):
        self.hub = hub
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request, client_address):
        """Clients that go away are what these tests are about; anything else is our mistake."""
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            super().handle_error(request, client_address)


def main():
    """Serve a folder until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repo", default="nkp37/OpenVid-1M")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--mb-per-s", type=float, default=0.0, help="of each connection; 0: as fast as it can")
    options = parser.parse_args()
    files = {path.relative_to(options.folder).as_posix(): path for path in sorted(options.folder.rglob("*")) if path.is_file()}
    with FakeHub() as hub, suppress(KeyboardInterrupt):
        hub.latency_s, hub.bytes_per_s = options.latency_ms / 1e3, options.mb_per_s * 1e6 or None
        commit = hub.commit(options.repo, files)
        print(json.dumps({"endpoint": hub.endpoint, "commit": commit, "pid": os.getpid()}), flush=True)  # noqa: T201 - a program
        sys.stdin.read()


if __name__ == "__main__":
    main()
