"""Prints shell lines that give uv what pip was told: private indexes, a proxy and its certificate. `make` evaluates them.

What is set for uv itself (UV_..., SSL_CERT_FILE) stays. Folders of packages on this machine are left out.
"""

import os
import shlex
import subprocess
import sys

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def settings() -> dict[str, str]:
    """What pip was told, in its files and in the environment, which wins."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in {"global", "install", ":env:"}:
            found[name] = value.strip("'\"").replace("\\n", " ")
    return found


def exports(found: dict[str, str], environment: dict[str, str]) -> list[str]:
    """Shell lines for what uv was not told otherwise."""
    told = {variable: _remote(name, found[name]) for name, variable in NAMES.items() if name in found}
    if told.get("UV_INDEX"):
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: the best version of all indexes
    told = {"UV_SYSTEM_CERTS": "1", **told}
    return [f"export {name}={shlex.quote(value)}" for name, value in told.items() if value and name not in environment]


def _remote(name: str, value: str) -> str:
    if not name.endswith("index-url"):
        return value
    return " ".join(place for place in value.split() if place.startswith(("http://", "https://")))


if __name__ == "__main__":
    sys.stdout.write("\n".join(exports(settings(), dict(os.environ))) + "\n")
