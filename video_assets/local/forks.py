"""Programs of the UI as forks of one process that has loaded what they need: no second is spent on loading it again for each.

A fork is made while there is one thread, waits, and becomes `python -m MODULE` when told to. It ends when its parent is gone.
Belongs here: making, becoming, ending. Does not belong here: which programs (`server`), runs (`definitions_server`).
"""

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from video_assets.interpreter import all_is_loaded

_CONTEXT = multiprocessing.get_context("fork")
STOP_S = 20.0  # from the interrupt to the kill: a web server waits for a client that does not finish its question


@dataclass(frozen=True)
class _Order:
    """What a fork shall become: arguments of `python -m`, working directory, environment, file for all that it says."""

    command: Sequence[str]
    folder: Path
    environment: dict[str, str]
    log: Path


class Fork:
    """A process that waits for its order; like a `subprocess.Popen` afterwards."""

    def __init__(self, name: str, pipe: tuple[Connection, Connection], of_parent: Iterable[Connection]) -> None:
        order, self._orders = pipe
        # Daemonic: ended, should its parent forget to.
        self._process = _CONTEXT.Process(target=_become, args=(name, order, list(of_parent)), daemon=True)
        self._process.start()
        order.close()

    def run(self, command: Sequence[str], *, folder: Path, log: Path) -> None:
        """Become `python -m` of `command`, once; Ctrl-C at the terminal does not reach it."""
        self._orders.send(_Order(command, folder, dict(os.environ), log))

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def end(self) -> None:
        """Have it end as by Ctrl-C, or at once while it has no order; `poll` tells when it has."""
        self._orders.close()

    def kill(self) -> None:
        """Now, in whatever state it is."""
        self._process.kill()


class Forks(dict[str, Fork]):
    """Forks by name. A context manager: those that still run are killed at its end."""

    @classmethod
    def of(cls, names: Sequence[str], *, loaded: Iterable[str]) -> Self:
        """Load modules, then fork.

        Raises:
            RuntimeError: there are other threads, whose locks a fork could wait for in vain.
        """
        for module in loaded:
            importlib.import_module(module)
        if threading.active_count() > 1:
            raise RuntimeError(f"{threading.active_count()} threads: too late to fork")
        all_is_loaded()
        pipes = {name: _CONTEXT.Pipe(duplex=False) for name in names}
        of_parent = [ours for _, ours in pipes.values()]
        return cls((name, Fork(name, pipe, of_parent)) for name, pipe in pipes.items())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for fork in self.values():
            fork.kill()


def name_process(name: str) -> None:
    """What `top` shows of this process; the arguments of a fork are those of its parent."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _become(name: str, orders: Connection, of_parent: Iterable[Connection]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for connection in of_parent:
        connection.close()
    try:
        order: _Order = orders.recv()
    except EOFError:  # the parent has ended, or needs none
        return
    name_process(name)
    with order.log.open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    module, *options = order.command
    sys.argv = [module, *options]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(orders,), name="end-with-parent", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv()
    os.kill(os.getpid(), signal.SIGINT)
    process = multiprocessing.parent_process()
    while process is not None and os.getppid() == process.pid:  # it kills those that do not end
        time.sleep(1.0)
    time.sleep(STOP_S)
    os.kill(os.getpid(), signal.SIGKILL)
