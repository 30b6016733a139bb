"""Clips to training CSV through the command line, as users run it: first run, second run, kills, changes, bad input."""

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import command, killed

from video_assets.look.catalogue import prepare
from video_assets.samples.demo.make import EXPECTED, SAMPLE_MAX_FILE_SIZE_MIB, Sample
from video_assets.settings.model import load_settings
from video_assets.storage.layout import Layout

README = Path(__file__).parents[2] / "README.md"
COLUMNS = ["path", "text", "num_frames", "height", "width", "aspect_ratio", "fps", "resolution", "file_size"]

pytestmark = pytest.mark.slow(8)


def run(sample: Sample, data_root: Path, *more: object) -> dict[str, Any]:
    """`video-assets run` on the sample's files, as own clips."""
    limit = ["--max-file-size-mib", SAMPLE_MAX_FILE_SIZE_MIB]
    own = ["--clips", sample.clips, "--captions", sample.captions]
    done = command("run", *own, "--data-root", data_root, "--json", *limit, *more, check=True)
    return json.loads(done.stdout)


def fates(data_root: Path) -> dict[str, str]:
    """What became of every clip, by clip key."""
    layout = Layout(data_root)
    dropped = pd.read_parquet(layout.dropped)
    kept = pd.read_csv(layout.training_csv("training"))["path"]
    return {
        **{f"{row.clip_key}": f"{row.stage}: {row.reason}" for row in dropped.itertuples()},
        **dict.fromkeys(kept, "kept"),
    }


@pytest.fixture(scope="module")
def first(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of one finished run."""
    data_root = tmp_path_factory.mktemp("first") / "data"
    data_root.mkdir()
    (data_root / "video_assets.toml").write_text("[look]\nis_prepared = true\n")
    summary = run(sample, data_root, "--shards", 5)
    assert summary["error"] == ""
    return data_root


def test_every_clip_of_the_sample_becomes_what_is_expected(first: Path, sample: Sample) -> None:
    found = fates(first)
    for name, expected in EXPECTED.items():
        key = str(sample.clips / name) if expected == "kept" else f"own_clips/{name}"
        assert found.get(key, "not there") == expected, name


def test_what_the_page_reads_at_its_start_is_there(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(first)
    assert sorted(layout.look_tables.glob("*/*.arrow"))
    before = {path: path.stat().st_mtime_ns for path in layout.look_tables.glob("*/*")}
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(first))
    monkeypatch.setattr("video_assets.look.catalogue.build", None)  # not called
    monkeypatch.setattr("video_assets.look.catalogue.write_words", None)
    assert prepare(layout, load_settings()) == ""
    assert {path: path.stat().st_mtime_ns for path in layout.look_tables.glob("*/*")} == before


def test_the_csv_has_the_trainers_columns_and_reads_back(first: Path) -> None:
    path = Layout(first).training_csv("training")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == COLUMNS
    table = pd.read_csv(path, keep_default_na=False)
    assert len(table) == len(rows) - 1
    assert (table["aspect_ratio"] == table["height"] / table["width"]).all()
    assert (table["resolution"] == table["height"] * table["width"]).all()
    assert all(Path(row.path).stat().st_size == row.file_size for row in table.itertuples())
    assert "None" in set(table["text"])  # a caption, not a missing value


def test_the_readme_shows_what_the_program_gives(first: Path) -> None:
    readme = README.read_text(encoding="utf-8")
    with Layout(first).training_csv("training").open(newline="") as file:
        rows = [" | ".join(row) for row in csv.reader(file)]
    shown = [line.strip("| ") for line in readme.splitlines() if line.startswith("| …/")]
    assert len(shown) == 3
    for row in shown:  # the bytes of a file depend on the encoder's version
        assert any(re.fullmatch(_as_pattern(row.rpartition(" | ")[0]) + r" \| \d+", each) for each in rows), row
    asked, *answer = readme.partition("$ video-assets why ")[2].partition("```")[0].strip().splitlines()
    said = command("why", asked.split()[0], "--data-root", first).stdout.splitlines()
    for line in answer:
        assert any(re.fullmatch(_as_pattern(line), each) for each in said), line


def _as_pattern(shown: str) -> str:
    """A line of the README, where … stands for anything, and sizes for those of the encoder at hand."""
    return re.sub(r"\d+\\\.\d\\ KiB", r"[\\d.]+\\ KiB", re.escape(shown)).replace("…", ".*")


def test_a_second_run_opens_no_clip_and_writes_the_same_bytes(first: Path, sample: Sample, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (first / "training").iterdir() if path.is_file()}
    trace = tmp_path / "opened"
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    line = [sys.executable, "-m", "video_assets.cli.app", "run", "--data-root", str(first), "--json", "--every-job"]
    subprocess.run(["strace", "-f", "-e", "trace=openat,open", "-o", trace, *line], check=True, capture_output=True)
    opened = [line for line in trace.read_text().splitlines() if str(sample.clips) in line and "O_DIRECTORY" not in line]
    media = [line for line in opened if ".mp4" in line or ".webm" in line or ".mkv" in line or ".mov" in line or ".avi" in line]
    assert media == []
    assert {path: path.read_bytes() for path in before} == before


def test_two_runs_from_nothing_write_the_same_bytes_whatever_the_number_of_shards_and_workers(
    first: Path, sample: Sample, tmp_path: Path
) -> None:
    run(sample, tmp_path / "data", "--shards", 2, "--workers", 1)
    for name in ("training.csv", "training.parquet", "dropped.parquet"):
        assert (tmp_path / "data" / "training" / name).read_bytes() == (first / "training" / name).read_bytes()


@pytest.mark.slow(55)
@pytest.mark.timeout(2400)
def test_killed_at_any_moment_and_started_again_it_writes_the_same_bytes(first: Path, sample: Sample, tmp_path: Path) -> None:
    data_root = tmp_path / "data"
    line = ["run", "--clips", sample.clips, "--captions", sample.captions, "--data-root", data_root, "--shards", "5"]
    moments = random.Random(0)
    for _ in range(6):
        killed(moments.uniform(1.0, 8.0), *line, "--max-file-size-mib", SAMPLE_MAX_FILE_SIZE_MIB)
    assert run(sample, data_root, "--shards", 5)["error"] == ""
    for name in ("training.csv", "training.parquet", "dropped.parquet"):
        assert (data_root / "training" / name).read_bytes() == (first / "training" / name).read_bytes()


def test_ctrl_c_leaves_everything_resumable(sample: Sample, tmp_path: Path, first: Path) -> None:
    data_root = tmp_path / "data"
    line = [sys.executable, "-m", "video_assets.cli.app", "run", "--clips", sample.clips, "--captions", sample.captions]
    line += ["--data-root", data_root, "--shards", "5", "--max-file-size-mib", str(SAMPLE_MAX_FILE_SIZE_MIB)]
    told = []
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        for text in process.stderr:
            told.append(text)
            if "job decode" in text:
                os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 130, "".join(told)
    assert "the same command goes on from here" in told[-1]
    assert "Traceback" not in "".join(told)
    run(sample, data_root, "--shards", 5)
    assert (data_root / "training" / "training.csv").read_bytes() == (first / "training" / "training.csv").read_bytes()


def test_new_changed_and_removed_clips_are_taken_up(sample: Sample, tmp_path: Path) -> None:
    clips, data_root = tmp_path / "clips", tmp_path / "data"
    clips.mkdir()
    for name in ("aquarium.mp4", "moonlight.mp4"):
        shutil.copy2(sample.clips / name, clips / name)
        (clips / name).with_suffix(".txt").write_text(name)
    data_root.mkdir()
    (data_root / "video_assets.toml").write_text("[own_clips]\nsettle_s = 0\n")  # the captions are only just written
    arguments = ["run", "--clips", clips, "--data-root", data_root, "--shards", "2", "--json"]
    assert json.loads(command(*arguments, check=True).stdout)["kept"] == 2
    shutil.copy2(sample.clips / "mountains.mp4", clips / "new.mp4")
    (clips / "new.txt").write_text("new")
    shutil.copy2(sample.clips / "broken/half-downloaded.mp4", clips / "moonlight.mp4")
    (clips / "aquarium.mp4").unlink()
    summary = json.loads(command(*arguments, check=True).stdout)
    assert summary["kept"] == 1
    assert summary["dropped"] == {"own_clips": {"gone": 1}, "decode_check": {"truncated": 1}}


def test_a_run_without_clips_says_what_to_give(tmp_path: Path) -> None:
    done = command("run", "--data-root", tmp_path)
    assert done.returncode == 2
    assert "--clips" in done.stderr
    assert "--sample" in done.stderr


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    done = command("run", "--clips", tmp_path / "nowhere", "--data-root", tmp_path / "data")
    assert done.returncode == 2, "wrong usage, said before anything is saved"
    assert str(tmp_path / "nowhere") in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
