"""The picture of the nodes that checked the shards: one whose mount is ill drops more clips than the others.

Belongs here: counting by node, drawing it. Does not belong here: how nodes are known (`pipeline.node_notes`), shards (`plots`).
"""

from collections.abc import Mapping

import pandas as pd

from video_assets.core.units import count, share
from video_assets.report.style import BAD, MUTED, label, name_rows, new_figure, own_look, png, style, text

_MAX_NODES = 40


def by_node(counts: pd.DataFrame, nodes: Mapping[str, str]) -> pd.DataFrame:
    """Columns node, shards, listed, dropped, one row per node, the largest dropped share first.

    Args:
        counts: columns shard, listed, dropped (clips).
        nodes: node by shard, of those of which it is known.
    """
    known = counts.assign(node=counts["shard"].map(nodes)).dropna(subset=["node"])
    rows = known.groupby("node", as_index=False).agg(
        shards=("shard", "size"), listed=("listed", "sum"), dropped=("dropped", "sum")
    )
    percent = rows["dropped"] / rows["listed"].where(rows["listed"] > 0, 1)
    return rows.assign(percent=100.0 * percent).sort_values(["percent", "node"], ascending=[False, True], ignore_index=True)


@own_look()
def nodes_png(rows: pd.DataFrame) -> bytes:
    """Dropped share by node, a bar each; `rows` as `by_node` gives them. Of more than 40 nodes the worst are drawn."""
    drawn = rows.head(_MAX_NODES)
    figure = new_figure(90 + 24 * max(4, len(drawn)))
    axes = figure.subplots()
    shown = "" if len(drawn) == len(rows) else f", the {len(drawn)} with the most dropped clips"
    style(axes, f"Dropped by node: {count(len(rows), 'nodes')}, {count(int(rows['shards'].sum()), 'shards')}{shown}", grid="x")
    axes.barh(range(len(drawn)), drawn["percent"], height=0.66, color=BAD)
    axes.set_xlim(0, max(1.0, float(drawn["percent"].max()) * 1.5))
    name_rows(axes, drawn["node"].tolist(), min_rows=4)
    label(axes, "dropped, % of the node's clips", "")
    for row, node in enumerate(drawn.to_dict("records")):
        words = (
            f"{share(node['dropped'], node['listed'])} of {count(node['listed'], 'clips')} in {count(node['shards'], 'shards')}"
        )
        text(axes, node["percent"], row, f" {words}", color=MUTED)
    return png(figure)
