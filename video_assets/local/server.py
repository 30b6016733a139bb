"""Web server and daemon as one foreground program, the way production runs them (`-w workspace.yaml`).

Their logs go into a file beside Dagster's own; the terminal keeps the URL, and shows warnings and errors only.
Belongs here: starting, watching and stopping the two processes, and that a data root has one daemon. Does not belong here:
Dagster's configuration (`dagster_home`), the lease itself (`storage.leases`).
"""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from video_assets.core.errors import MendableError
from video_assets.local.reload import Reloader
from video_assets.storage.layout import Layout
from video_assets.storage.lease_files import Holder, find_claim
from video_assets.storage.leases import Lease, LeaseHeldError, LeaseLostError, acquire

_STOP_S = 20.0
_STALE_AFTER_S = 60.0
_MAX_LOG_BYTES = 20_000_000  # the log of the last start but one is let go
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_WORTH_SAYING = re.compile(r" - (WARNING|ERROR|CRITICAL) - |^[\w.]*(Error|Exception): ")
# Of no meaning: at the first start, and whenever a code server has a successor.
_EVERY_TIME = re.compile(r"No cursor for event type|No heartbeat received in \d+ seconds, shutting down")
_SHOWN_CHARS = 300
_LAST_LINES = 15

Processes = dict[str, "subprocess.Popen[bytes]"]


class ServerError(MendableError):
    """A server cannot start or ended on its own; the message says which and what to do."""


@dataclass(frozen=True)
class Server:
    """What is started: `home` is Dagster's folder; without `is_read_only` a daemon runs beside the web server."""

    layout: Layout
    home: Path
    workspace: Path
    host: str
    port: int
    is_read_only: bool

    @property
    def url(self) -> str:
        """Where the UI is."""
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        """What both processes say; of its own for each port, since a read-only server may run beside another."""
        return self.home / f"ui-{self.port}.log"

    @property
    def commands(self) -> dict[str, list[str]]:
        """Arguments of `python -m` by name."""
        options = ["--workspace", str(self.workspace), "--host", self.host, "--port", str(self.port)]
        if self.is_read_only:
            return {"web server": ["video_assets.local.read_only", *options]}
        return {
            "web server": ["dagster_webserver", *options],
            "daemon": ["video_assets.local.daemon", "--workspace", str(self.workspace)],
        }


class StopRequests:
    """How often this program was asked to stop: once is enough, twice means at once, and from then on it is interrupted."""

    def __init__(self) -> None:
        self.times = 0

    def ask(self, _number: int, _frame: object) -> None:
        """The signal handler."""
        self.times += 1
        if self.times > 2:
            raise KeyboardInterrupt


def stop_on_signals() -> StopRequests:
    """From now on Ctrl-C and SIGTERM ask to stop, and are heard between two steps.

    An interrupt in the seconds in which Dagster is loaded would meet code that logs or drops it: SQLAlchemy, callbacks of the
    garbage collector.
    """
    stop = StopRequests()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell that has started this in the background
            signal.signal(number, stop.ask)
    return stop


@contextmanager
def only_daemon(layout: Layout, url: str) -> Iterator[Lease]:
    """Hold the data root's one place for a daemon; one whose process is gone is taken over.

    Raises:
        ServerError: another program has it; the message names its process, machine and address.
    """
    path = layout.lease("ui", "daemon")
    try:
        lease = acquire(path, stale_after_s=_STALE_AFTER_S, patience_s=None, run_id=url)
    except LeaseHeldError as error:
        claim = find_claim(path)
        holder = claim.holder if claim else Holder()
        raise ServerError(
            f"another UI with its daemon works on {layout.root}: {holder.run_id or 'address unknown'}, {holder.process}. "
            "Open that, or stop it first, or look on with --read-only"
        ) from error
    with lease:
        yield lease


def serve(
    server: Server,
    *,
    stop: StopRequests,
    lease: Lease | None,
    say: Callable[[str], None],
    pinned: Callable[[str], AbstractContextManager],
) -> None:
    """Run web server and daemon until asked to stop, then stop both; at once when asked again. `pinned` keeps a line in sight.

    Raises:
        KeyboardInterrupt: asked to stop before anything was started.
        ServerError: the port is taken, one of the two ended, or another took the place over; what still runs is stopped then.
    """
    if stop.times:
        raise KeyboardInterrupt
    _require_free_port(server.host, server.port)
    start = _rotated(server.log)
    processes: Processes = {}
    try:
        with server.log.open("ab") as log:
            for name, command in server.commands.items():
                # Sessions of their own: Ctrl-C reaches this program alone, which then stops them in order.
                processes[name] = subprocess.Popen(
                    [sys.executable, "-m", *command], cwd=server.home, start_new_session=True, stdout=log, stderr=log
                )
        _wait_until_up(server, processes, stop)
        if not stop.times:
            with pinned(f"web UI: {server.url}  (Ctrl-C stops it; log: {server.log})"):
                _watch(server, processes, stop=stop, lease=lease, say=say, start=start)
        say("stopping web server and daemon" if "daemon" in processes else "stopping the web server")
    finally:
        _end(processes, stop)


def _rotated(log: Path) -> int:
    """Where this start's lines begin; a log that has grown long is put aside first."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
    return log.stat().st_size if log.exists() else 0


def _require_free_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(f"{host}:{port} cannot be used ({error.strerror}): choose another with --port") from error


def _wait_until_up(server: Server, processes: Processes, stop: StopRequests) -> None:
    while not stop.times:
        _require_alive(server, processes)
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((server.host, server.port)) == 0:
                return
        time.sleep(0.2)


def _watch(
    server: Server, processes: Processes, *, stop: StopRequests, lease: Lease | None, say: Callable[[str], None], start: int
) -> None:
    reloader = None if server.is_read_only else Reloader(server.url, say)  # a read-only server refuses it
    with server.log.open("rb") as log:
        log.seek(start)
        while not stop.times:
            if reloader is not None:
                reloader.look()
            for line in iter(log.readline, b""):
                text = _COLORS.sub("", line.decode(errors="replace").rstrip())
                if _WORTH_SAYING.search(text) and not _EVERY_TIME.search(text):
                    say(text[:_SHOWN_CHARS])
            _require_alive(server, processes)
            if lease is not None and lease.is_lost:
                _require_lease(lease)
            time.sleep(0.5)


def _require_lease(lease: Lease) -> None:
    with suppress(OSError):  # storage that fails for a moment: asked again
        try:
            lease.ensure()
        except LeaseLostError as error:
            raise ServerError("this machine was cut off for so long that another UI took the data root over: stopping") from error


def _require_alive(server: Server, processes: Processes) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            lines = server.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            raise ServerError("\n".join([f"the {name} ended with exit code {process.returncode}; {server.log} ends so:", *lines]))


def _end(processes: Processes, stop: StopRequests) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_S
    while any(process.poll() is None for process in processes.values()):
        if time.monotonic() > deadline or stop.times > 1:
            for process in processes.values():
                process.kill()
        time.sleep(0.1)
