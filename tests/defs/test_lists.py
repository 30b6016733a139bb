"""The run that filters also writes the shard lists, and only lists that changed make shards be asked for."""

import os
import shutil
from pathlib import Path

import dagster as dg

from video_assets.core.sharding import shard_keys, shard_of
from video_assets.definitions import build_defs
from video_assets.samples.demo.make import Sample
from video_assets.settings import Settings

SHARDS = shard_keys(8)
LISTS, CHECK = dg.AssetKey("shard_lists"), dg.AssetKey("decode_check")


def test_one_run_brings_a_new_clip_to_its_shard_and_to_no_other(sample: Sample, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    bring(sample, clips, "aquarium.mp4")
    defs = build_defs(Settings(data_root=tmp_path / "root", own_clips={"folder": clips}, decode={"n_shards": len(SHARDS)}))
    with dg.DagsterInstance.ephemeral() as instance:
        first = look(defs, instance, None)
        assert prepare(defs, instance) == SHARDS
        second = look(defs, instance, first.cursor)
        assert second.get_num_requested(LISTS) == 0, "they were written by the run before"
        assert prepare(defs, instance) == [], "nothing is new"
        third = look(defs, instance, second.cursor)
        assert (third.get_num_requested(LISTS), third.get_num_requested(CHECK)) == (0, 0)
        bring(sample, clips, "windmill.webm")
        changed = [shard_of("own_clips/windmill.webm", n_shards=len(SHARDS))]
        assert prepare(defs, instance) == changed
        fourth = look(defs, instance, third.cursor)
        assert fourth.get_num_requested(LISTS) == 0
        assert fourth.get_requested_partitions(CHECK) == set(changed)


def bring(sample: Sample, clips: Path, name: str) -> None:
    shutil.copy2(sample.clips / name, clips)
    (clips / name).with_suffix(".txt").write_text(f"this is {name}")
    for path in clips.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))


def prepare(defs: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """Run the job; which shard lists it reported."""
    done = defs.resolve_job_def("prepare").execute_in_process(instance=instance)
    assert done.success
    events = [event for event in done.all_events if event.is_step_materialization and event.asset_key == LISTS]
    return sorted(str(event.partition) for event in events)


def look(defs: dg.Definitions, instance: dg.DagsterInstance, cursor: object) -> dg.EvaluateAutomationConditionsResult:
    selection = dg.AssetSelection.assets(LISTS, CHECK, "size_filtered", "enriched_metadata")
    return dg.evaluate_automation_conditions(defs, instance, asset_selection=selection, cursor=cursor)
