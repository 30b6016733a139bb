"""`video-assets run` where nothing is new starts no job; whatever changed, and every doubt, starts all of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from command_line import command

from video_assets.exports.export import export
from video_assets.local.nothing_new import nothing_new, remember_complete
from video_assets.samples.demo.make import Sample
from video_assets.settings import load_settings
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


@pytest.fixture(scope="module")
def finished(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `clips` and a data root `root`, after a complete run."""
    folder = tmp_path_factory.mktemp("finished")
    clips = folder / "clips"
    clips.mkdir()
    for name in ("aquarium.mp4", "windmill.webm"):
        shutil.copy2(sample.clips / name, clips)
        (clips / name).with_suffix(".txt").write_text(f"this is {name}")
    for path in clips.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    done = command("run", "--clips", clips, "--data-root", folder / "root", "--shards", "2")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def settings(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of that data root, of which everything was remembered a moment ago."""
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(finished / "root"))
    settings = load_settings()
    remember_complete(settings)
    assert nothing_new(settings) is not None
    return settings


def n_runs(root: Path) -> int:
    with dg.DagsterInstance.from_config(str(root / ".dagster")) as instance:
        return instance.get_runs_count()


def test_a_second_run_says_since_when_nothing_is_new_and_starts_no_job(finished: Path) -> None:
    root = finished / "root"
    before = n_runs(root)
    first = command("run", "--data-root", root, "--json", "--every-job")
    made = n_runs(root)
    assert made > before
    again = command("run", "--data-root", root, "--json")
    told, once = json.loads(again.stdout), json.loads(first.stdout)
    assert n_runs(root) == made
    assert once.pop("nothing_new_since") is None
    assert datetime.now(UTC) - datetime.fromisoformat(told.pop("nothing_new_since")) < timedelta(hours=1)
    assert told == once
    assert "Nothing new since the complete run of" in command("run", "--data-root", root).stderr


def test_the_question_loads_no_dagster(finished: Path) -> None:
    """What it saves is loading that."""
    program = (
        "import sys; from video_assets.settings import load_settings; from video_assets.local.nothing_new import nothing_new;"
        "from video_assets.local.summary import summary_of; settings = load_settings(); remembered = nothing_new(settings);"
        "summary_of(settings); print(bool(remembered), *({'dagster', 'av', 'matplotlib'} & set(sys.modules)))"
    )
    remember_complete(Settings(data_root=finished / "root"))
    environment = {**os.environ, "VIDEO_ASSETS_DATA_ROOT": str(finished / "root")}
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment).stdout
    assert said.split() == ["True"]


def touch_clip(folder: Path) -> None:
    os.utime(folder / "clips" / "aquarium.mp4")


def new_caption(folder: Path) -> None:
    (folder / "clips" / "windmill.txt").write_text("another caption")


def new_clip(folder: Path) -> None:
    shutil.copy2(folder / "clips" / "windmill.webm", folder / "clips" / "new.webm")


def cut_csv(folder: Path) -> None:
    path = folder / "root" / "training" / "training.csv"
    path.write_bytes(path.read_bytes()[:-1])


def same_size_same_time(folder: Path) -> None:
    path = folder / "root" / "filter" / "size_filtered.parquet"
    seen, content = path.stat(), bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def excluded(folder: Path) -> None:
    (folder / "root" / "exclude.csv").write_text("clip_key,who,when\nown_clips/1.mp4,me,2026-11-28\n")


def lost_shard(folder: Path) -> None:
    next((folder / "root" / "decode" / "checked").glob("*-of-00002.parquet")).unlink()


def verdict_part(folder: Path) -> None:
    parts = folder / "root" / "decode" / "verdicts" / "00000-of-00002.parts"
    parts.mkdir(exist_ok=True)
    (parts / "x.jsonl").write_text("")


def no_history(folder: Path) -> None:
    (folder / "root" / ".dagster" / "history" / "runs" / "index.db").unlink()


def news_in_history(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder / "root" / ".dagster")) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("training_csv"))


def wiped_in_history(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder / "root" / ".dagster")) as instance:
        instance.wipe_assets([dg.AssetKey("training_csv")])


def torn_memory(folder: Path) -> None:
    path = folder / "root" / ".dagster" / "last_complete_run.json"
    path.write_text(path.read_text()[:40])


def half_a_day(folder: Path) -> None:
    path = folder / "root" / ".dagster" / "last_complete_run.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({**known, "ended": (datetime.now(UTC) - timedelta(hours=13)).isoformat()}))


def clock_set_back(folder: Path) -> None:
    path = folder / "root" / ".dagster" / "last_complete_run.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({**known, "ended": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}))


@pytest.mark.parametrize(
    "change",
    [
        touch_clip,
        new_caption,
        new_clip,
        cut_csv,
        same_size_same_time,
        excluded,
        lost_shard,
        verdict_part,
        no_history,
        news_in_history,
        wiped_in_history,
        torn_memory,
        half_a_day,
        clock_set_back,
    ],
)
def test_every_change_and_every_doubt_starts_the_jobs(
    change: Callable[[Path], None], settings: Settings, finished: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(finished, kept)
    try:
        change(finished)
        assert nothing_new(settings) is None
    finally:
        shutil.rmtree(finished)
        shutil.copytree(kept, finished)


def test_other_settings_start_the_jobs(settings: Settings) -> None:
    other = settings.model_copy(update={"filter": settings.filter.model_copy(update={"max_file_size_mib": 1.0})})
    assert nothing_new(other) is None


def test_an_export_that_is_newly_wanted_starts_the_jobs(settings: Settings) -> None:
    other = settings.model_copy(update={"exports": settings.exports.model_copy(update={"targets": ("ltx",)})})
    assert nothing_new(other) is None


def test_an_export_that_was_removed_starts_the_jobs(settings: Settings, finished: Path) -> None:
    wanted = settings.model_copy(update={"exports": settings.exports.model_copy(update={"targets": ("ltx",)})})
    folder = export(Layout(finished / "root"), wanted, "ltx").folder
    remember_complete(wanted)
    assert nothing_new(wanted) is not None
    shutil.rmtree(folder)
    assert nothing_new(wanted) is None


def test_what_the_product_was_not_made_from_is_not_remembered(settings: Settings, finished: Path, tmp_path: Path) -> None:
    """A shard that another run changed between publishing and remembering: the fingerprint would call it old."""
    kept = tmp_path / "kept"
    shutil.copytree(finished, kept)
    try:
        manifest = finished / "root" / "training" / "training.manifest.json"
        made_from = json.loads(manifest.read_text())
        made_from["inputs"]["decode_check"]["00000-of-00002"] = "0" * 32
        manifest.write_text(json.dumps(made_from))
        remember_complete(settings)
        assert nothing_new(settings) is None
    finally:
        shutil.rmtree(finished)
        shutil.copytree(kept, finished)


def test_a_run_with_clips_left_out_is_remembered(settings: Settings, finished: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(finished, kept)
    try:
        exclusions = finished / "root" / "exclude.csv"
        exclusions.write_text("clip_key,why,when\nown_clips/aquarium.mp4,,\n")
        assert command("run", "--data-root", finished / "root").returncode == 0
        assert nothing_new(settings) is not None
        exclusions.write_text("clip_key,why,when\n")
        assert nothing_new(settings) is None
        remember_complete(settings)
        assert nothing_new(settings) is None  # the product was made without that clip
    finally:
        shutil.rmtree(finished)
        shutil.copytree(kept, finished)
