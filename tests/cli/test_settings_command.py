"""Options that are wrong are refused before anything is saved or started; settings are shown, set and unset."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import command

from video_assets.samples.demo.make import Sample


@pytest.fixture
def clips(sample: Sample, tmp_path: Path) -> Path:
    folder = tmp_path / "my clips"
    folder.mkdir()
    shutil.copy2(sample.clips / "aquarium.mp4", folder)
    return folder


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["decode.retries", "-1"], "setting decode.retries must be at least 0, and is -1"),
        (["decode.retries", "--jsn"], "no such option: --jsn"),
        (["-j"], "no such option: -j"),
    ],
)
def test_a_negative_number_is_a_value_and_no_option(tmp_path: Path, given: list[str], said: str) -> None:
    done = command("settings", *given, "--data-root", tmp_path)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clips", "mistyped"], "no such folder of clips"),
        (["--captions", ""], "--no-captions"),
        (["--captions", "mistyped.csv"], "no such captions table"),
        (["--clips", "CLIPS"], "no clip has a caption"),
        (["--clips", "CLIPS", "--captions", "TABLE"], "text"),
        (["--clips", "CLIPS", "--no-clips"], "own_clips.folder is given and to be forgotten"),
        (["--clips", "CLIPS", "--sample"], "--sample brings clips and captions of its own"),
    ],
)
def test_a_wrong_option_is_said_at_once_and_not_saved(clips: Path, tmp_path: Path, options: list[str], said: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text("path,something\naquarium.mp4,a fish tank\n")
    given = [{"CLIPS": str(clips), "TABLE": str(table)}.get(option, option) for option in options]
    root = tmp_path / "root"
    done = command("run", "--data-root", root, *given)
    assert done.returncode == 2
    assert said in done.stderr
    assert not root.exists()
    assert "job" not in done.stderr


def test_a_table_that_lies_in_the_folder_and_was_not_named_is_asked_about(clips: Path, tmp_path: Path) -> None:
    table = clips / "my captions.csv"
    table.write_text("path,text\naquarium.mp4,a fish tank\n")
    done = command("run", "--data-root", tmp_path / "root", "--clips", clips)
    assert done.returncode == 2
    assert f"or give a table (--captions, setting own_clips.captions) (is it '{table}'?)" in done.stderr
    assert not (tmp_path / "root").exists()


def test_settings_are_shown_with_their_origin_set_and_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_ASSETS_DECODE__WORKERS", "3")
    root = ("--data-root", tmp_path)
    assert command("settings", "decode.n_shards", "6", *root).returncode == 0
    shown = {setting["key"]: setting for setting in json.loads(command("settings", "decode", "--json", *root).stdout)}
    assert (shown["decode.n_shards"]["value"], shown["decode.n_shards"]["origin"]) == (6, str(tmp_path / "video_assets.toml"))
    assert (shown["decode.workers"]["value"], shown["decode.workers"]["origin"]) == (3, "$VIDEO_ASSETS_DECODE__WORKERS")
    assert shown["decode.retries"]["origin"] == "default"
    assert "decode.n_shards = 6" in command("settings", "decode.n_shards", *root).stdout
    assert "decode.n_shards = 24  (default)" in command("settings", "decode.n_shards", "--unset", *root).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["decode.n_shard", "6"], "did you mean decode.n_shards?"),
        (["n_shards"], "did you mean decode.n_shards?"),
        (["decode.n_shards", "many"], "decode.n_shards must be a whole number, and is 'many'"),
        (["decode.n_shards", "0"], "decode.n_shards must be at least 1"),
        (["automation.is_enabled", "maybe"], "must be true or false"),
        (["own_clips.folder", "/no/such/folder"], "no such folder of clips"),
        (["--unset"], "--unset takes a key"),
    ],
)
def test_a_setting_that_would_not_work_is_not_saved(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = command("settings", *arguments, "--data-root", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_typo_in_the_file_names_the_nearest_setting(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("[decode]\nn_shard = 6\n")
    done = command("settings", "--data-root", tmp_path)
    assert done.returncode == 2
    assert "there is no setting 'decode.n_shard'" in done.stderr
    assert "did you mean decode.n_shards?" in done.stderr


def test_the_old_spelling_of_a_switch_still_works_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("[openvid]\nenabled = true\n")
    done = command("settings", "openvid.is_enabled", "--data-root", tmp_path)
    assert "openvid.is_enabled = true" in done.stdout
    assert "is now called 'is_enabled'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["why", "x.mp4"], ["ui", "--read-only"], ["diff", "1", "2"], ["clean-up"], ["shards"], ["takedown", "request.txt", "--yes"]],
)
def test_a_mistyped_data_root_is_said_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("request.txt").write_text("aquarium.mp4\n")
    done = command(*arguments, "--data-root", tmp_path / "mistyped")
    assert done.returncode == 2
    assert "is no data root" in done.stderr
    assert not (tmp_path / "mistyped").exists()


def test_a_data_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("")
    done = command("run", "--data-root", tmp_path / "clip.mp4")
    assert done.returncode == 2
    assert f"{tmp_path}/clip.mp4 is a file: --data-root takes a folder" in done.stderr


def test_without_a_source_there_is_nothing_to_probe(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("")
    done = command("probe-new", "--data-root", tmp_path)
    assert done.returncode == 1
    assert "no source of clips is set: `video-assets settings own_clips.folder FOLDER`" in done.stderr


def test_what_the_system_refuses_names_the_file_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("")
    missing = command("takedown", tmp_path / "request.txt", "--data-root", tmp_path)
    assert missing.returncode == 1
    assert f"{tmp_path}/request.txt" in missing.stderr
    assert "Errno" not in missing.stderr
    refused = command("settings", "decode.n_shards", "6", "--data-root", "/proc/data")
    assert refused.returncode == 1
    assert "/proc/data" in refused.stderr
    assert "Errno" not in refused.stderr


def test_a_run_that_did_nothing_does_not_say_that_something_is_kept(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "notes.txt").write_text("no clip at all")
    done = command("run", "--clips", clips, "--data-root", tmp_path / "root")
    assert done.returncode == 1
    assert "job prepare failed: " in done.stderr
    assert "kept" not in done.stderr


def test_a_variable_that_is_no_section_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_ASSETS_SLURM", "/some/folder")
    done = command("settings", "--data-root", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: VIDEO_ASSETS_SLURM is set in the environment and is no section of settings: unset it")
