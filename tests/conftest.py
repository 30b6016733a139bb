"""What all tests share: a clean environment and the built-in sample, made once per test run."""

import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import hypothesis
import pytest

from video_assets.samples.demo.make import Sample, make_sample

# A busy machine makes single examples slow; what is too slow altogether ends by pytest-timeout.
hypothesis.settings.register_profile("shared", deadline=None, max_examples=50)
hypothesis.settings.load_profile("shared")


def pytest_configure() -> None:
    """Ctrl-C works also where a shell runs the tests in the background: it ignores SIGINT there, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # after -m and -k have taken tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests on every worker: most of their time is waiting for Dagster's daemon."""
    items[:] = longest_first(items, n_workers=getattr(config, "workerinput", {}).get("workercount", 1))


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


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The built-in sample, read-only; one for all xdist workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return make_sample(shared / "built-in-sample")
