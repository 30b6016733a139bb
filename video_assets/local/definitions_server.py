"""Loads the definitions and starts runs, as forks: `python -m video_assets.local.definitions_server api grpc` and its options.

Dagster's own starts a new interpreter for each run, which loads Dagster, pandas and this package again: two thirds of what a run
costs that decodes nothing. Here one process has loaded them before, has no threads, and is forked. Settings are read in the fork.
Belongs here: how runs are started on one machine. Does not belong here: what is loaded before (`preloaded`), when this is
started anew (`code_server`).
"""

import multiprocessing
from collections.abc import Sequence
from typing import Any

from dagster._cli import main as dagster_main
from dagster._grpc import server

from video_assets.interpreter import settle


class ForkingServer(server.DagsterApiServer):
    """Dagster's code server with another way to start processes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["video_assets.local.preloaded"])
        self._mp_ctx = forks  # type: ignore[assignment]


def entry_point(executable_path: str) -> Sequence[str]:
    """What is started in the place of `python -m dagster`."""
    return [executable_path, "-m", "video_assets.local.definitions_server"]


def main() -> None:
    """Serve until told to stop."""
    settle()
    server.DagsterApiServer = ForkingServer  # what Dagster's command makes
    dagster_main()


if __name__ == "__main__":
    main()
