"""Loads the definitions and starts runs, as forks: `python -m video_assets.local.definitions_server api grpc` and its options.

Dagster's own starts a new interpreter for each run, which loads Dagster, pandas and this package again: two thirds of what a run
costs that decodes nothing. Here one process has loaded them before, has no threads, and is forked. Settings are read in the fork.
Belongs here: how runs are started on one machine. Does not belong here: what is loaded before (`preloaded`), when this is
started anew (`code_server`).
"""

import multiprocessing
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import connection, forkserver
from typing import Any

from dagster._cli import main as dagster_main
from dagster._grpc import server

from video_assets.interpreter import all_is_loaded, settle
from video_assets.local.forks import name_process

_FOR_RUNS = ["video_assets.local.preloaded"]


class ForkingServer(server.DagsterApiServer):
    """Dagster's code server with another way to start processes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(_FOR_RUNS)  # for one that is started anew
        self._mp_ctx = forks  # type: ignore[assignment]


def entry_point(executable_path: str) -> Sequence[str]:
    """What is started in the place of `python -m dagster`."""
    return [executable_path, "-m", "video_assets.local.definitions_server"]


def fork_the_fork_server() -> None:
    """Make Python's fork server now, of this process: it would start as a new interpreter, and load Dagster again.

    What runs need besides is loaded when the first one starts. Call it before there are threads.
    """
    import_module("dagster._core.storage.sqlite_storage")
    all_is_loaded()
    if threading.active_count() > 1:
        return  # their locks would never be free in a fork; a fork server is started in the usual way
    address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
    alive_r, alive_w = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        os.chmod(address, 0o600)  # noqa: PTH101 - a socket
        listener.listen()
        pid = os.fork()
        if pid == 0:
            os.close(alive_w)
            _serve_forks(listener, alive_r)
    os.close(alive_r)
    # What `ensure_running` of Python 3.11 to 3.13 sets when it has started one; there is no public way.
    for name, value in {"address": address, "alive_fd": alive_w, "pid": pid}.items():
        setattr(forkserver._forkserver, f"_forkserver_{name}", value)  # noqa: SLF001


def _serve_forks(listener: socket.socket, alive_r: int) -> None:
    """Fork runs until nobody is left to ask for one; does not return."""
    try:
        name_process("runs")
        asked, _, _ = select.select([listener, alive_r], [], [])
        if listener in asked:
            forkserver.main(listener.detach(), alive_r, _FOR_RUNS)
    except Exception:  # noqa: BLE001 - whatever it is, it is said before the end
        traceback.print_exc()
    finally:  # the code of the parent, further up, must not go on in this process
        sys.stderr.flush()
        os._exit(0)


def main() -> None:
    """Serve until told to stop."""
    settle()
    fork_the_fork_server()
    server.DagsterApiServer = ForkingServer  # what Dagster's command makes
    dagster_main()


if __name__ == "__main__":
    main()
