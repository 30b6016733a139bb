"""The night asks for shards that are not complete, whatever became of them, and for no others."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from data_roots import Clip, fill

from video_assets.core.sharding import shard_keys, shard_of
from video_assets.definitions import build_defs
from video_assets.storage.stages import dropped_path

CLIPS = [Clip(f"{number}.mp4") for number in range(30)]
SHARDS = shard_keys(4)
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
NOTHING = "nothing to check: every shard that has a list is complete"


@pytest.fixture
def instance(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


class Night:
    """A data root whose shards are all complete, and what the schedule says about it."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.layout, self.settings = fill(root, CLIPS, decode={"n_shards": len(SHARDS)})

    def asks(self, **settings: object) -> list[dg.RunRequest] | str:
        """Its run requests, or why there are none."""
        self.defs = build_defs(self.settings.model_copy(update=settings))
        repository = self.defs.get_repository_def()
        time = datetime(2026, 1, 1, 3, tzinfo=UTC)
        with dg.build_schedule_context(self.instance, scheduled_execution_time=time, repository_def=repository) as context:
            told = repository.get_schedule_def("nightly_decode").evaluate_tick(context)
        return told.run_requests or told.skip_message

    def run(self, request: dg.RunRequest) -> bool:
        """Run what was asked for."""
        job = self.defs.resolve_job_def("decode")
        return job.execute_in_process(instance=self.instance, tags=request.tags, partition_key=request.partition_key).success

    def undo(self, *shards: str) -> None:
        """As if the check of these had been cut off before its last step."""
        for shard in shards:
            self.layout.checked(shard).unlink()
            dropped_path(self.layout.checked(shard)).unlink()


def test_a_night_without_open_shards_starts_nothing(tmp_path, instance):
    assert Night(tmp_path / "data", instance).asks() == NOTHING


def test_shards_that_were_cut_off_are_asked_for_and_then_complete(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    night.undo(SHARDS[0], SHARDS[1], SHARDS[3])
    (request,) = night.asks()
    assert (request.tags[FIRST], request.tags[LAST]) == (SHARDS[0], SHARDS[3]), "one run, whatever lies in between"
    whole = night.layout.checked(SHARDS[2])
    before = whole.stat().st_mtime_ns, whole.stat().st_ino
    assert night.run(request)
    assert (whole.stat().st_mtime_ns, whole.stat().st_ino) == before
    assert night.asks() == NOTHING


def test_a_shard_without_a_list_between_them_is_left_out(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    night.undo(SHARDS[0], SHARDS[1], SHARDS[3])
    night.layout.shard_list(SHARDS[2]).unlink()
    night.layout.shard_origin(SHARDS[2]).unlink()
    asked = night.asks()
    assert [(request.tags[FIRST], request.tags[LAST]) for request in asked] == [(SHARDS[0], SHARDS[1]), (SHARDS[3], SHARDS[3])]
    assert len({request.run_key for request in asked}) == 2
    assert all(map(night.run, asked))


def test_on_a_cluster_each_of_them_is_a_run_of_its_own(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    night.undo(SHARDS[1], SHARDS[2])
    asked = night.asks(automation=night.settings.automation.model_copy(update={"backfill": "run_per_shard"}))
    assert [request.partition_key for request in asked] == SHARDS[1:3]
    assert all(map(night.run, asked))
    assert night.asks() == NOTHING


def test_shards_that_were_checked_from_an_older_list_or_by_other_settings_are_asked_for(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    fill(tmp_path / "data", [*CLIPS, Clip("new.mp4")], upto="shard_lists", decode={"n_shards": len(SHARDS)})
    (request,) = night.asks()
    assert request.tags[FIRST] == request.tags[LAST] == shard_of("own_clips/new.mp4", n_shards=len(SHARDS))
    (request,) = night.asks(decode=night.settings.decode.model_copy(update={"max_duration_s": 60.0}))
    assert (request.tags[FIRST], request.tags[LAST]) == (SHARDS[0], SHARDS[-1])


def test_results_that_are_torn_or_half_there_are_asked_for(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    night.layout.checked(SHARDS[2]).write_bytes(b"PAR1 torn")
    dropped_path(night.layout.checked(SHARDS[3])).unlink()
    (request,) = night.asks()
    assert (request.tags[FIRST], request.tags[LAST]) == (SHARDS[2], SHARDS[3])
    assert night.run(request)
    assert night.asks() == NOTHING


def test_shards_without_a_list_wait_for_it(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    assert night.asks(decode=night.settings.decode.model_copy(update={"n_shards": 7})) == NOTHING


def test_while_a_backfill_or_a_run_is_on_its_way_nothing_is_asked_for(tmp_path, instance):
    night = Night(tmp_path / "data", instance)
    night.undo(SHARDS[1])
    defs, keys = build_defs(night.settings), {dg.AssetKey("decode_check")}
    clicked = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)
    for job in (defs.resolve_job_def("decode"), clicked):
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, asset_selection=job.asset_selection)
        assert night.asks() == f"run {run.run_id[:8]} is at work on shards: what that leaves is asked for in the next night"
        instance.delete_run(run.run_id)
        assert len(night.asks()) == 1
    backfill = PartitionBackfill(
        backfill_id="abc", status=BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0,
        asset_selection=[dg.AssetKey("decode_check")],
    )  # fmt: skip
    instance.add_backfill(backfill)
    assert night.asks().startswith("backfill abc is at work")
