"""One published sample for all tests of exports; they write to `exports/` of it, each to a target of its own or a copy."""

import shutil
from pathlib import Path

import pytest
from exported import published_root

from video_assets.samples.demo.make import Sample
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


@pytest.fixture(scope="module")
def published(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Settings]:
    base = tmp_path_factory.mktemp("published")
    # Its own copies: exports make links to the clips.
    shutil.copytree(sample.clips, base / "clips")
    captions = base / sample.captions.name
    shutil.copy(sample.captions, captions)
    return published_root(base / "data", base / "clips", captions)


@pytest.fixture
def own(published: tuple[Layout, Settings], tmp_path: Path) -> tuple[Layout, Settings]:
    """The published root again, without exports; free to be damaged."""
    layout, settings = published
    shutil.copytree(layout.root, tmp_path / "data", ignore=shutil.ignore_patterns("exports"))
    (tmp_path / "data" / "video_assets.toml").write_text("[decode]\nn_shards = 2\n")
    return Layout(tmp_path / "data"), settings.model_copy(update={"data_root": tmp_path / "data"})
