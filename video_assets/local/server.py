"""Web server and daemon as one foreground program, the way production runs them (`-w workspace.yaml`).

Belongs here: starting, watching and stopping the two processes. Does not belong here: Dagster's configuration (`instance`).
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from video_assets.core.errors import MendableError

_STOP_S = 20.0


class ServerError(MendableError):
    """A server cannot start or ended on its own; the message says which and what to do."""


def serve(*, home: Path, workspace: Path, host: str, port: int, is_read_only: bool, say: Callable[[str], None]) -> None:
    """Run web server and daemon until Ctrl-C or SIGTERM, then stop both.

    Raises:
        ServerError: the port is taken, or one of the two ended; the other is stopped then.
    """
    _require_free_port(host, port)
    web = ["dagster_webserver", "--workspace", str(workspace), "--host", host, "--port", str(port)]
    commands = {"web server": [*web, *(["--read-only"] if is_read_only else [])]}
    if not is_read_only:
        commands["daemon"] = ["dagster._daemon", "run", "--workspace", str(workspace)]
    previous = signal.signal(signal.SIGTERM, _interrupt)
    # Sessions of their own: Ctrl-C reaches this program alone, which then stops them in order.
    processes = {
        name: subprocess.Popen([sys.executable, "-m", *command], cwd=home, start_new_session=True)
        for name, command in commands.items()
    }
    try:
        _wait_until_up(host, port, processes)
        say(f"web UI: http://{host}:{port}  (Ctrl-C stops it)")
        _watch(processes)
    except KeyboardInterrupt:
        say("stopping web server and daemon")
    finally:
        signal.signal(signal.SIGTERM, previous)
        _stop(processes)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _require_free_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(f"{host}:{port} cannot be used ({error.strerror}): choose another with --port") from error


def _wait_until_up(host: str, port: int, processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    while True:
        _require_alive(processes)
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.2)


def _watch(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    while True:
        _require_alive(processes)
        time.sleep(0.5)


def _require_alive(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise ServerError(f"the {name} ended with exit code {process.returncode}; its last lines above say why")


def _stop(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_S
    for process in processes.values():
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
