"""`import video_assets`: a small public surface, loaded when it is asked for, and a project of somebody else that uses it."""

import doctest
import importlib
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import video_assets
from video_assets.samples.demo.make import Sample

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_project" / "definitions.py"
HEAVY = ("av", "dagster", "pandas", "pyarrow", "pydantic_settings", "matplotlib")


@pytest.mark.parametrize("module", ["video_assets.checking.library", "video_assets.definitions", "video_assets.publish.manifest"])
def test_the_examples_in_docstrings_are_true(
    module: str, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    done = doctest.testmod(importlib.import_module(module), extraglobs={"sample": sample}, optionflags=flags)
    assert done.attempted > 0
    assert done.failed == 0


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
