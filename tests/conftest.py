"""What all tests share: a clean environment and the built-in sample, made once per test run."""

import os

import hypothesis
import pytest

from video_assets.io.sample import Sample, make_sample

# A busy machine makes single examples slow; what is too slow altogether ends by pytest-timeout.
hypothesis.settings.register_profile("shared", deadline=None, max_examples=50)
hypothesis.settings.load_profile("shared")


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
