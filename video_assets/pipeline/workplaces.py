"""Which node checked a shard, for the picture of the report: a node whose mount is ill drops more than others.

Belongs here: that note. Does not belong here: the result (`pipeline.shard`), whose bytes are the same wherever it was made.
"""

import json
import os
import socket

from video_assets.pipeline.shard import ShardOutcome
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError, stage_hash


def node_name() -> str:
    """This node, as Slurm calls it; elsewhere the host's name."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def note_workplace(layout: Layout, outcome: ShardOutcome) -> None:
    """Write down that this node made the shard's result, when it did."""
    if outcome.n_decoded and outcome.content_hash:
        write_text(layout.checked_by(outcome.shard), json.dumps({"node": node_name(), "result": outcome.content_hash}))


def workplaces(layout: Layout, shards: list[str]) -> dict[str, str]:
    """The node by shard, as far as it is known who made the results that are there now."""
    return {shard: node for shard in shards if (node := _node_of(layout, shard))}


def _node_of(layout: Layout, shard: str) -> str:
    try:
        note = json.loads(layout.checked_by(shard).read_text(encoding="utf-8"))
        return str(note["node"]) if note["result"] == stage_hash(layout.checked(shard)) else ""
    except (FileNotFoundError, StageError):
        return ""
