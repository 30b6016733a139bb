"""A run beside another one: what that lists meanwhile is taken in."""

from pathlib import Path

import pytest
from hub_server import FakeHub
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
    assert sum("has changed meanwhile" in words for words in said) == 1
    assert said.count("job publish") == 2
    if times == 1:
        assert summary.error == ""
        assert len((layout.training / "training.csv").read_text().splitlines()) == 3
    else:
        assert "enriched_metadata was made from another listing of own_clips" in summary.error


def test_a_file_that_two_sources_list_is_said_at_once_with_both_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, captions, said = make_clip(tmp_path / "a.mp4"), tmp_path / "better.csv", list[str]()
    root = tmp_path / "data"
    captions.write_text(f"path,text\n{root}/clips/hub/files/train/a.mp4,better\n")
    own = {"captions": str(captions), "root": str(tmp_path), "settle_s": 0}
    with FakeHub() as hub:
        hub.commit("me/clips", {"train/a.mp4": clip.read_bytes(), "train/metadata.csv": b"file_name,text\na.mp4,first\n"})
        for name, value in {"DAGSTER_HOME": "", "VIDEO_ASSETS_DATA_ROOT": "", "HF_ENDPOINT": hub.endpoint}.items():
            monkeypatch.setenv(name, value)
        settings = Settings(
            data_root=root,
            own_clips=own,
            hub={"is_enabled": True, "repo": "me/clips"},
            decode={"n_shards": 1, "workers": 1},
            training={"duplicates": "keep"},
        )
        summary = run(settings, terminal=no_progress, say=said.append)
    assert said == ["job prepare", "job decode", "job publish"]
    both = "hub/train/a.mp4 and own_clips/data/clips/hub/files/train/a.mp4"
    assert f"1 file listed as more than one clip, first '{root}/clips/hub/files/train/a.mp4': {both}. " in summary.error
    assert "Have one source list it, or name all but one in exclude.csv" in summary.error


def add(folder: Path, name: str) -> None:
    make_clip(folder / f"{name}.mp4").with_suffix(".txt").write_text(name)
