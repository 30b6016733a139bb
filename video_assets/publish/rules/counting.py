"""The rows of two tables, kept and dropped, as a funnel; no clip may be in both.

Belongs here: counting rows. Does not belong here: what a funnel is and how it reads (`core.funnel`), rules about its numbers
(`publish.rules.checks`).
"""

import pandas as pd

from video_assets.core.funnel import Funnel, funnel_from_counts


def count_funnel(kept: pd.DataFrame, dropped: pd.DataFrame) -> Funnel:
    """Count a stage's two halves.

    Args:
        kept: one row per kept clip; any columns.
        dropped: DROPPED, every clip dropped up to here.

    Raises:
        ValueError: a clip is counted twice; the message names the first ones.
    """
    _reject_twice(kept, dropped)
    sizes = dropped.groupby(["stage", "reason"], observed=True).size().reset_index(name="clips")
    counts: dict[str, dict[str, int]] = {}
    for stage, reason, clips in sizes.itertuples(index=False, name=None):
        counts.setdefault(stage, {})[reason] = clips
    return funnel_from_counts(len(kept), counts)


def _reject_twice(kept: pd.DataFrame, dropped: pd.DataFrame) -> None:
    keys = [dropped["clip_key"], *([kept["clip_key"]] if "clip_key" in kept else [])]
    every = pd.concat(keys, ignore_index=True)
    if twice := every[every.duplicated()].head(3).tolist():
        raise ValueError(f"clips counted more than once, first {twice}: materialize everything from the sources on")
