"""Which node checked a shard, for the picture of the report, and how many shards in a row a node's storage did not deliver.

Belongs here: these notes. Does not belong here: the result (`pipeline.shard`), whose bytes are the same wherever it was made.
"""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from video_assets.pipeline.shard import ShardOutcome, UndeliveredShard
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError, stage_hash

NODE_VARIABLE = "K8S_NODE_NAME"
"""Set by the chart in pods of runs."""

ILL_AFTER = 3
"""Shards in a row that a node's storage did not deliver, after which people are told."""


@dataclass(frozen=True)
class IllNode:
    """A node that fails fast: it takes shard after shard, and delivers none."""

    node: str
    n_shards: int

    @property
    def words(self) -> str:
        """For people."""
        return f"Node {self.node} has not delivered {self.n_shards} shards in a row: look at its mount, or take it out."


def node_name() -> str:
    """This node, as Slurm or Kubernetes calls it; elsewhere the host's name."""
    return os.environ.get("SLURMD_NODENAME") or os.environ.get(NODE_VARIABLE) or socket.gethostname()


def note_delivery(layout: Layout, outcome: ShardOutcome) -> IllNode | None:
    """Count shards in a row that this node's storage did not deliver; the node, when there are `ILL_AFTER` or more."""
    node = node_name()
    path = layout.undelivered_by(quote(node, safe=""))
    if not isinstance(outcome, UndeliveredShard):
        if outcome.n_decoded:
            path.unlink(missing_ok=True)
        return None
    n_shards = _count(path) + 1
    write_text(path, str(n_shards))
    return IllNode(node, n_shards) if n_shards >= ILL_AFTER else None


def _count(path: Path) -> int:
    try:
        return int(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0


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
