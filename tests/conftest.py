"""What all tests share: a clean environment and the built-in sample, encoded once."""

import contextlib
import gc
import hashlib
import os
import platform
import shutil
import signal
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import fork_server
import hypothesis
import numpy as np
import pytest
from once_per_run import once_per_run

import video_assets
from video_assets.samples.demo.make import Sample, make_sample

_GC_THRESHOLDS = (10_000, 10, 10)  # Python's own 700 is for small programs: a twentieth of the tests' work

# A busy machine makes single examples slow; what is too slow altogether ends by pytest-timeout.
hypothesis.settings.register_profile("shared", deadline=None, max_examples=50)
hypothesis.settings.load_profile("shared")


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C works also where a shell runs the tests in the background: it ignores SIGINT there, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("numprocesses", None):
        fork_server.start()


@pytest.hookimpl(trylast=True)  # after -m and -k have taken tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests on every worker: most of their time is waiting for Dagster's daemon."""
    items[:] = longest_first(items, n_workers=getattr(config, "workerinput", {}).get("workercount", 1))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded now stays until the end: the garbage collector need not look through it, now and in every test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def longest_first(items: list[pytest.Item], *, n_workers: int) -> list[pytest.Item]:
    """The tests in the order in which `--dist worksteal` has the long ones run first, side by side.

    It gives every worker a contiguous part to begin with, all of one size, and an idle worker takes from the end of another's.
    """
    others = iter([item for item in items if not _seconds(item)])
    heads: list[list[pytest.Item]] = [[] for _ in range(n_workers)]
    # A module's tests stay together: they share fixtures that cost as much as they do.
    modules = defaultdict(list)
    for item in items:
        modules[item.path] += [item] if _seconds(item) else []
    for module in sorted(modules.values(), key=_total, reverse=True):
        min(heads, key=_total).extend(module)
    ordered: list[pytest.Item] = []
    for number, head in enumerate(heads):
        size = (len(items) - len(ordered)) // (n_workers - number)
        ordered += [*head, *islice(others, max(0, size - len(head)))]
    return [*ordered, *others]


def _total(items: list[pytest.Item]) -> int:
    return sum(map(_seconds, items))


def _seconds(item: pytest.Item) -> int:
    marker = item.get_closest_marker("slow")
    return marker.args[0] if marker else 0


@pytest.fixture(scope="session", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of `make run` in this folder (data/video_assets.toml, of the data root that is used unless told) are not read."""
    with contextlib.chdir(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting and no Dagster home of the developer's machine leaks into a test."""
    for name in list(os.environ):
        if name.startswith("VIDEO_ASSETS_") or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _migrations_are_read_once() -> None:
    """As the program does: each of hundreds of runs gets a database."""
    from video_assets.local.migrations import read_once

    read_once()


@pytest.fixture(autouse=True)
def _usual_garbage_collection() -> None:
    """What a test leaves open is found in that test, also when code of it has asked for less (`interpreter.settle`)."""
    gc.set_threshold(*_GC_THRESHOLDS)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Sample:
    """The built-in sample, read-only; one for all xdist workers.

    A copy of what pytest's cache keeps from an earlier test run, as long as the code and the libraries that encode it stay.
    """
    encoded = make_sample(pytestconfig.cache.mkdir("built-in-sample") / _encoder())

    def copy(folder: Path) -> None:
        shutil.copytree(encoded.clips, folder)

    return make_sample(once_per_run(tmp_path_factory, "built-in-sample", copy))


def _encoder() -> str:
    """A name for what decides the sample's bytes."""
    package = Path(video_assets.__file__).parent
    sources = [*(package / "samples" / "demo").glob("*.py"), *(package / "media" / "making").glob("*.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources)))
    digest.update(repr([platform.machine(), av.__version__, av.library_versions, np.__version__]).encode())
    return digest.hexdigest()[:16]
