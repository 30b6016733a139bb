"""The census of trainers that the settings name is an asset behind the CSV: files, table, JSON and picture."""

import json

import dagster as dg
import pytest
from data_roots import Clip, fill

from video_assets.census.presets import TRAINERS
from video_assets.census.table import census_markdown
from video_assets.census.written import write_census
from video_assets.core.consumers import BUCKETS, CONSUMERS, trainers_with_buckets
from video_assets.core.errors import UsageError
from video_assets.definitions import build_defs
from video_assets.publish.publish import publish

CLIPS = [Clip(f"{n}.mp4", num_frames=40 + 10 * n, height=720, width=1280, fps=24.0) for n in range(10)]
NAMED = {"exports": {"targets": ["open-sora-2.0-sharded", "videofolder"]}, "training": {"for": ["diffusion-pipe"]}}


def test_every_target_whose_buckets_are_known_has_them():
    assert BUCKETS.keys() <= CONSUMERS.keys()
    assert {*BUCKETS.values()} == TRAINERS.keys() & CONSUMERS.keys()
    assert trainers_with_buckets(["open-sora-2.0-sharded", "videofolder", "open-sora-2.0"]) == ["open-sora-2.0"]


def test_the_asset_writes_table_json_and_picture_for_each_trainer(tmp_path):
    config = tmp_path / "dataset.toml"
    config.write_text("frame_buckets = [1, 81]\nnum_ar_buckets = 1\nmin_ar = 1.0\n")
    census = {"batch_size": 2, "configs": {"diffusion-pipe": str(config)}}
    layout, settings = fill(tmp_path / "data", CLIPS, **NAMED, census=census)
    published = publish(layout, settings)
    defs = build_defs(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("publish").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("trainer_census")]
        )
    metadata = result.asset_materializations_for_node("trainer_census")[0].metadata
    for name in ("diffusion-pipe", "open-sora-2.0"):
        record = json.loads((layout.census / f"{name}.json").read_text())
        assert metadata[f"{name}_json"].data == record
        assert record["version"] == published.version
        assert record["placed"] + sum(record["left_out"].values()) == len(CLIPS)
        assert record["batches"] == sum(row["batches"] for row in record["buckets"])
        assert (layout.census / f"{name}.png").read_bytes()[1:4] == b"PNG"
        assert f"**{name}**, version 1" in metadata["census"].value
    # The config file's own buckets, in two-clip batches.
    record = metadata["diffusion-pipe_json"].data
    assert [row["bucket"] for row in record["buckets"]] == ["1.000 81"]
    assert record["batches"] == record["placed"] // 2
    assert metadata["census"].value.count("data:image/png;base64") == 2


def test_files_of_trainers_that_are_not_named_any_more_go(tmp_path):
    layout, settings = fill(tmp_path, CLIPS, **NAMED)
    publish(layout, settings)
    write_census(layout, settings)
    _, other = fill(tmp_path, CLIPS, exports={"targets": ["ltx"]})
    ((census, _),) = write_census(layout, other)
    assert sorted(path.name for path in layout.census.iterdir()) == ["ltx.json", "ltx.png"]
    page = census_markdown(census)
    assert "| bucket | clips | duration | batches |" in page
    assert "batches of 1 clip each, 0 clips left over; cut away:" in page


def test_without_such_a_trainer_there_is_no_asset(tmp_path):
    _, settings = fill(tmp_path, CLIPS[:1], exports={"targets": ["videofolder"]}, upto="own_clips")
    assert dg.AssetKey("trainer_census") not in build_defs(settings).resolve_all_asset_keys()


@pytest.mark.parametrize(
    ("configs", "said"), [({"wan": "x.toml"}, "census.configs: there is no trainer 'wan'"), ({"ltx": "x.toml"}, "x.toml")]
)
def test_a_config_that_cannot_be_used_is_named(tmp_path, configs, said):
    (tmp_path / "x.toml").write_text("not TOML")
    named = {name: str(tmp_path / path) for name, path in configs.items()}
    layout, settings = fill(tmp_path / "data", CLIPS, exports={"targets": ["ltx"]}, census={"configs": named})
    publish(layout, settings)
    with pytest.raises(UsageError, match=said):
        write_census(layout, settings)
