"""`import video_assets`: a small public surface, loaded when it is asked for, and a project of somebody else that uses it."""

import doctest
import importlib
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import video_assets
from video_assets.samples.demo.make import Sample

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "own_project" / "definitions.py"
HEAVY = ("av", "dagster", "pandas", "pyarrow", "pydantic_settings", "matplotlib")


PUBLIC = ("video_assets.checking.library", "video_assets.definitions", "video_assets.publish.manifest")
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "video_assets").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_the_examples_in_docstrings_are_true(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    assert set(PUBLIC) <= set(WITH_EXAMPLES)
    for module in WITH_EXAMPLES:
        done = doctest.testmod(importlib.import_module(module), extraglobs={"sample": sample}, optionflags=flags)
        assert done.attempted > 0, module
        assert done.failed == 0, module


def test_the_package_loads_nothing_until_it_is_asked() -> None:
    program = f"import sys, video_assets; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(video_assets.__all__) <= set(dir(video_assets))
    assert all(callable(getattr(video_assets, name)) for name in video_assets.__all__)
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = video_assets.nothing_of_that_name


def test_a_project_of_its_own_takes_the_assets_in(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name, words in (("aquarium.mp4", "a fish tank"), ("windmill.webm", "sails")):
        shutil.copy2(sample.clips / name, clips)
        (clips / name).with_suffix(".txt").write_text(words)
    monkeypatch.setenv("CLIPS", str(clips))
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("VIDEO_ASSETS_OWN_CLIPS__SETTLE_S", "0")
    defs: dg.Definitions = runpy.run_path(str(EXAMPLE))["defs"]
    dg.Definitions.validate_loadable(defs)
    with dg.DagsterInstance.ephemeral() as instance:
        shards = {"dagster/asset_partition_range_start": "00000-of-00004", "dagster/asset_partition_range_end": "00003-of-00004"}
        for job, tags in (("prepare", {}), ("shard", shards), ("decode", shards), ("publish", {})):
            assert defs.resolve_job_def(job).execute_in_process(instance=instance, tags=tags).success, job
        job = defs.resolve_implicit_global_asset_job_def()
        theirs = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("caption_lengths")])
    metadata = theirs.asset_materializations_for_node("caption_lengths")[0].metadata
    assert (metadata["clips"].value, metadata["longest"].value, metadata["shortest"].value) == (2, 11, 5)


def test_the_sensor_of_all_conditions_leaves_other_assets_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    defs: dg.Definitions = runpy.run_path(str(EXAMPLE))["defs"]
    graph = defs.resolve_asset_graph()
    sensor = defs.get_repository_def().get_sensor_def("automation")
    watched = sensor.asset_selection.resolve(graph)
    assert dg.AssetKey("training_csv") in watched
    assert dg.AssetKey("caption_lengths") not in watched


def test_a_component_in_a_defs_folder_builds_the_assets_of_its_settings(tmp_path: Path) -> None:
    project = tmp_path / "project"
    folder = project / "team" / "defs" / "clips"
    folder.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "team"\nregistry_modules = []\n'
    )
    for module in (project / "team", project / "team" / "defs"):
        (module / "__init__.py").write_text("")
    (folder / "defs.yaml").write_text(
        f"type: video_assets.VideoDataset\nattributes:\n  data_root: {tmp_path}/root\n  own_clips: {{folder: {tmp_path}/clips}}\n"
        "  decode: {n_shards: 5}\n"
    )
    program = (
        "from pathlib import Path\nimport dagster as dg\n"
        "defs = dg.load_from_defs_folder(path_within_project=Path('team'))\n"
        "keys = sorted(key.to_user_string() for key in defs.resolve_all_asset_keys())\n"
        "print(len(keys), len(defs.resolve_assets_def('decode_check').partitions_def.get_partition_keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["7", "5"]
    wrong = folder / "defs.yaml"
    wrong.write_text(wrong.read_text().replace("n_shards", "n_shard"))
    refused = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "n_shard" in refused.stderr


@pytest.mark.parametrize("arguments", [("check", "defs"), ("list", "defs")])
def test_dagsters_own_command_works_in_the_checkout(arguments: tuple[str, ...], tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "VIDEO_ASSETS_DATA_ROOT": str(tmp_path),
        "VIDEO_ASSETS_OWN_CLIPS__FOLDER": str(tmp_path / "clips"),
    }
    dg_command = Path(sys.executable).with_name("dg")
    environment["PATH"] = f"{dg_command.parent}:{environment['PATH']}"
    done = subprocess.run([dg_command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "training_csv" in done.stdout or "successfully" in done.stdout
