"""Which verdicts hold under a limit on the length of clips, which a setting may change after they were given.

A clip that was too long for another limit was not decoded, and one that was decoded may be too long now: both are checked again.
What is too long now costs nothing, since the check looks at the length first.
Belongs here: that choice, on whole columns. Does not belong here: versions of the rules (`core.older_rules`), media.
"""

import pandas as pd

TOO_LONG = "too_long"


def verdicts_within(verdicts: pd.DataFrame, max_duration_s: float | None) -> pd.DataFrame:
    """Rows of VERDICTS that would be given again under this limit; the others are left out.

    Args:
        verdicts: any number of rows. Those without a `max_duration_s` were given without a limit, or before it was noted.
        max_duration_s: clips that last longer are too long; None: no limit.
    """
    is_too_long = verdicts["reason"] == TOO_LONG
    if max_duration_s is None:
        return verdicts if not is_too_long.any() else verdicts[~is_too_long]
    given_under, length_s = verdicts["max_duration_s"], verdicts["duration_s"]
    by_frames_s = (verdicts["num_frames"] / verdicts["fps"]).fillna(0.0)
    is_within = (length_s <= max_duration_s) & (by_frames_s <= max_duration_s)
    # Its words name the limit.
    is_told_so = given_under == max_duration_s
    holds = is_told_so.where(is_too_long, (given_under <= max_duration_s) | is_within)
    return verdicts[holds.fillna(value=False).astype(bool)]
