"""Exports of the settings are assets behind the training CSV, and a check says what trainers will not take."""

import shutil

import dagster as dg
import pandas as pd
from exported import published_root

from video_assets.definitions import build_defs


def test_enabled_targets_are_assets_that_are_written_and_the_check_warns(sample, tmp_path):
    shutil.copytree(sample.clips, tmp_path / "clips")
    targets = {"targets": ["open-sora-1.2", "energon"]}
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "clips" / "captions.csv", exports=targets)
    defs = build_defs(settings)
    graph = defs.resolve_asset_graph()
    names = ["export_open_sora_1_2", "export_energon"]
    assert all(graph.get(dg.AssetKey(name)).parent_keys == {dg.AssetKey("training_csv")} for name in names)
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("publish")
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(name) for name in ["training_csv", *names]]
        )
    assert result.success
    counts = {name: result.asset_materializations_for_node(name)[0].metadata["left_out_clips"].value for name in names}
    assert counts == {"export_open_sora_1_2": 4, "export_energon": 1}
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "trainers_can_read"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "open-sora-1.2 would not take 1 caption_read_as_missing, 1 rotated, 2 suffix_refused" in check.description
    assert len(pd.read_csv(layout.export("open-sora-1.2") / "training.csv")) == 17


def test_without_targets_there_are_no_such_assets(tmp_path):
    from video_assets.settings.model import Settings

    defs = build_defs(Settings(data_root=tmp_path))
    assert not [key for key in defs.resolve_all_asset_keys() if key.to_user_string().startswith("export_")]
