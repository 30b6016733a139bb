"""The code location: loads fast and light, has the graph of the design, agrees with workspace.yaml."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import tomlkit
import yaml

from video_assets.definitions import build_defs
from video_assets.settings.model import Settings

ROOT = Path(__file__).parents[1]
MEASURE = """
import sys, time
before = time.process_time()
import dagster
between = time.process_time()
from video_assets.definitions import defs
defs()
heavy = [name for name in ("pandas", "pyarrow", "av", "matplotlib", "numpy") if name in sys.modules]
print((time.process_time() - between) / (between - before), heavy)
"""


def settings(tmp_path: Path, **sections: object) -> Settings:
    return Settings(data_root=tmp_path / "data", own_clips={"folder": tmp_path / "clips"}, **sections)


@pytest.fixture
def defs(tmp_path: Path) -> dg.Definitions:
    return build_defs(settings(tmp_path))


def test_definitions_load_without_pandas_and_ffmpeg_and_in_less_cpu_than_dagster_itself() -> None:
    ratio, heavy = measure().split(maxsplit=1)
    assert heavy == "[]"
    assert float(ratio) < 1.0


def measure() -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment["PYTHONWARNINGS"] = "ignore"
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_the_graph_is_the_chain_of_the_design(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    names = {key: key.to_user_string() for key in graph.get_all_asset_keys()}
    edges = {name: {names[up] for up in graph.get(key).parent_keys} for key, name in names.items()}
    assert edges == {
        "own_clips": set(),
        "enriched_metadata": {"own_clips"},
        "size_filtered": {"enriched_metadata"},
        "shard_lists": {"size_filtered"},
        "decode_check": {"shard_lists"},
        "training_csv": {"decode_check"},  # and nothing else: it must never be built ahead of decoding
        "dataset_report": {"training_csv"},
    }


def test_a_source_that_is_not_set_is_not_in_the_graph(tmp_path: Path) -> None:
    keys = build_defs(Settings(data_root=tmp_path)).resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey("own_clips") not in keys


def test_every_asset_says_what_it_is(defs: dg.Definitions) -> None:
    for node in defs.resolve_asset_graph().asset_nodes:
        assert node.description, node.key
        assert node.kinds, node.key
        assert node.code_version, node.key
        assert node.group_name != "default", node.key


def test_shards_are_partitions_whose_names_carry_their_number(tmp_path: Path) -> None:
    defs = build_defs(settings(tmp_path, decode={"n_shards": 6}))
    partitions = defs.resolve_asset_graph().get(dg.AssetKey("decode_check")).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys()[5] == "00005-of-00006"


def test_workspace_and_pyproject_name_the_same_code_location() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text())["tool"]["dagster"]
    assert (workspace["module_name"], workspace["location_name"]) == (project["module_name"], project["code_location_name"])


def test_dagster_accepts_dagster_yaml(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_one_setting_changes_from_one_run_for_all_shards_to_one_run_per_shard(tmp_path: Path) -> None:
    expected = {"single_run": dg.BackfillPolicy.single_run(), "run_per_shard": dg.BackfillPolicy.multi_run(1)}
    for name, policy in expected.items():
        graph = build_defs(settings(tmp_path, automation={"backfill": name})).resolve_asset_graph()
        assert graph.get(dg.AssetKey("decode_check")).backfill_policy == policy


def test_only_what_is_enabled_runs_by_itself_and_the_hourly_listing_waits_for_a_person(tmp_path: Path) -> None:
    def running(**sections: object) -> set[str]:
        defs = build_defs(settings(tmp_path, **sections))
        repository = defs.get_repository_def()
        both = [*repository.sensor_defs, *repository.schedule_defs]
        return {found.name for found in both if found.default_status.value == "RUNNING"}

    assert running() >= {"automation", "own_clips_folder", "nightly_prepare", "nightly_decode", "nightly_publish"}
    assert "hourly_prepare" not in running()
    assert running(automation={"is_enabled": False}) == set()


def test_schedules_tick_in_the_time_zone_that_is_set(tmp_path: Path) -> None:
    schedules = build_defs(settings(tmp_path, automation={"timezone": "Asia/Tokyo"})).get_repository_def().schedule_defs
    assert {schedule.execution_timezone for schedule in schedules} == {"Asia/Tokyo"}


def test_the_sensor_asks_for_one_run_and_then_says_that_nothing_is_new(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    os.utime(tmp_path / "clips", (1_700_000_000, 1_700_000_000))
    sensor = build_defs(settings(tmp_path)).get_repository_def().get_sensor_def("own_clips_folder")
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        first = sensor(context)
    assert len(first.run_requests) == 1
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance, cursor=first.cursor) as context:
        second = sensor(context)
    assert not second.run_requests
    assert second.skip_reason.skip_message == "nothing new: 1 folders looked at"


@pytest.mark.parametrize(
    ("sections", "stale"),
    [
        ({}, set()),
        ({"filter": {"max_file_size_mib": 7}}, {"size_filtered"}),
        ({"decode": {"tolerated_reasons": ["truncated"]}}, {"decode_check"}),
        ({"decode": {"workers": 7, "retries": 9}}, set()),
        ({"training": {"duplicates": "keep"}}, {"training_csv"}),
    ],
)
def test_a_changed_setting_makes_stale_what_it_changes_and_nothing_else(
    tmp_path: Path, sections: dict[str, object], stale: set[str]
) -> None:
    def versions(**sections: object) -> dict[str, str | None]:
        graph = build_defs(settings(tmp_path, **sections)).resolve_asset_graph()
        return {node.key.to_user_string(): node.code_version for node in graph.asset_nodes}

    before, after = versions(), versions(**sections)
    assert {name for name in before if before[name] != after[name]} == stale


def test_the_sensor_starts_a_failed_run_again_after_a_wait_that_doubles(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    os.utime(tmp_path / "clips", (1_700_000_000, 1_700_000_000))
    defs = build_defs(settings(tmp_path))
    sensor = defs.get_repository_def().get_sensor_def("own_clips_folder")
    with dg.DagsterInstance.ephemeral() as instance:
        with dg.build_sensor_context(instance=instance) as context:
            cursor = sensor(context).cursor
        job, tags = defs.resolve_job_def("prepare"), {"dagster/sensor_name": sensor.name}
        for _ in range(2):  # no clip is there: both fail
            assert not job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            again = sensor(context)
    assert not again.run_requests
    assert "2 in a row; another is started in " in again.skip_reason.skip_message
