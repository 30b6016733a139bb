"""The job `probe`: a run per part leaves what the run of enriched_metadata takes."""

import dagster as dg
import pytest
from prepared_shards import prepare

from video_assets.core.sharding import N_PROBE_PARTS, PROBE_PARTS, shard_of
from video_assets.definitions import build_defs
from video_assets.pipeline.probing import PROBE
from video_assets.settings.model import load_settings
from video_assets.storage.leases import hold
from video_assets.storage.parts import read_parts

N_CLIPS = 6


@pytest.fixture
def layout(sample, tmp_path, monkeypatch):
    """Clips that are listed, and not probed."""
    made = prepare(tmp_path, [sample.clips / "aquarium.mp4"] * N_CLIPS)
    for path in made.enriched_metadata.parent.glob("*.parquet"):
        path.unlink()
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(made.root))
    return made


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def probed(layout):
    return [record["clip_key"] for record in read_parts(layout.probe_parts)[0]]


def n_new(done):
    [event] = done.get_asset_materialization_events()
    return event.materialization.metadata["newly_probed_clips"].value


def test_runs_of_all_parts_leave_nothing_for_the_table_to_probe(layout, instance):
    defs = build_defs(load_settings())
    job = defs.resolve_job_def("probe")
    assert job.partitions_def.get_partition_keys() == PROBE_PARTS
    shares = []
    for part in PROBE_PARTS:
        before = set(probed(layout))
        assert job.execute_in_process(instance=instance, partition_key=part).success
        shares.append(set(probed(layout)) - before)
        assert {shard_of(key, n_shards=N_PROBE_PARTS) for key in shares[-1]} <= {part}
    assert sum(map(len, shares)) == N_CLIPS == len(probed(layout))
    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("enriched_metadata")]
    )
    assert n_new(done) == 0
    assert probed(layout) == []


def test_a_part_that_somebody_else_holds_is_left_to_him(layout, instance):
    job = build_defs(load_settings()).resolve_job_def("probe")
    [part] = {shard_of("own_clips/clip-0.mp4", n_shards=N_PROBE_PARTS)}
    with hold(layout.lease(PROBE, part), stale_after_s=90.0, run_id="abc"):
        done = job.execute_in_process(instance=instance, partition_key=part)
    assert done.success
    assert probed(layout) == []
    said = [event.user_message for event in instance.all_logs(done.run_id)]
    assert any(f"{part} is held by run abc, process" in line for line in said)


def test_a_part_that_does_not_exist_is_refused(layout, instance):
    job = build_defs(load_settings()).resolve_job_def("probe")
    with pytest.raises(dg.DagsterUnknownPartitionError, match="99999-of-00024"):
        job.execute_in_process(instance=instance, partition_key="99999-of-00024")
    assert probed(layout) == []


def test_clips_that_the_storage_does_not_deliver_fail_the_run(layout, instance):
    (layout.root.parent / "clips").rename(layout.root.parent / "away")
    job = build_defs(load_settings()).resolve_job_def("probe")
    outcomes = [
        job.execute_in_process(instance=instance, partition_key=part, raise_on_error=False).success for part in PROBE_PARTS
    ]
    assert not all(outcomes)
    assert probed(layout) == []
