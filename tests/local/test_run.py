"""A run beside another one: what that lists meanwhile is taken in."""

from pathlib import Path

import pytest
from media_factory import make_clip

from video_assets.local.run import run
from video_assets.progress import no_progress
from video_assets.settings import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_that_is_overtaken_begins_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    for name in ("DAGSTER_HOME", "VIDEO_ASSETS_DATA_ROOT"):
        monkeypatch.setenv(name, "")
    layout, folder, said = Layout(tmp_path / "data"), tmp_path / "clips", list[str]()
    own = {"folder": str(folder), "settle_s": 0}
    settings = Settings(
        data_root=layout.root, own_clips=own, decode={"n_shards": 1, "workers": 1}, training={"duplicates": "keep"}
    )
    add(folder, "first")

    def say(words: str) -> None:
        said.append(words)
        if words == "job publish" and said.count(words) <= times:  # as the sensor of a UI does
            add(folder, f"clip {len(said)}")
            refresh_own_clips(layout, settings)

    summary = run(settings, terminal=no_progress, say=say)
    assert said.count("another run has listed or measured clips meanwhile: once more") == 1
    assert said.count("job publish") == 2
    if times == 1:
        assert summary.error == ""
        assert len((layout.training / "training.csv").read_text().splitlines()) == 3
    else:
        assert "enriched_metadata was made from another listing of own_clips" in summary.error


def add(folder: Path, name: str) -> None:
    make_clip(folder / f"{name}.mp4").with_suffix(".txt").write_text(name)
