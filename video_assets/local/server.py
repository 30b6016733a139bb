"""Web server, daemon and the code server that both ask as one foreground program.

Their logs go into a file beside Dagster's own; the terminal keeps the URL, and shows warnings and errors only.
Belongs here: which programs they are, starting, watching and stopping them, and that a data root has one daemon. Does not belong
here: how they are forked (`forks`), Dagster's configuration (`dagster_home`), the lease itself (`storage.leases`).
"""

import errno
import json
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from video_assets.core.errors import MendableError
from video_assets.local.forks import STOP_S, Forks
from video_assets.local.settings_told import SettingsTold
from video_assets.storage.layout import Layout
from video_assets.storage.lease_files import Holder, find_claim
from video_assets.storage.leases import Lease, LeaseHeldError, LeaseLostError, acquire

_STOP_S = STOP_S
_STALE_AFTER_S = 60.0
_MAX_LOG_BYTES = 20_000_000  # the log of the last start but one is let go
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_WORTH_SAYING = re.compile(r" - (WARNING|ERROR|CRITICAL) - |^[\w.]*(Error|Exception): ")
# Of no meaning: at the first start, and whenever a code server has a successor.
_EVERY_TIME = re.compile(r"No cursor for event type|No heartbeat received in \d+ seconds, shutting down")
_SHOWN_CHARS = 300
_LAST_LINES = 15

_SOCKET = "code-server"
_CODE_SERVER, _WEB_SERVER, _DAEMON = "code server", "web server", "daemon"
# What the three load, but for their own modules. The definitions are loaded by a process of the code server.
_LOADED = {
    _CODE_SERVER: ("dagster._cli.code_server", "dagster._grpc.proxy_server"),
    _WEB_SERVER: ("dagster_webserver.cli", "dagster_webserver.app", "dagster_webserver.webserver"),
    _DAEMON: ("dagster._daemon.cli", "video_assets.local.dagster_home"),
}


class ServerError(MendableError):
    """A server cannot start or ended on its own; the message says which and what to do."""


@dataclass(frozen=True)
class Server:
    """What is started: `home` is Dagster's folder, `workspace` names the code locations: this project's, and perhaps others.

    Without `is_read_only` a daemon runs beside the web server.
    """

    layout: Layout
    home: Path
    workspace: Path
    host: str
    port: int
    is_read_only: bool

    @property
    def url(self) -> str:
        """Where the UI is."""
        return url_of(self.host, self.port)

    @property
    def log(self) -> Path:
        """What all processes say; of its own for each port, since a read-only server may run beside another."""
        return self.home / f"ui-{self.port}.log"

    def commands(self, code_server: Path, shared: Path) -> dict[str, list[str]]:
        """Arguments of `python -m` by name, in the order in which they start.

        Args:
            code_server: The socket on which it listens.
            shared: A workspace file that names it. Dagster takes a code location from the last file that has it.
        """
        locations = ["--workspace", str(self.workspace), "--workspace", str(shared)]
        web_server = "video_assets.local.read_only" if self.is_read_only else "dagster_webserver"
        commands = {
            _CODE_SERVER: ["video_assets.local.code_server", str(code_server)],
            _WEB_SERVER: [web_server, *locations, "--host", self.host, "--port", str(self.port)],
        }
        return commands if self.is_read_only else {**commands, _DAEMON: ["video_assets.local.daemon", *locations]}


def url_of(host: str, port: int) -> str:
    """Where the UI of this host (a name, or an address of IPv4 or IPv6) and port is."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def forked(*, is_read_only: bool) -> Forks:
    """The processes of a server, loaded and waiting. Call it before there are threads: before the lease of `only_daemon`."""
    names = [_CODE_SERVER, _WEB_SERVER] if is_read_only else [_CODE_SERVER, _WEB_SERVER, _DAEMON]
    return Forks.of(names, loaded=[module for name in names for module in _LOADED[name]])


def workspace_of(code_server: Path) -> str:
    """What tells Dagster to ask the code server that listens on this socket."""
    return json.dumps({"load_from": [{"grpc_server": {"socket": str(code_server), "location_name": "video_assets"}}]})


class StopRequests:
    """How often this program was asked to stop: once is enough, twice means at once, and from then on it is interrupted."""

    def __init__(self) -> None:
        self.times = 0

    def ask(self, _number: int, _frame: object) -> None:
        """The signal handler."""
        self.times += 1
        if self.times > 2:
            raise KeyboardInterrupt

    def hang_up(self, _number: int, _frame: object) -> None:
        """The handler for a terminal that is closed: shell and system both say so, which is no haste."""
        self.times = max(self.times, 1)


def stop_on_signals() -> StopRequests:
    """From now on Ctrl-C, SIGTERM and a closed terminal ask to stop, and are heard between two steps.

    An interrupt in the seconds in which Dagster is loaded would meet code that logs or drops it: SQLAlchemy, callbacks of the
    garbage collector.
    """
    stop = StopRequests()
    for number, handler in ((signal.SIGINT, stop.ask), (signal.SIGTERM, stop.ask), (signal.SIGHUP, stop.hang_up)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell that has started this in the background, or nohup
            signal.signal(number, handler)
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
    forks: Forks,
    *,
    stop: StopRequests,
    lease: Lease | None,
    say: Callable[[str], None],
    pinned: Callable[[str], AbstractContextManager],
) -> None:
    """Run all until asked to stop, then stop them; at once when asked again. `pinned` keeps a line in sight.

    Raises:
        KeyboardInterrupt: asked to stop before anything was started.
        ServerError: TMPDIR is too long, one of them ended, or another took the place over; what still runs is stopped then.
    """
    if stop.times:
        raise KeyboardInterrupt
    start = _rotated(server.log)
    server.log.open("ab").close()  # what takes no line is said here, not by a program
    with tempfile.TemporaryDirectory(prefix="video-assets-") as folder:
        try:
            _require_short(Path(folder) / _SOCKET)
            _start(server, forks, Path(folder), stop)
            if not stop.times:
                with pinned(f"web UI: {server.url}  (Ctrl-C stops it; log: {server.log})"):
                    _watch(server, forks, stop=stop, lease=lease, say=say, start=start)
            say("stopping web server and daemon" if _DAEMON in forks else "stopping the web server")
        finally:
            _end(forks, stop)


def _start(server: Server, forks: Forks, folder: Path, stop: StopRequests) -> None:
    code_server, shared = folder / _SOCKET, folder / "workspace.yaml"
    shared.write_text(workspace_of(code_server), encoding="utf-8")
    for name, command in server.commands(code_server, shared).items():
        if stop.times:
            return
        forks[name].run(command, folder=server.home, log=server.log)
        if name == _CODE_SERVER:
            _wait_for(socket.AF_UNIX, str(code_server), server, forks, stop)
    _wait_for(_family(server.host), (server.host, server.port), server, forks, stop)


def _rotated(log: Path) -> int:
    """Where this start's lines begin; a log that has grown long is put aside first."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
    return log.stat().st_size if log.exists() else 0


def require_free_port(host: str, port: int) -> None:
    """Return when a server can listen there.

    Raises:
        ServerError: the port is taken, or not for this user; the host is not this machine.
    """
    try:
        with socket.socket(_family(host)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror as error:
        raise ServerError(f"{host} is no name or address of this machine ({error.strerror}): give another with --host") from error
    except OSError as error:
        wrong = "--port" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "--host"
        raise ServerError(f"{url_of(host, port)} cannot be used ({error.strerror}): choose another with {wrong}") from error


def _require_short(socket_file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect_ex(str(socket_file))
        except OSError as error:  # an address that cannot be, not one where nobody listens
            raise ServerError(
                f"{socket_file}: {error}. Sockets of the UI lie in the folder for temporary files: set TMPDIR to a shorter one"
            ) from error


def _wait_for(family: int, address: str | tuple[str, int], server: Server, forks: Forks, stop: StopRequests) -> None:
    while not stop.times:
        _require_alive(server, forks)
        with socket.socket(family) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.1)


def _watch(
    server: Server, forks: Forks, *, stop: StopRequests, lease: Lease | None, say: Callable[[str], None], start: int
) -> None:
    settings = SettingsTold(say)
    with server.log.open("rb") as log:
        log.seek(start)
        while not stop.times:
            settings.look()
            for line in iter(log.readline, b""):
                text = _COLORS.sub("", line.decode(errors="replace").rstrip())
                if _WORTH_SAYING.search(text) and not _EVERY_TIME.search(text):
                    say(text[:_SHOWN_CHARS])
            _require_alive(server, forks)
            if lease is not None and lease.is_lost:
                _require_lease(lease)
            time.sleep(0.5)


def _require_lease(lease: Lease) -> None:
    with suppress(OSError):  # storage that fails for a moment: asked again
        try:
            lease.ensure()
        except LeaseLostError as error:
            raise ServerError("this machine was cut off for so long that another UI took the data root over: stopping") from error


def _require_alive(server: Server, forks: Forks) -> None:
    for name, fork in forks.items():
        if (code := fork.poll()) is not None:
            lines = server.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            raise ServerError("\n".join([f"the {name} ended with exit code {code}; {server.log} ends so:", *lines]))


def _end(forks: Forks, stop: StopRequests) -> None:
    for fork in forks.values():
        fork.end()
    deadline = time.monotonic() + _STOP_S
    while any(fork.poll() is None for fork in forks.values()):
        if time.monotonic() > deadline or stop.times > 1:
            for fork in forks.values():
                fork.kill()
        time.sleep(0.1)
