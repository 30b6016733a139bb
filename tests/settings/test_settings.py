"""Settings: file, environment and options, and errors that name the field."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from video_assets.local.settings_file import remember
from video_assets.settings.model import Settings, SettingsFileError, load_settings
from video_assets.settings.problems import problems_now

ROOT = Path(__file__).parents[2]


def test_the_file_in_the_data_root_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(tmp_path))
    (tmp_path / "video_assets.toml").write_text("[decode]\nn_shards = 6\nworkers = 3\n")
    monkeypatch.setenv("VIDEO_ASSETS_DECODE__WORKERS", "1")
    settings = load_settings()
    assert (settings.data_root, settings.decode.n_shards, settings.decode.workers) == (tmp_path, 6, 1)


def test_a_typo_in_the_file_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(tmp_path))
    (tmp_path / "video_assets.toml").write_text("[decode]\nn_shard = 6\n")
    with pytest.raises(ValidationError, match="n_shard"):
        load_settings()


@pytest.mark.parametrize(
    "bad",
    [
        {"decode": {"n_shards": 0}},
        {"filter": {"max_file_size_mib": -1}},
        {"training": {"name": "a/b"}},
        {"training": {"name": "dropped"}},
        {"openvid": {"min_aesthetic": float("nan")}},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**bad)


@pytest.mark.parametrize(
    ("section", "limits", "said"),
    [
        ("select", "min_frames = 50\nmax_frames = 20", "min_frames = 50 is more than max_frames = 20"),
        ("select", "min_fps = 30\nmax_fps = 23.9", "min_fps = 30.0 is more than max_fps = 23.9"),
        (
            "select",
            "min_scores.motion = 2\nmax_scores.motion = 1",
            "min_scores 'motion' = 2.0 is more than max_scores 'motion' = 1.0",
        ),
        ("openvid", "min_seconds = 10\nmax_seconds = 5", "min_seconds = 10.0 is more than max_seconds = 5.0"),
    ],
)
def test_limits_that_no_clip_can_keep_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, limits: str, said: str
) -> None:
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(tmp_path))
    (tmp_path / "video_assets.toml").write_text(f"[{section}]\n{limits}\n")
    assert problems_now() == [f"setting {section}: {said}: no clip can be both"]


def test_limits_may_meet_and_stand_on_different_scores() -> None:
    select = Settings(select={"min_frames": 5, "max_frames": 5, "min_scores": {"a": 2}, "max_scores": {"b": 1}}).select
    assert (select.min_frames, select.max_frames) == (5, 5)


@pytest.mark.parametrize("name", ["rot13", "base64", "undefined", "klingon", "a\0b"])
def test_what_is_no_encoding_of_text_is_refused_as_a_setting(name: str) -> None:
    with pytest.raises(ValidationError, match=r"own_clips\.encoding[\s\S]*(no encoding of text|no Python codec)"):
        Settings(own_clips={"encoding": name})
    assert Settings(own_clips={"encoding": "utf-16"}).own_clips.encoding == "utf-16"


@pytest.mark.parametrize("section", ["own_clips", "hub"])
def test_endings_of_clips_have_a_dot_and_there_is_one(section: str) -> None:
    for bad in (["mp4"], [""], [], ["."], [".mp4", "*.mov"], [".mp4 "], [".a.mp4"], ["sub/.mp4"]):
        with pytest.raises(ValidationError, match=rf"{section}\.suffixes[\s\S]*(no ending of a file name|at least 1 item)"):
            Settings(**{section: {"suffixes": bad}})
    settings = Settings(**{section: {"suffixes": [".MP4", ".mp4", ".3gp"]}})
    assert getattr(settings, section).suffixes == (".mp4", ".3gp")


def test_results_do_not_go_into_the_folder_of_clips(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="folder of their own"):
        Settings(data_root=tmp_path, own_clips={"folder": tmp_path})


def test_the_size_limit_is_in_mib() -> None:
    assert Settings().filter.max_file_size_bytes == 52_428_800


def test_remembering_keeps_comments_and_other_fields(tmp_path: Path) -> None:
    path = tmp_path / "video_assets.toml"
    path.write_text("# mine\n[decode]\nworkers = 1  # the laptop is old\n")
    assert remember(path, {"decode": {"n_shards": 6}, "own_clips": {"folder": "/clips"}})
    text = path.read_text()
    assert "# mine" in text
    assert "workers = 1  # the laptop is old" in text
    assert "n_shards = 6" in text
    assert not remember(path, {"decode": {"n_shards": 6}})


@pytest.mark.parametrize(("written", "why"), [(b"[decode\n", "line 1"), (b"\xff\xfe[\x00", "byte 0xff")])
def test_a_broken_settings_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes, why: str) -> None:
    path = tmp_path / "video_assets.toml"
    path.write_bytes(written)
    with pytest.raises(SettingsFileError, match=rf"video_assets\.toml: not a TOML file.*{why}"):
        remember(path, {"decode": {"n_shards": 6}})
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(tmp_path))
    with pytest.raises(SettingsFileError, match=rf"video_assets\.toml: not a TOML file.*{why}"):
        load_settings()
    assert why in problems_now()[0]


def test_the_settings_page_is_what_the_model_says() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "generate.py"))["settings_page"]()
    assert (ROOT / "docs" / "settings.md").read_text() == page, "run `make docs`"


@pytest.mark.parametrize(
    ("sections", "product", "sources"),
    [
        ({"own_clips": {"folder": "/clips"}}, "training", ["own_clips"]),
        ({"openvid": {"is_enabled": True}}, "training", ["OpenVid1M"]),
        ({"openvid": {"is_enabled": True, "family": "hd"}}, "training", ["OpenVidHD"]),
        (
            {"openvid": {"is_enabled": True}, "miradata": {"is_enabled": True}},
            "OpenVid1M-Miradata330k",
            ["OpenVid1M", "Miradata330k"],
        ),
        ({"miradata": {"is_enabled": True, "csv": "/x/miradata_v1_9k.csv"}, "training": {"name": "x"}}, "x", ["Miradata9k"]),
    ],
)
def test_the_training_csv_is_named_after_its_sources(sections: dict[str, Any], product: str, sources: list[str]) -> None:
    settings = Settings(**sections)
    assert settings.product_name == product
    assert [source.product for source in settings.sources] == sources


def test_the_combined_csv_is_not_called_like_that_of_a_source() -> None:
    with pytest.raises(ValidationError, match=r"training.name is 'OpenVid1M', as the CSV of one source"):
        Settings(openvid={"is_enabled": True}, training={"name": "OpenVid1M"})


def test_settings_can_be_made_of_what_settings_say_of_themselves() -> None:
    settings = Settings(training={"for": ["open-sora-1.2"]})
    assert Settings(**settings.model_dump()) == settings
