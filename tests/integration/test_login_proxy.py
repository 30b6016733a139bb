"""The proxies of docs/unattended.md, by a real nginx in front of the real servers: nobody gets in without a password."""

import base64
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from dagster_server import Server, server, wait_for
from look_server import look_server
from prepared_shards import prepare

from video_assets.samples.demo.make import Sample

PAGE = Path(__file__).parents[2] / "docs" / "unattended.md"
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"you:secret").decode()}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen bytes ..").decode(),
    "Sec-WebSocket-Protocol": "graphql-ws",
}


def example(folder: Path, *, documented: str, port: int, upstream: str) -> str:
    """The example of the page for the server that is `documented` there, with the addresses and files of this test in it."""
    (text,) = (each for each in re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL) if documented in each)
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        documented: upstream,
        "/etc/ssl/dagster.pem": f"{folder}/dagster.pem",
        "/etc/ssl/dagster.key": f"{folder}/dagster.key",
        "/etc/nginx/dagster.htpasswd": f"{folder}/dagster.htpasswd",
    }
    for word, change in changes.items():
        assert word in text
        text = text.replace(word, change)
    return text


@contextmanager
def nginx(folder: Path, upstream: str, *, documented: str) -> Iterator[int]:
    """The port of the proxy in front of `upstream`, which has the address `documented` in the example."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=dagster.example.org"]
    subprocess.run([*make, "-keyout", folder / "dagster.key", "-out", folder / "dagster.pem"], check=True, capture_output=True)
    password = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True, capture_output=True, text=True).stdout
    (folder / "dagster.htpasswd").write_text(f"you:{password}")
    folders = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nuser root;\nevents {{}}\n"
    site = example(folder, documented=documented, port=port, upstream=upstream)
    (folder / "nginx.conf").write_text(f"{main}http {{\naccess_log off;\n{folders}{site}\n}}\n")
    process = subprocess.Popen(["nginx", "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"])
    try:
        wait_for(lambda: process.poll() is not None or is_open(port), timeout_s=300)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(30)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, bytes]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    try:
        connection.request("POST" if body else "GET", path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, b"" if answer.status == 101 else answer.read()
    finally:
        connection.close()


def is_known(port: int, ui: Server) -> None:
    status, page = ask(port, "/server_info", LOGIN)
    assert (status, "dagster_webserver_version" in json.loads(page)) == (200, True)
    query = json.dumps({"query": "{ version }"})
    status, answer = ask(port, "/graphql", {**LOGIN, "Content-Type": "application/json"}, query)
    assert (status, json.loads(answer)["data"]["version"]) == (200, ui.query("{ version }")["version"])
    assert ask(port, "/graphql", {**LOGIN, **UPGRADE})[0] == 101, "the UI's web socket comes through"


needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx here: apt-get install nginx-light")


@pytest.mark.slow(20)
@needs_nginx
def test_behind_the_proxy_of_the_page_only_those_who_log_in_see_the_ui(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "video_assets.toml").touch()
    with server(tmp_path / "data", "--read-only") as ui, nginx(tmp_path, ui.url, documented="http://127.0.0.1:3000") as port:
        for headers in ({}, UPGRADE, {"Authorization": "Basic " + base64.b64encode(b"you:wrong").decode()}):
            assert ask(port, "/graphql", headers)[0] == 401
        is_known(port, ui)


@needs_nginx
def test_behind_the_proxy_of_the_page_clips_are_shown_and_left_out_under_its_name_alone(sample: Sample, tmp_path: Path) -> None:
    clip = sample.clips / "bouncing-ball.mp4"
    layout = prepare(tmp_path, [clip], look={"url": "https://clips.example.org"})
    login = {**LOGIN, "Host": "clips.example.org"}
    write = {**login, "Origin": "https://clips.example.org", "Content-Type": "application/json"}
    with (
        look_server(layout.root, "--edit") as page,
        nginx(tmp_path, page.url.rstrip("/"), documented="http://127.0.0.1:3001") as port,
    ):
        page.when(lambda state: state["tables"])
        assert ask(port, "/api/clips", {"Host": "clips.example.org"})[0] == 401
        assert ask(port, "/api/clips", {**login, "Host": "evil.example"})[0] == 421
        (shown,) = json.loads(ask(port, "/api/clips", login)[1])["clips"]
        address = f"/media?{urlencode({'clip': shown['clip_key']})}"
        assert ask(port, address, {**login, "Range": "bytes=0-9"}) == (206, clip.read_bytes()[:10])
        body = json.dumps({"keys": [shown["clip_key"]], "why": "watermark"})
        assert ask(port, "/api/exclude", {**write, "Origin": "https://evil.example"}, body)[0] == 403
        assert ask(port, "/api/exclude", write, body) == (200, b'{"excluded":1}')
