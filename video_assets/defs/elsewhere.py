"""A shard that one node's storage did not deliver is tried once on another node, and a node that fails again and again is named.

Dagster starts the run again, as it does when a pod dies; the launcher keeps it off that node.
Belongs here: the tags of such a run. Does not belong here: counting a node's failures (`pipeline.node_notes`), where pods go
(`defs.launcher`), Slurm's way (`slurm.work`).
"""

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from video_assets.pipeline.shard import ShardOutcome

NOT_ON_NODE = "video_assets/not_on_node"
ILL_NODE = "video_assets/ill_node"
_UNDELIVERED = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.ENODEV, errno.EHOSTDOWN}


def tried_elsewhere(
    context: dg.AssetExecutionContext, layout: Layout, outcomes: "Iterator[ShardOutcome]"
) -> "Iterator[ShardOutcome]":
    """The outcomes; where the storage did not deliver, the run is told to go on once on another node.

    Raises:
        OSError: the storage does not even take or give tables; the run goes on elsewhere then, too.
    """
    from video_assets.pipeline.node_notes import note_delivery
    from video_assets.pipeline.shard import UndeliveredShard

    try:
        for outcome in outcomes:
            ill = note_delivery(layout, outcome)
            if isinstance(outcome, UndeliveredShard):
                said = _go_on_elsewhere(context)
                if ill:
                    context.instance.add_run_tags(context.run.run_id, {ILL_NODE: ill.node})
                yield replace(outcome, failure=" ".join(filter(None, [ill.words if ill else "", outcome.failure, said])))
            else:
                yield outcome
    except OSError as error:
        if error.errno in _UNDELIVERED:
            context.log.warning(f"{error}. {_go_on_elsewhere(context)}")
        raise


def _go_on_elsewhere(context: dg.AssetExecutionContext) -> str:
    """Once, and only where there are other nodes: under Kubernetes."""
    from video_assets.pipeline.node_notes import NODE_VARIABLE

    node, tags = os.environ.get(NODE_VARIABLE, ""), context.run.tags
    if not node or NOT_ON_NODE in tags:
        return ""
    n_tries = int(tags.get("dagster/retry_number", "0")) + 1
    context.instance.add_run_tags(
        context.run.run_id,
        {NOT_ON_NODE: node, "dagster/max_retries": str(n_tries), "dagster/retry_on_asset_or_op_failure": "true"},
    )
    return f"Tried on node {node}; it is tried once more on another one."
