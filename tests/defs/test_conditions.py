"""When assets run without a click, on Dagster's own evaluation of the conditions."""

from pathlib import Path

import dagster as dg

from video_assets.definitions import build_defs
from video_assets.defs.conditions import cheap
from video_assets.settings.model import Settings

ARCHIVES = dg.DynamicPartitionsDefinition(name="archives")


@dg.asset(partitions_def=ARCHIVES)
def archive_clips() -> None:
    """As slow as a source that fetches days."""


@dg.asset(
    deps=[dg.AssetDep(archive_clips, partition_mapping=dg.AllPartitionMapping())],
    automation_condition=cheap(not_waiting_for=["archive_clips"]),
)
def impatient() -> None:
    """As enriched_metadata follows archives."""


@dg.asset(deps=[dg.AssetDep(archive_clips, partition_mapping=dg.AllPartitionMapping())], automation_condition=cheap())
def patient() -> None:
    """The naive version."""


def test_the_chain_goes_on_while_archives_are_missing():
    defs = dg.Definitions(assets=[archive_clips, impatient, patient])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("archives", ["part000", "part001", "part002"])
        first = dg.evaluate_automation_conditions(defs, instance, asset_selection=dg.AssetSelection.all())
        dg.materialize([archive_clips], partition_key="part001", instance=instance)
        second = dg.evaluate_automation_conditions(defs, instance, asset_selection=dg.AssetSelection.all(), cursor=first.cursor)
        assert (second.get_num_requested(dg.AssetKey("impatient")), second.get_num_requested(dg.AssetKey("patient"))) == (1, 0)
        dg.materialize([archive_clips, impatient], selection=[impatient], instance=instance)
        third = dg.evaluate_automation_conditions(defs, instance, asset_selection=dg.AssetSelection.all(), cursor=second.cursor)
        assert third.get_num_requested(dg.AssetKey("impatient")) == 0
        dg.materialize([archive_clips], partition_key="part002", instance=instance)
        fourth = dg.evaluate_automation_conditions(defs, instance, asset_selection=dg.AssetSelection.all(), cursor=third.cursor)
        assert fourth.get_num_requested(dg.AssetKey("impatient")) == 1


def test_clips_that_do_not_reconcile_are_not_filtered_before_the_check_passes(tmp_path: Path) -> None:
    defs = build_defs(Settings(data_root=tmp_path / "data", own_clips={"folder": tmp_path / "clips"}))
    selection, filtered = dg.AssetSelection.assets("size_filtered"), dg.AssetKey("size_filtered")

    def checked(*, passed: bool) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization("enriched_metadata"))
        check = dg.AssetCheckEvaluation(dg.AssetKey("enriched_metadata"), "metadata_reconciles", passed=passed, metadata={})
        instance.report_runless_asset_event(check)

    with dg.DagsterInstance.ephemeral() as instance:
        checked(passed=True)
        instance.report_runless_asset_event(dg.AssetMaterialization("size_filtered"))
        cursor, requested = None, list[int]()
        for passed in (True, False, True):
            checked(passed=passed)
            result = dg.evaluate_automation_conditions(defs, instance, asset_selection=selection, cursor=cursor)
            cursor = result.cursor
            requested.append(result.get_num_requested(filtered))
    assert requested == [0, 0, 1], "the first look asks for nothing"
