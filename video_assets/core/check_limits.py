"""Which verdicts hold under the limits of the decode check, which settings may change after the verdicts were given.

A clip that was too long for another limit was not decoded, and one that was decoded may be too long now: both are checked again.
What is too long now costs nothing, since the check looks at the length first. A clip that took too much time or memory is checked
again when it may take more than it could then.
Belongs here: that choice, on whole columns. Does not belong here: versions of the rules (`core.older_rules`), media.
"""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # settings read this module, and load without it


@dataclass(frozen=True)
class CheckLimits:
    """What a clip may last and take, in the units of the names; those of `[decode]`. Each is a column of VERDICTS."""

    max_duration_s: float | None
    timeout_s: float
    cpu_s: float
    memory_mib: int


# Verdicts of before limits were noted count as given under the defaults of then.
_NOT_NOTED = CheckLimits(max_duration_s=None, timeout_s=900.0, cpu_s=600.0, memory_mib=4096)
# What may be otherwise when the clip may take more of what.
_SCARCE = {"timeout": ("timeout_s", "cpu_s"), "out_of_memory": ("memory_mib",)}


def verdicts_within(verdicts: "pd.DataFrame", limits: CheckLimits) -> "pd.DataFrame":
    """Rows of VERDICTS (any number) that would be given again under these limits; the others are left out."""
    rows = _of_length(verdicts, limits.max_duration_s)
    if not rows["verdict"].isin(_SCARCE).any():  # nearly always
        return rows
    masks = [_has_more(rows, verdict, name, limits) for verdict, names in _SCARCE.items() for name in names]
    return rows[~reduce(or_, masks)]


def _has_more(rows: "pd.DataFrame", verdict: str, name: str, limits: CheckLimits) -> "pd.Series":
    given_under = rows[name].fillna(getattr(_NOT_NOTED, name))
    return ((rows["verdict"] == verdict) & (given_under < getattr(limits, name))).astype(bool)


def _of_length(verdicts: "pd.DataFrame", max_duration_s: float | None) -> "pd.DataFrame":
    is_too_long = verdicts["reason"] == "too_long"
    if max_duration_s is None:
        return verdicts if not is_too_long.any() else verdicts[~is_too_long]
    given_under, length_s = verdicts["max_duration_s"], verdicts["duration_s"]
    by_frames_s = (verdicts["num_frames"] / verdicts["fps"]).fillna(0.0)
    is_within = (length_s <= max_duration_s) & (by_frames_s <= max_duration_s)
    # Its words name the limit.
    is_told_so = given_under == max_duration_s
    holds = is_told_so.where(is_too_long, (given_under <= max_duration_s) | is_within)
    return verdicts[holds.fillna(value=False).astype(bool)]
