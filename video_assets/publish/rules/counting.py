"""The rows of two tables, kept and dropped, as a funnel; no clip may be dropped twice.

Belongs here: counting rows. Does not belong here: what a funnel is and how it reads (`core.funnel`), rules about its numbers
(`publish.rules.checks`).
"""

import pandas as pd

from video_assets.core.funnel import Funnel, funnel_from_counts


def count_funnel(n_kept: int, dropped: pd.DataFrame) -> Funnel:
    """Count a stage's two halves.

    Args:
        n_kept: clips that it kept.
        dropped: DROPPED, every clip dropped up to here.

    Raises:
        ValueError: a clip is counted twice; the message names the first ones.
    """
    keys = dropped["clip_key"]
    if twice := keys[keys.duplicated()].head(3).tolist():
        raise ValueError(f"clips counted more than once, first {twice}: materialize everything from the sources on")
    sizes = dropped.groupby(["stage", "reason"], observed=True).size().reset_index(name="clips")
    counts: dict[str, dict[str, int]] = {}
    for stage, reason, clips in sizes.itertuples(index=False, name=None):
        counts.setdefault(stage, {})[reason] = clips
    return funnel_from_counts(n_kept, counts)
