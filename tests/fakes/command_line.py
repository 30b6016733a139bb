"""The command line as a program of its own.

It is forked from a process that has imported the libraries already, which is a third of a short command's work. Tests of signals,
terminals and installed programs start real ones.
"""

import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from fork_server import forks

from video_assets.cli.app import main


def command(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run `video-assets` with these arguments, to its end; with `check` it must end well."""
    done = _run(["video-assets", *map(str, arguments)], cwd=cwd, env=env)
    assert not (check and done.returncode), f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def killed(after_s: float, *arguments: object) -> None:
    """Kill `video-assets` with these arguments in the middle, as a power cut does, unless it has ended by then."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        program = _fork(["video-assets", *map(str, arguments)], Path.cwd(), dict(os.environ), said, said)
        program.join(after_s)
        program.kill()
        program.join()


def script(path: Path, *arguments: object, cwd: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a Python file with these arguments, to its end."""
    return _run([str(path), *map(str, arguments)], cwd=cwd, env=env)


@contextmanager
def started(*arguments: object) -> Iterator[Callable[[], str]]:
    """`video-assets` with these arguments beside the block, at whose end it is told to end; yields what it has said so far.

    Raises:
        AssertionError: asked what it said when it has ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        program = _fork(["video-assets", *map(str, arguments)], Path.cwd(), dict(os.environ), said, said)

        def so_far() -> str:
            text = said.read_text() if said.exists() else ""
            assert program.is_alive(), f"exit code {program.exitcode}\n{text}"
            return text

        try:
            yield so_far
        finally:
            program.terminate()
            program.join(60)
            assert program.exitcode is not None, f"{arguments[0]} does not end"


def _run(line: list[str], *, cwd: Path | None, env: Mapping[str, str] | None) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        program = _fork(line, cwd or Path.cwd(), dict(env or os.environ), out, err)
        program.join()
        return subprocess.CompletedProcess(line, program.exitcode or 0, out.read_text(), err.read_text())


def _fork(line: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> BaseProcess:
    program = forks().Process(target=_main, args=(line, folder, environment, out, err))
    program.start()
    return program


def _main(line: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, descriptor in ((out, 1), (err, 2)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), descriptor)
    sys.argv = line
    if line[0] == "video-assets":
        main()
    else:
        sys.path.insert(0, str(Path(line[0]).parent))
        runpy.run_path(line[0], run_name="__main__")
