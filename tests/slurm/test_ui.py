"""The web UI over a Slurm cluster: runs, a task that fails, its backfill, Terminate."""

import dagster as dg
import pytest
from dagster_server import server, wait_for

from video_assets.defs.partitions import range_tags
from video_assets.pipeline.currency import shards_to_check


def tasks_at_work(site):
    return site.cluster.call("squeue", "-h", "-r", "-t", "R", "-o", "%F_%K").split()


def told_of(layout, shard):
    with dg.DagsterInstance.from_config(str(layout.dagster_home)) as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("decode_check"), asset_partitions=[shard]), limit=1
        ).records
    return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}


@pytest.mark.slow(70)
@pytest.mark.timeout(2400)
def test_a_task_fails_alone_is_backfilled_by_the_ui_and_terminate_cancels_the_array(site, opened, layout, settings_of):
    site.mount.slow(0.3)
    with server(layout.root) as ui:
        run = ui.start_job("decode", tags=range_tags(site.shards[0], site.shards[2]))
        wait_for(lambda: len(tasks_at_work(site)) > 1 and len(opened()) > 1, timeout_s=900)
        site.cluster.call("scancel", f"{tasks_at_work(site)[0].partition('_')[0]}_0")
        site.mount.mend()
        assert wait_for(lambda: ui.run_ended(run), timeout_s=900) == "FAILURE"
        assert ui.partitions("decode_check")["failed"] == [site.shards[0]]
        assert ui.partitions("decode_check")["materialized"] == site.shards[1:3]
        told = told_of(layout, site.shards[2])
        assert told["node"] in site.cluster.nodes
        assert {"slurm_job", "log", "task_cpu_seconds", "clips_per_second", "queue_seconds"} <= set(told)

        assert ui.backfill(["decode_check"], [site.shards[0]]) == "COMPLETED_SUCCESS"
        assert ui.partitions("decode_check")["materialized"] == site.shards[:3]
        assert sum(opened().values()) <= 12 + 1

        site.mount.slow(0.3)
        run = ui.start_job("decode", tags=range_tags(site.shards[3], site.shards[4]))
        wait_for(lambda: tasks_at_work(site), timeout_s=900)
        ui.terminate(run)
        wait_for(lambda: not site.cluster.call("squeue", "-h"), timeout_s=900)
        assert wait_for(lambda: ui.run_ended(run), timeout_s=900) == "CANCELED"
    assert shards_to_check(layout, settings_of(layout)) == site.shards[3:]
