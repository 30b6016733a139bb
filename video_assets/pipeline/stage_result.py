"""What the stages that work on whole tables give back.

Belongs here: that value. Does not belong here: making it (`pipeline.enrich`, `pipeline.size_filter`).
"""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class StageResult:
    """A stage that was written: its rows, what it dropped itself, and its hash."""

    kept: pd.DataFrame
    dropped: pd.DataFrame
    content_hash: str
    n_new: int = 0
