"""The command line as a program of its own.

It is forked from a process that has imported the libraries already, which is a third of a short command's work. Tests of signals,
terminals and installed programs start real ones.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from video_assets.cli.app import main

# Only what reads no setting while it is imported (huggingface_hub does, for one).
_LIBRARIES = [
    "command_line",
    "dagster._core.storage.sqlite_storage",
    "video_assets.local.run",
    "video_assets.report.report",
    "video_assets.report.plots",
]
_FORKS = multiprocessing.get_context("forkserver")


def command(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run `video-assets` with these arguments, to its end; with `check` it must end well."""
    _FORKS.set_forkserver_preload(_LIBRARIES)
    line = ["video-assets", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        program = _FORKS.Process(target=_main, args=(line, cwd or Path.cwd(), dict(env or os.environ), out, err))
        program.start()
        program.join()
        done = subprocess.CompletedProcess(line, program.exitcode or 0, out.read_text(), err.read_text())
    assert not (check and done.returncode), f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def _main(line: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, descriptor in ((out, 1), (err, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    sys.argv = line
    main()
