"""Rows of kept and dropped clips as a funnel."""

import pandas as pd
import pytest

from video_assets.core.schema import DROPPED
from video_assets.publish.rules.counting import count_funnel


def dropped_rows(*stage_and_reason):
    return DROPPED.frame(
        {"clip_key": f"own_clips/{i}.mp4", "source": "own_clips", "path": f"/c/{i}.mp4", "stage": s, "reason": r, "detail": ""}
        for i, (s, r) in enumerate(stage_and_reason)
    )


LOSSES = (
    ("decode_check", "truncated"),
    ("decode_check", "corrupt_video"),
    ("decode_check", "corrupt_video"),
    ("own_clips", "missing"),
    ("training_csv", "duplicate"),
    ("enriched_metadata", "empty_caption"),
    ("size_filtered", "larger_than_limit"),
)


def test_the_funnel_follows_the_pipeline_and_puts_the_commonest_reason_first():
    result = count_funnel(3, dropped_rows(*LOSSES))
    assert [stage for stage, _ in result.stages] == [
        "own_clips",
        "enriched_metadata",
        "size_filtered",
        "decode_check",
        "training_csv",
    ]
    assert result.counts["decode_check"] == {"corrupt_video": 2, "truncated": 1}
    assert (result.listed, result.dropped, result.kept) == (10, 7, 3)


def test_a_clip_that_is_dropped_twice_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"counted more than once, first \['own_clips/0.mp4'\]"):
        count_funnel(1, pd.concat([dropped_rows(*LOSSES), dropped_rows(LOSSES[0])]))
