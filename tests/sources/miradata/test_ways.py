"""Several proxies, source addresses and accounts: used in turn, paused one by one, and never told to anybody."""

import base64
import json
import logging
import os
import socket
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mira_tables import QUICK, make_video, v1_row, write_v1
from pydantic import ValidationError
from web_server import serving

from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.settings.problems import describe
from video_assets.sources.miradata.batch import fetch_batches
from video_assets.sources.miradata.ledgers import due_batches, pauses_of
from video_assets.sources.miradata.listing import refresh_listing
from video_assets.storage.layout import Layout

BATCH = "mira_000000"
SECRET = "hunter" + "-two-42"
ADDRESSES = ["127.0.0.2", "127.0.0.3"]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("videos") / "v.mp4")


@pytest.fixture
def web():
    with serving() as server:
        yield server


def mira(root, web, video, n_videos, span=(1, 2), **settings):
    rows = [v1_row(f"{n}.0", web.put(f"/{n}.mp4", video), *span) for n in range(n_videos)]
    csv = write_v1(root / "miradata_v1_9k.csv", rows)
    made = Settings(data_root=root / "data", miradata={**QUICK, "csv": str(csv), **settings}, decode={"workers": 1})
    refresh_listing(Layout(made.data_root), made.miradata)
    return made


def fetch(settings):
    return list(fetch_batches(Layout(settings.data_root), [BATCH], settings=settings, progress=no_progress))[-1]


def by_path(web, what):
    return {asked.path: getattr(asked, what) for asked in web.log}


def test_source_addresses_are_used_in_turn(tmp_path, web, video):
    settings = mira(tmp_path, web, video, 4, source_addresses=ADDRESSES)
    assert fetch(settings).n_ok == 4
    assert by_path(web, "peer") == {f"/{n}.mp4": ADDRESSES[n % 2] for n in range(4)}


def test_an_address_that_a_site_blocks_is_left_alone_and_the_other_goes_on(tmp_path, web, video):
    settings = mira(tmp_path, web, video, 6, source_addresses=ADDRESSES, alarms=1)
    web.fail("/1.mp4", status=429, times=99)
    outcome = fetch(settings)
    assert (outcome.n_ok, outcome.failure) == (5, "")
    assert by_path(web, "peer") == {"/0.mp4": ADDRESSES[0], "/1.mp4": ADDRESSES[1]} | {
        f"/{n}.mp4": ADDRESSES[0] for n in range(2, 6)
    }
    pauses = pauses_of(Layout(settings.data_root), settings.miradata)
    assert pauses.paused() == {}
    assert list(json.loads(Layout(settings.data_root).pauses("miradata").read_text())) == ["127.0.0.1 via 2"]


def test_a_site_that_blocks_every_address_is_left_alone(tmp_path, web, video):
    settings = mira(tmp_path, web, video, 6, source_addresses=ADDRESSES, alarms=1)
    for n in range(2):
        web.fail(f"/{n}.mp4", status=429, times=99)
    outcome = fetch(settings)
    assert outcome.n_ok == 0
    assert "are still to be asked for" in outcome.failure
    assert {asked.path for asked in web.log} == {"/0.mp4", "/1.mp4"}
    assert list(pauses_of(Layout(settings.data_root), settings.miradata).paused()) == ["127.0.0.1"]
    assert due_batches(Layout(settings.data_root), settings.miradata) == []


def test_each_account_is_used_in_turn_and_its_file_stays_as_it_is(tmp_path, web, video):
    files = []
    for name in ("ann", "bob"):
        files.append(tmp_path / f"{name}.txt")
        files[-1].write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\twho\t{name}\n")
    settings = mira(tmp_path, web, video, 3, cookies=[str(file) for file in files])
    assert fetch(settings).n_ok == 3
    assert by_path(web, "cookie") == {"/0.mp4": "who=ann", "/1.mp4": "who=bob", "/2.mp4": "who=ann"}
    assert "who\tann" in files[0].read_text()


class _Proxy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Proxy-Authorization", "")))
        if len(self.server.seen) > self.server.n_answers:
            self.close_connection = True
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() in {"range", "accept-encoding"}}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.path, headers=headers), timeout=20) as answer:  # noqa: S310 - our own server
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Length", "Content-Range"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.read())

    def log_message(self, *_):
        pass


@contextmanager
def proxying(*, n_answers=1_000):
    """A proxy that hangs up once it has answered so often."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        server.seen, server.n_answers, server.daemon_threads = [], n_answers, True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def files_below(root):
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("is_sectioned", [True, False])
def test_proxies_are_used_in_turn_with_their_passwords_which_nobody_is_told(tmp_path, web, video, caplog, is_sectioned):
    caplog.set_level(logging.DEBUG)
    with proxying() as proxy:
        proxies = [f"http://user:{SECRET}@127.0.0.1:{proxy.server_port}", f"http://user:{SECRET}@127.0.0.1:{closed_port()}"]
        settings = mira(tmp_path, web, video, 4, proxies=proxies, is_sectioned=is_sectioned, retries=0, timeout_s=5)
        outcome = fetch(settings)
        assert {path.rpartition("/")[2] for path, _ in proxy.seen} == {"0.mp4", "2.mp4"}
        assert {auth for _, auth in proxy.seen} == {"Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()}
    assert (outcome.n_ok, outcome.n_waiting) == (2, 2), "the dead proxy's videos wait"
    told = [caplog.text, repr(settings), str(settings), settings.model_dump_json(), repr(outcome)]
    assert not [text for text in told if SECRET in text]
    assert SECRET.encode() not in files_below(tmp_path / "data")
    assert base64.b64encode(f"user:{SECRET}".encode()) not in files_below(tmp_path / "data")


@pytest.mark.parametrize("n_answers", [0, 1])
def test_a_proxy_that_hangs_up_while_a_video_is_read_by_parts_keeps_its_password(tmp_path, web, long_video, caplog, n_answers):
    caplog.set_level(logging.DEBUG)
    with proxying(n_answers=n_answers) as proxy:
        proxies = [f"http://user:{SECRET}@127.0.0.1:{proxy.server_port}"]
        settings = mira(tmp_path, web, long_video, 1, span=(40, 42), proxies=proxies, retries=0, timeout_s=5)
        outcome = fetch(settings)
        assert len(proxy.seen) > n_answers, "it was asked once more"
    assert (outcome.n_ok, outcome.n_waiting) == (0, 1)
    assert SECRET not in caplog.text + repr(outcome)
    assert SECRET.encode() not in files_below(tmp_path / "data")


@pytest.mark.parametrize("proxies", [f"ftp://user:{SECRET}@host", [f"user:{SECRET}@host:1"], {"a": f"http://user:{SECRET}@h"}])
def test_a_proxy_that_is_refused_is_not_shown(tmp_path, proxies):
    with pytest.raises(ValidationError) as raised:
        Settings(data_root=tmp_path, miradata={"proxies": proxies})
    told = " ".join(describe(raised.value))
    assert "proxies" in told
    assert SECRET not in told


def test_one_cookies_file_as_text_still_works(tmp_path):
    file = os.fspath(tmp_path / "cookies.txt")
    assert [str(path) for path in Settings(data_root=tmp_path, miradata={"cookies": file}).miradata.cookies] == [file]
    assert Settings(data_root=tmp_path).miradata.cookies == ()
