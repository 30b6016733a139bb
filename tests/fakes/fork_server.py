"""Processes that are forked from one which has imported the libraries already; all xdist workers share it.

Each worker's own would spend two seconds on the same imports.
"""

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

# Only what reads no setting while it is imported (huggingface_hub does, for one).
_LIBRARIES = [
    "command_line",
    "dagster._core.storage.sqlite_storage",
    "video_assets.local.run",
    "video_assets.report.report",
    "video_assets.report.plots",
]
_ADDRESS = "TESTS_FORK_SERVER"
# Python shares a fork server with processes forked from it only, which xdist's are not.
_SERVER = forkserver._forkserver


def start() -> None:
    """Start it, in the process that will start the workers; it ends with that process."""
    _SERVER.set_forkserver_preload(_LIBRARIES)
    _SERVER.ensure_running()
    os.environ[_ADDRESS] = _SERVER._forkserver_address


def forks() -> BaseContext:
    """What makes processes: forks of the server that the parent has started, else of one that begins now."""
    if _ADDRESS in os.environ and _SERVER._forkserver_address is None:
        _SERVER._forkserver_address = os.environ[_ADDRESS]
        _SERVER._forkserver_alive_fd = os.open(os.devnull, os.O_RDONLY)
        _SERVER.ensure_running = lambda: None  # it is there
    _SERVER.set_forkserver_preload(_LIBRARIES)
    return multiprocessing.get_context("forkserver")
