"""Set-up behind a private index: uv is given what pip was told."""

import os
import subprocess
import sys
from pathlib import Path

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


def base_python() -> str:
    """The Python that made the environment: it has pip."""
    return str(Path(sys.base_prefix) / "bin" / "python3")
