"""Clean-up deletes what nobody needs and nothing else: the state of every asset, partition, check and condition is as before."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from command_line import command

from video_assets.defs.clean_up import CLEAN_UP, clean_up_job, clean_up_schedule
from video_assets.defs.history import clean_up
from video_assets.defs.project import Project
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

KEYS = [f"0000{n}-of-00004" for n in range(4)]


@dg.asset
def listing(context):
    return dg.MaterializeResult(data_version=dg.DataVersion(context.run.tags.get("v", "0")))


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(KEYS), deps=[listing])
def shard(context):
    print(f"checking {context.partition_key}")  # noqa: T201 - a captured log
    if context.run.tags.get("bad"):
        raise dg.Failure("the mount is gone")
    return dg.MaterializeResult(data_version=dg.DataVersion(context.run.tags.get("v", "0")))


@dg.asset_check(asset=listing)
def listed():
    return dg.AssetCheckResult(passed=True)


DEFS = dg.Definitions(assets=[listing, shard], asset_checks=[listed])


@pytest.fixture
def instance(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def night(instance, *, partitions=(), **tags):
    """One run of the listing and one of each partition."""
    runs = [dg.materialize([listing, listed], instance=instance, tags=tags)]
    runs += [
        dg.materialize([shard, listing], selection=[shard], partition_key=key, instance=instance, tags=tags, raise_on_error=False)
        for key in partitions
    ]
    return [run.run_id for run in runs]


def state_of(instance):
    """All that the UI and the automation conditions ask about."""
    storage = instance.event_log_storage
    keys = [dg.AssetKey("listing"), dg.AssetKey("shard")]
    check = dg.AssetCheckKey(dg.AssetKey("listing"), "listed")
    last = {key: instance.get_latest_materialization_event(key) for key in keys}
    partitions = {key: instance.get_latest_materialization_event(keys[1]) and _version(instance, key) for key in KEYS}
    return {
        "last": {key: (event.run_id, event.timestamp) for key, event in last.items() if event},
        "materialized": storage.get_materialized_partitions(keys[1]),
        "versions": partitions,
        "failed": storage.get_latest_asset_partition_materialization_attempts_without_materializations(keys[1]),
        "check": storage.get_latest_asset_check_execution_by_key([check])[check].run_id,
        "statuses": sorted(
            (run.run_id, run.status.value) for run in instance.get_runs() if run.run_id in _shown(instance, keys[1])
        ),
    }


def _version(instance, key):
    filters = dg.AssetRecordsFilter(asset_key=dg.AssetKey("shard"), asset_partitions=[key])
    records = instance.fetch_materializations(filters, limit=2).records
    return [record.asset_materialization.tags["dagster/data_version"] for record in records]


def _shown(instance, key):
    attempts = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
    return {run_id for run_id, _ in attempts.values()}


def soon():
    return datetime.now(UTC) + timedelta(minutes=1)


def test_old_runs_go_with_their_files_and_logs_and_the_state_stays(instance, tmp_path):
    night(instance, partitions=KEYS, v="1")
    for n in range(5):
        night(instance, partitions=KEYS[:2], v=str(n))
    night(instance, partitions=KEYS[2:3], bad="yes")
    before, all_runs = state_of(instance), instance.get_runs_count()
    done = clean_up(instance, before=soon())
    assert state_of(instance) == before
    assert (done.runs + done.kept_old_runs, done.runs) == (all_runs, all_runs - instance.get_runs_count())
    # Two materializations of 2 changing partitions, one of the 2 others, one failed attempt, two listings and their last check.
    assert instance.get_runs_count() <= 10
    left = {run.run_id for run in instance.get_runs()}
    shards = {path.stem for path in (tmp_path / "home" / "history" / "runs").glob("*.db")} - {"index"}
    assert shards == left
    logs = {path.name for path in (tmp_path / "home" / "storage").iterdir() if (path / "compute_logs").exists()}
    assert logs <= left
    again = clean_up(instance, before=soon())
    assert (again.runs, again.check_results) == (0, 0)


def test_young_runs_and_runs_that_go_on_stay(instance):
    night(instance)
    night(instance)
    night(instance)
    running = instance.create_run_for_job(dg.Definitions(assets=[listing]).resolve_implicit_global_asset_job_def())
    count = instance.get_runs_count()
    assert clean_up(instance, before=datetime.now(UTC) - timedelta(days=1)).runs == 0
    assert instance.get_runs_count() == count
    clean_up(instance, before=soon())
    assert instance.get_run_by_id(running.run_id) is not None


def test_check_results_of_deleted_runs_go_but_the_last_one(instance):
    for _ in range(4):
        night(instance)
    done = clean_up(instance, before=soon())
    check = dg.AssetCheckKey(dg.AssetKey("listing"), "listed")
    assert done.check_results == 2
    assert len(instance.event_log_storage.get_asset_check_execution_history(check, limit=10)) == 2


def test_conditions_see_what_changed_across_a_clean_up(instance):
    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
    watched = dg.asset(name="watched", deps=[listing], automation_condition=changed)(lambda: None)
    asked = {"defs": dg.Definitions(assets=[listing, watched]), "asset_selection": dg.AssetSelection.assets("watched")}
    night(instance, v="1")
    first = dg.evaluate_automation_conditions(**asked, instance=instance)
    night(instance, v="1")
    clean_up(instance, before=soon())
    same = dg.evaluate_automation_conditions(**asked, instance=instance, cursor=first.cursor)
    assert same.total_requested == 0
    night(instance, v="2")
    clean_up(instance, before=soon())
    assert dg.evaluate_automation_conditions(**asked, instance=instance, cursor=same.cursor).total_requested == 1


def test_ended_backfills_go_and_active_ones_keep_their_runs(instance):
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

    for name, status in (("done", BulkActionStatus.COMPLETED_SUCCESS), ("active", BulkActionStatus.REQUESTED)):
        instance.add_backfill(
            PartitionBackfill(
                backfill_id=name,
                status=status,
                from_failure=False,
                tags={"a": "b"},
                backfill_timestamp=(datetime.now(UTC) - timedelta(days=2)).timestamp(),
                asset_selection=[dg.AssetKey("shard")],
                partition_names=KEYS,
            )
        )
    runs = [night(instance, partitions=KEYS[:1], **{"dagster/backfill": "active"})[1] for _ in range(4)]
    assert clean_up(instance, before=soon()).backfills == 1
    assert [backfill.backfill_id for backfill in instance.get_backfills()] == ["active"]
    assert all(instance.get_run_by_id(run_id) for run_id in runs)


def test_the_job_uses_the_setting_and_its_schedule_runs_where_automation_does(instance, tmp_path):
    for _ in range(4):
        night(instance)
    settings = Settings(data_root=tmp_path / "root", automation={"keep_runs_days": 0})
    defs = dg.Definitions(jobs=[clean_up_job], resources={"project": Project(settings)})
    assert defs.resolve_job_def(CLEAN_UP).execute_in_process(instance=instance).success
    assert len([run for run in instance.get_runs() if run.job_name != CLEAN_UP]) == 2
    assert clean_up_schedule(settings).default_status is dg.DefaultScheduleStatus.RUNNING
    off = Settings(automation={"is_enabled": False})
    assert clean_up_schedule(off).default_status is dg.DefaultScheduleStatus.STOPPED


def test_drafts_of_killed_writes_go_after_a_day(tmp_path):
    layout = Layout(tmp_path)
    layout.training.mkdir(parents=True)
    old, young, table = (layout.training / name for name in (".draft-a-1-2", ".draft-b-1-2", "c.parquet"))
    for path in (old, young, table):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    os.utime(table, (1, 1))
    done = command("clean-up", "--data-root", tmp_path)
    assert done.stdout.endswith("; 1 draft of killed runs deleted\n")
    assert not old.exists()
    assert young.exists()
    assert table.exists()
