"""A shard that a node's storage does not deliver goes on once on another node, and a node that fails on and on is named."""

import dagster as dg
import pytest
from prepared_shards import SHARDS, prepare

from video_assets.definitions import build_defs
from video_assets.defs.elsewhere import ILL_NODE, NOT_ON_NODE
from video_assets.pipeline.node_notes import ILL_AFTER, NODE_VARIABLE
from video_assets.settings.model import load_settings

RETRIES = {"run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}}


class Node:
    """A data root with one clip per shard, and runs of its shards on a node."""

    def __init__(self, layout, instance):
        self.layout, self.instance = layout, instance
        self.clips = layout.root.parent / "clips"
        self.job = build_defs(load_settings()).resolve_job_def("decode")

    def run(self, shard, **tags):
        done = self.job.execute_in_process(
            instance=self.instance,
            partition_key=shard,
            raise_on_error=False,
            tags={key.replace("__", "/"): tags[key] for key in tags},
        )
        return self.instance.get_run_by_id(done.run_id)

    def why(self, run):
        [event] = self.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
        return event.event_log_entry.dagster_event.step_failure_data.error.message


@pytest.fixture
def node(sample, tmp_path, monkeypatch):
    layout = prepare(tmp_path, [sample.clips / "aquarium.mp4"] * len(SHARDS))
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(layout.root))
    monkeypatch.setenv(NODE_VARIABLE, "node-7")
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=RETRIES) as instance:
        made = Node(layout, instance)
        hidden = made.clips.rename(tmp_path / "away")
        made.mend = lambda: hidden.rename(made.clips)
        yield made


def test_its_run_goes_on_once_and_not_there(node):
    first = node.run(SHARDS[0])
    assert first.tags[NOT_ON_NODE] == "node-7"
    assert first.tags["dagster/will_retry"] == "true"
    assert "Tried on node node-7; it is tried once more on another one." in node.why(first)
    # As Dagster starts it again: with the tags of its parent.
    kept = {key: first.tags[key] for key in (NOT_ON_NODE, "dagster/max_retries", "dagster/retry_on_asset_or_op_failure")}
    again = node.run(SHARDS[0], **kept)
    assert "tried once more" not in node.why(again)
    assert kept.items() <= again.tags.items()


def test_a_node_that_fails_shard_after_shard_is_named_until_it_delivers(node):
    runs = [node.run(shard) for shard in SHARDS]
    assert [ILL_NODE in run.tags for run in runs] == [False] * (ILL_AFTER - 1) + [True]
    assert f"Node node-7 has not delivered {ILL_AFTER} shards in a row: look at its mount" in node.why(runs[-1])
    node.mend()
    assert node.run(SHARDS[0]).status is dg.DagsterRunStatus.SUCCESS
    (node.clips).rename(node.clips.with_name("gone"))
    assert ILL_NODE not in node.run(SHARDS[1]).tags


def test_on_one_machine_there_is_no_other_node(node, monkeypatch):
    monkeypatch.delenv(NODE_VARIABLE)
    run = node.run(SHARDS[0])
    assert NOT_ON_NODE not in run.tags
    assert run.tags["dagster/will_retry"] == "false"
