"""Rules about numbers: a jump is told with the reason and both shares, chance and small tables are not."""

import pytest

from video_assets.core.funnel import funnel_from_counts
from video_assets.publish.rules.checks import drop_rate, reasons_as_before


def finding(now, before, **limits):
    funnels = [counts and funnel_from_counts(counts[0], {"decode_check": counts[1]}) for counts in (now, before)]
    return reasons_as_before(*funnels, **{"max_rise": 0.1, **limits})


def test_a_reason_that_takes_far_more_than_before_is_named_with_both_shares():
    found = finding((6_000, {"truncated": 4_000, "no_video": 10}), (9_900, {"truncated": 100, "no_video": 10}))
    assert not found.is_passed
    assert "truncated takes 40 % of the clips, 1 % in the version before" in found.description
    assert "no_video" not in found.description


def test_a_reason_that_nobody_saw_before_counts_too():
    assert not finding((500, {"timeout": 500}), (1_000, {})).is_passed


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ((1_000, {"truncated": 90}), (1_000, {"truncated": 10})),  # within the limit
        ((3, {"truncated": 1}), (4, {})),  # one clip of four is an accident
        ((900, {}), (100, {"truncated": 900})),  # it fell
        ((10, {"truncated": 990}), None),  # nothing to compare with
    ],
)
def test_what_is_within_the_limit_or_an_accident_is_no_warning(now, before):
    assert finding(now, before).is_passed


def test_a_rule_that_does_not_hold_says_what_to_do():
    funnel = funnel_from_counts(1, {"decode_check": {"truncated": 2}})
    too_many, fine = (drop_rate(funnel, max_drop_share=limit, max_bad_share=1) for limit in (0.1, 0.9))
    assert too_many.advised.startswith(
        "66.7 % of 3 wanted clips dropped (limit 10 %), 66.7 % of 3 decoded clips bad (limit 100 %). "
    )
    assert "raise checks.max_drop_share" in too_many.advised
    assert fine.advised == fine.description
    assert too_many.numbers["drop_share"] == 0.6667, "the UI shows all digits"
