"""The report of a published table: pictures on disk, and the funnel that they show.

Belongs here: which pictures there are. Does not belong here: how they are drawn (`io.plots`, `io.contact_sheet`).
"""

from dataclasses import dataclass

import pandas as pd

from video_assets.core.report import Funnel, funnel, shard_outliers
from video_assets.core.schema import CHECKED, DROPPED
from video_assets.core.sharding import shard_keys
from video_assets.io import plots
from video_assets.io.audit import shard_counts
from video_assets.io.contact_sheet import contact_sheets
from video_assets.io.layout import Layout
from video_assets.io.stages import read_stage
from video_assets.io.tables import durable_write, read_table
from video_assets.settings import Settings

_MEASURED = ["clip_key", "file_size", "duration_s", "height", "width", "fps"]


@dataclass(frozen=True)
class Report:
    """The funnel, and PNG pictures by name."""

    funnel: Funnel
    pictures: dict[str, bytes]


def write_report(layout: Layout, settings: Settings) -> Report:
    """Draw the report of the published table into `training/report/`.

    Raises:
        StageError, FileNotFoundError: nothing is published.
    """
    shards = shard_keys(settings.decode.n_shards)
    kept = pd.concat([read_stage(layout.checked(shard), CHECKED, columns=_MEASURED).kept for shard in shards])
    dropped = read_table(layout.dropped, DROPPED).rows
    kept = kept[~kept["clip_key"].isin(set(dropped["clip_key"]))]
    counted = funnel(kept, dropped)
    counts = shard_counts(layout, shards)
    pictures = {
        "funnel": plots.funnel_png(counted),
        "histograms": plots.histograms_png(kept),
        "drop_reasons": plots.drop_reasons_png(counted),
        "shards": plots.shards_png(counts, outliers=shard_outliers(counts, max_excess=settings.checks.max_shard_excess)),
        **contact_sheets(layout, settings),
    }
    for name, png in pictures.items():
        with durable_write(layout.report / f"{name}.png") as file:
            file.write(png)
    return Report(funnel=counted, pictures=pictures)
