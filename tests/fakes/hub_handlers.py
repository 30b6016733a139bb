"""The HTTP of `hub_server`: the routes of the hub that its client uses, the CDN, and every way in which they can fail."""

import fcntl
import json
import os
import re
import socket
import struct
import termios
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from hub_content import NOT_LFS, Request, entries_of, entry_of, info_of, parse_range

_CHUNK = 1 << 18
_SLICE = 1 << 20
_RESOLVE = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
_API = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/(?P<route>revision|tree|paths-info|commits|refs|auth-check)(?P<rest>/.*)?)?"
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *_):
        pass

    @property
    def hub(self):
        return self.server.hub

    def note(self, route, path):
        token = self.headers.get("Authorization", "")
        request = Request(route, self.command, path, parse_range(self.headers.get("Range")), had_token=bool(token))
        request.peer = self.client_address[1]
        self.hub.requests.append(request)
        return request

    def answer(self, request, status, body=b"", headers=()):
        request.status = status
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            request.n_bytes += len(body)  # before: a client that has all of it may ask for the count at once
            self.wfile.write(body)

    def reset(self):
        """End the connection with RST, once what was sent has arrived."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and struct.unpack("i", fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0" * 4))[0]:
            time.sleep(0.005)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self):
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def struck(self, request, fault):
        """Faults that need no body; True when the request is over."""
        if fault is None or fault.kind not in {"status", "drop", "stall", "html"} or (fault.kind == "stall" and fault.after):
            return False
        if fault.kind == "drop":
            self.reset()
        elif fault.kind == "stall":
            self.hub.stopping.wait(fault.seconds)
            self.hang_up()
        elif fault.kind == "html":
            self.answer(request, 200, b"<html><body>Please sign in to the network</body></html>", {"Content-Type": "text/html"})
        else:
            self.answer(request, fault.status, b"injected", fault.headers)
        return True


class HubHandler(_Handler):
    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.do_GET(wanted=[value for name, value in parse_qsl(form) if name == "paths"])

    def do_GET(self, wanted=()):
        url = urlsplit(self.path)
        if url.path == "/_fake/counts":
            self.answer(Request("", "GET", "", None), 200, json.dumps([asdict(r) for r in self.hub.requests]).encode())
        elif match := _API.fullmatch(url.path):
            self.api(match["repo"], match["route"] or "info", unquote(match["rest"] or "").strip("/"), url, wanted)
        elif match := _RESOLVE.fullmatch(url.path):
            self.resolve(match["repo"], unquote(match["rev"]), unquote(match["path"]))
        else:
            self.answer(self.note("other", url.path), 404)

    def api(self, repo, route, rest, url, wanted):
        short = {"revision": "info", "auth-check": "auth", "info": "info", "tree": "tree"}.get(route, "other")
        request = self.note(short, rest)
        if self.struck(request, self.hub.take_fault(short, rest, 0, 0)):
            return
        if route == "auth-check":
            self.auth_check(request, repo)
            return
        revision, _, folder = rest.partition("/") if route not in {"info", "refs"} else ("main", "", "")
        found = self.hub.find(repo, revision or "main")
        if isinstance(found, str):
            self.refuse(request, found)
        elif route == "refs":
            self.json(
                request,
                {"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": found[0]}], "tags": [], "converts": []},
            )
        elif route == "commits":
            self.json(request, [{"id": found[0], "title": "t", "message": "", "date": "2026-01-01T00:00:00.000Z", "authors": []}])
        elif route == "tree":
            self.tree(request, found[1], folder, url)
        elif route == "paths-info":
            self.json(request, [entry_of(path, blob, self.hub) for path, blob in found[1].items() if path in wanted])
        else:
            self.json(request, info_of(repo, *found, "blobs" in url.query))

    def json(self, request, value, headers=()):
        self.answer(request, 200, json.dumps(value).encode(), headers)

    def refuse(self, request, code, message=""):
        token = self.headers.get("Authorization")
        status = {"RepoNotFound": 404 if token else 401, "GatedRepo": 403 if token else 401}.get(code, 404)
        self.answer(request, status, headers={"X-Error-Code": code, "X-Error-Message": message or code})

    def may_read(self, repo):
        token = self.hub.tokens.get(repo)
        return token is None or self.headers.get("Authorization") == f"Bearer {token}"

    def auth_check(self, request, repo):
        if isinstance(found := self.hub.find(repo), str):
            self.refuse(request, found)
        elif not self.may_read(repo):
            self.refuse(request, "GatedRepo")
        else:
            self.json(request, {})

    def tree(self, request, tree, folder, url):
        query = parse_qs(url.query)
        entries = entries_of(tree, folder, query.get("recursive", ["false"])[0].lower() in {"true", "1"}, self.hub)
        if folder and not entries:
            self.refuse(request, "EntryNotFound")
            return
        start = int(query.get("cursor", ["0"])[0])
        stop = start + self.hub.page_size
        others = "&".join(f"{name}={value[0]}" for name, value in query.items() if name != "cursor")
        following = f'<{self.hub.endpoint}{url.path}?{others}&cursor={stop}>; rel="next"'
        self.json(request, entries[start:stop], {"Link": following} if stop < len(entries) else {})

    def resolve(self, repo, revision, path):
        request = self.note("resolve", path)
        if self.struck(request, self.hub.take_fault("resolve", path, 0, 0)):
            return
        found = self.hub.find(repo, revision)
        if isinstance(found, str):
            self.refuse(request, found)
        elif not self.may_read(repo):
            self.refuse(request, "GatedRepo", f"Access to dataset {repo} is restricted: ask for it on its page")
        elif (blob := found[1].get(path)) is None:
            self.refuse(request, "EntryNotFound")
        elif path.endswith(NOT_LFS):
            headers = {
                "ETag": f'"{blob.git_oid}"',
                "X-Repo-Commit": found[0],
                "Accept-Ranges": "bytes",
                "Content-Type": "text/plain",
            }
            self.answer(request, 200, blob.read(0, blob.size), headers)
        else:
            headers = {"X-Repo-Commit": found[0], "X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(blob.size)}
            if self.hub.has_xet:
                headers["X-Xet-Hash"] = blob.sha256
            self.answer(request, 302, headers={**headers, "Location": self.hub.sign(path, blob)})


class CdnHandler(_Handler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        request = self.note("cdn", query.get("file", ""))
        blob = self.hub.find_blob(url.path.removeprefix("/blobs/"))
        if blob is None or not self.hub.is_valid(query.get("sig", "")):
            self.answer(request, 403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
            return
        start, last = request.range or (0, None)
        stop = min(blob.size, blob.size if last is None else last + 1)
        fault = self.hub.take_fault("cdn", request.path, start, stop)
        if self.struck(request, fault):
            return
        if start >= blob.size > 0:
            self.answer(request, 416, headers={"Content-Range": f"bytes */{blob.size}"})
            return
        is_ranged = request.range is not None and not (fault and fault.kind == "ignore_range")
        if not is_ranged:
            start, stop = 0, blob.size
        if fault and fault.kind == "short":
            stop -= 10
        self.hub.stopping.wait(self.hub.latency_s)
        self.head(request, blob, start, stop, is_ranged)
        if self.command != "HEAD":
            self.body(request, blob, start, stop, fault)

    def whole_body(self, request, path, start, stop):
        """From the file to the socket without a copy, at the hub's rate: many connections cost this process next to nothing."""
        begin, at = time.monotonic(), start
        with path.open("rb") as file:
            while at < stop:
                n_sent = os.sendfile(self.connection.fileno(), file.fileno(), at, min(_SLICE, stop - at))
                at += n_sent
                request.n_bytes += n_sent
                if self.hub.bytes_per_s:
                    self.hub.stopping.wait(max(0.0, begin + (at - start) / self.hub.bytes_per_s - time.monotonic()))

    def head(self, request, blob, start, stop, is_ranged):
        request.status = 206 if is_ranged else 200
        self.send_response(request.status)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{blob.sha256}"')
        if is_ranged:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{blob.size}")
        self.end_headers()

    def body(self, request, blob, start, stop, fault):
        if fault is None and isinstance(blob.content, Path):
            self.whole_body(request, blob.content, start, stop)
            return
        kind = fault.kind if fault else ""
        end = min(stop, start + fault.after) if kind in {"cut_fin", "cut_rst", "stall"} else stop
        for at in range(start, end, _CHUNK):
            block = bytearray(blob.read(at, min(_CHUNK, end - at)))
            if kind == "corrupt" and at <= fault.at < at + len(block):
                block[fault.at - at] ^= 0x40
            request.n_bytes += len(block)
            self.wfile.write(block)
            if self.hub.bytes_per_s:
                self.hub.stopping.wait(len(block) / self.hub.bytes_per_s)
        if kind == "stall":
            self.hub.stopping.wait(fault.seconds)
        if kind == "cut_rst":
            self.reset()
        elif kind in {"cut_fin", "stall"}:
            self.hang_up()
