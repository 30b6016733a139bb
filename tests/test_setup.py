"""Set-up behind a private index, and behind a proxy that opens TLS: uv is given what pip was told."""

import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SCRIPT = Path(__file__).parents[1] / "requirements" / "uv_like_pip.py"


def test_pips_index_and_certificate_are_handed_on_and_uvs_own_win(tmp_path: Path) -> None:
    config, certificate = tmp_path / "pip.conf", tmp_path / "ca.pem"
    certificate.touch()
    config.write_text(
        f"[global]\nindex-url = https://pypi.example.com/simple\n"
        "extra-index-url = https://a.example.com\n  https://b.example.com\n  file:///opt/simple\n"
        f"cert = {certificate}\ntrusted-host = pypi.example.com\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "SSL_"))}
    environment = {**kept, "PIP_CONFIG_FILE": str(config), "UV_INSECURE_HOST": "mine.example.com"}
    told = subprocess.run([base_python(), SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert set(told.stdout.split("\n")) >= {
        "export UV_SYSTEM_CERTS=1",
        "export UV_DEFAULT_INDEX=https://pypi.example.com/simple",
        "export UV_INDEX='https://a.example.com https://b.example.com'",
        f"export SSL_CERT_FILE={certificate}",
    }
    assert "UV_INSECURE_HOST" not in told.stdout


def test_behind_a_proxy_that_opens_tls_uv_installs_with_the_certificate_that_pip_was_told(tmp_path: Path) -> None:
    """The index is on no network: whatever comes came through the proxy, signed by an authority that nobody else knows."""
    uv = Path(sys.executable).with_name("uv")
    authority, server = certificates(tmp_path)
    pages = {"/simple/tiny/": b'<a href="/tiny-1.0-py3-none-any.whl">', "/tiny-1.0-py3-none-any.whl": wheel(tmp_path)}
    with intercepting(server, pages) as proxy:
        config = tmp_path / "pip.conf"
        lines = f"[global]\nindex-url = https://index.example.com/simple\nproxy = {proxy}\n"
        uv_install = f"'{uv}' pip install --no-cache --python '{sys.executable}' --target '{tmp_path}/it' tiny"
        install = f"eval \"$('{base_python()}' '{SCRIPT}')\"; {uv_install}"
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        kept = {name: value for name, value in kept.items() if not name.startswith(("PIP_", "UV_", "SSL_"))}
        told = {**kept, "PIP_CONFIG_FILE": str(config), "UV_HTTP_RETRIES": "0"}
        config.write_text(lines)
        refused = subprocess.run(["sh", "-c", install], env=told, capture_output=True, text=True, check=False)
        assert refused.returncode != 0
        assert "UnknownIssuer" in refused.stderr
        config.write_text(f"{lines}cert = {authority}\n")
        done = subprocess.run(["sh", "-c", install], env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "it" / "tiny.py").read_text() == "x = 1\n"


@contextmanager
def intercepting(server: ssl.SSLContext, pages: dict[str, bytes]) -> Iterator[str]:
    """A proxy that answers for every host itself, as companies' do; gives its address."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                self.connection = server.wrap_socket(self.connection, server_side=True)
            except OSError:  # whoever asked does not know the authority
                self.close_connection = True
                return
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(page or b"")

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()
            self.connection.close()  # the one that speaks TLS; the server knows only the other

        def log_message(self, *args: object) -> None:
            """Not to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority's certificate as a file, and what serves index.example.com in its name."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the company")])
    own = signed("the company", authority_key, issuer, authority_key, x509.BasicConstraints(ca=True, path_length=None))
    host = x509.SubjectAlternativeName([x509.DNSName("index.example.com")])
    leaf = signed("index.example.com", key, issuer, authority_key, host)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(own.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    )
    return built.sign(by, hashes.SHA256())


def wheel(folder: Path) -> bytes:
    """The smallest package."""
    path, about = folder / "tiny.whl", "tiny-1.0.dist-info"
    files = {
        "tiny.py": "x = 1\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as made:
        for name, text in (files | {f"{about}/RECORD": "".join(f"{name},,\n" for name in files)}).items():
            made.writestr(name, text)
    return path.read_bytes()


def base_python() -> str:
    """The Python that made the environment: it has pip."""
    return str(Path(sys.base_prefix) / "bin" / "python3")
