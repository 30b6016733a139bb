"""What every filter promises of both halves."""

import pandas as pd

from video_assets.core.filters import Split
from video_assets.core.schema import DROPPED


def assert_partition(split: Split, before: pd.DataFrame) -> None:
    """Kept rows are rows of before, unchanged and in order; with the dropped ones they are all of it."""
    assert list(split.kept.columns) == list(before.columns)
    assert list(split.dropped.columns) == DROPPED.names
    kept, dropped = set(split.kept["clip_key"]), set(split.dropped["clip_key"])
    assert len(split.kept) + len(split.dropped) == len(before)
    assert kept | dropped == set(before["clip_key"])
    expected = before[before["clip_key"].isin(kept)].reset_index(drop=True)
    pd.testing.assert_frame_equal(split.kept, expected)
