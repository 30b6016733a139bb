"""The command line as a program of its own."""

import os
import subprocess
import sys
from pathlib import Path


def command(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `video-assets` with these arguments, to its end."""
    line = [sys.executable, "-m", "video_assets.cli.app", *map(os.fspath, map(str, arguments))]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)
