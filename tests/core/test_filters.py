"""Filters return both halves: nothing vanishes, nothing is counted twice, each drop has stage, reason and detail."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_halves import assert_partition

from video_assets.core import filters, verdicts
from video_assets.core.pictures import PictureDemands
from video_assets.core.schema import CHECKED, CLIPS, LEDGER
from video_assets.explain.reasons import MEANINGS
from video_assets.publish.rules import drops
from video_assets.sources.fetching import fetches
from video_assets.sources.own_clips import statuses as ledger

_TEXTS = st.sampled_from(["a dog", "", " \t\n", "\u200b", "None", "null", "NA", "0", "空", ".", "\u3000", "é"])


def listed(**columns):
    n = len(next(iter(columns.values())))
    keys = [f"own_clips/{i}.mp4" for i in range(n)]
    base = {"clip_key": keys, "source": "own_clips", "path": keys, "text": "a dog", "status": "ok", "reason": "", "detail": ""}
    return LEDGER.frame(pd.DataFrame(base | {"origin": "folder", "extras": "{}"} | columns, index=range(n)))


def checked(**columns):
    n = len(next(iter(columns.values())))
    keys = [f"own_clips/{i}.mp4" for i in range(n)]
    base = {"clip_key": keys, "source": "own_clips", "path": keys, "text": "a dog", "num_frames": 5, "height": 4, "width": 6}
    base |= {"fps": 25.0, "file_size": 10, "mtime_ns": 1, "probe_status": "ok", "probe_detail": "", "extras": "{}"}
    base |= {"verdict": "good", "reason": "", "errors": "", "checker_version": "1", "ffmpeg_versions": "1", "content_hash": keys}
    return CHECKED.frame(pd.DataFrame(base | columns, index=range(n)))


@given(st.lists(st.sampled_from([("ok", ""), ("waiting", "still_being_copied"), ("failed", "missing_file"), ("failed", "")])))
def test_what_a_source_could_not_give_is_dropped_at_that_source_with_its_reason(statuses):
    before = listed(status=[s for s, _ in statuses], reason=[r for _, r in statuses]) if statuses else LEDGER.frame()
    split = filters.drop_not_ok(before)
    assert_partition(split, before)
    assert set(split.kept["status"]) <= {"ok"}
    assert set(split.dropped["stage"]) <= {"own_clips"}
    assert all(split.dropped["reason"])


@given(st.lists(_TEXTS))
def test_only_white_space_is_no_caption(texts):
    before = listed(text=texts) if texts else LEDGER.frame()
    split = filters.drop_empty_captions(before)
    assert_partition(split, before)
    assert set(split.kept["text"]).isdisjoint({"", " \t\n", "\u200b", "\u3000"})
    assert len(split.kept) == sum(text in {"a dog", "None", "null", "NA", "0", "空", ".", "é"} for text in texts)


@given(st.lists(st.integers(0, 2**40)), st.integers(1, 2**40))
def test_only_clips_larger_than_the_limit_are_dropped_and_both_numbers_are_told(sizes, max_bytes):
    before = CLIPS.frame(checked(file_size=sizes)) if sizes else CLIPS.frame()
    split = filters.drop_too_large(before, max_bytes=max_bytes)
    assert_partition(split, before)
    assert (split.kept["file_size"] <= max_bytes).all()
    assert len(split.dropped) == sum(size > max_bytes for size in sizes)
    assert all(f"{max_bytes:,} bytes" in detail for detail in split.dropped["detail"])


def test_a_clip_of_exactly_the_limit_stays():
    split = filters.drop_too_large(checked(file_size=[50 << 20, (50 << 20) + 1]), max_bytes=50 << 20)
    assert split.kept["clip_key"].tolist() == ["own_clips/0.mp4"]
    assert split.dropped["detail"].tolist() == ["50.0 MiB (52,428,801 bytes); the limit is 50.0 MiB (52,428,800 bytes)"]


_VERDICTS = st.tuples(st.sampled_from(sorted(verdicts.VERDICTS)), st.sampled_from(["", *sorted(verdicts.REASONS)]))


@given(st.lists(_VERDICTS), st.sets(st.sampled_from(sorted(verdicts.REASONS))))
def test_a_clip_stays_only_when_good_or_bad_for_a_tolerated_reason(given_verdicts, tolerated):
    before = CHECKED.frame()
    if given_verdicts:
        before = checked(verdict=[v for v, _ in given_verdicts], reason=[r for _, r in given_verdicts])
    split = filters.split_by_verdict(before, tolerated_reasons=tuple(tolerated))
    assert_partition(split, before)
    for verdict, reason in zip(split.kept["verdict"], split.kept["reason"], strict=True):
        assert verdict == "good" or (verdict == "bad" and reason in tolerated)
    assert set(split.dropped["stage"]) <= {"decode_check"}
    assert all(split.dropped["reason"])


@pytest.mark.parametrize("column", ["num_frames", "height", "width", "fps"])
@pytest.mark.parametrize("value", [None, 0])
def test_a_good_clip_without_a_number_that_training_needs_is_dropped(column, value):
    split = filters.split_by_verdict(checked(**{column: [value, 3]}), tolerated_reasons=())
    assert split.kept["clip_key"].tolist() == ["own_clips/1.mp4"]
    assert split.dropped["reason"].tolist() == ["not_measured"]
    assert column in split.dropped["detail"][0]


SHOWN = {
    "is_black": [True, False, False, False, False],
    "black_share": [1.0, 0.0, 0.0, 0.0, 0.0],
    "is_static": [True, True, False, False, False],
    "static_share": [1.0, 0.967, 0.0, 0.0, 0.1],
    "starts_at_s": [0.0, 0.0, 0.6, 0.5, 0.0],
    "missing_s": [0.0, 0.0, 0.6, 2.5, 2.0],
}


@pytest.mark.parametrize(
    ("demands", "reasons"),
    [
        (PictureDemands(), {}),
        (PictureDemands(refused=("black",)), {0: "black_video"}),
        (PictureDemands(refused=("static",)), {0: "static_video", 1: "static_video"}),
        (PictureDemands(refused=("static", "black")), {0: "black_video", 1: "static_video"}),
        (PictureDemands(max_start_gap_s=0.5), {2: "late_start"}),
        (PictureDemands(max_missing_s=2.0), {3: "missing_pictures"}),
        (
            PictureDemands(refused=("static",), max_start_gap_s=0.5, max_missing_s=0.5),
            {0: "static_video", 1: "static_video", 2: "late_start", 3: "missing_pictures", 4: "missing_pictures"},
        ),
    ],
)
def test_good_clips_are_dropped_for_their_pictures_only_when_it_is_demanded(demands, reasons):
    before = checked(**SHOWN)
    split = filters.split_by_verdict(before, tolerated_reasons=(), demands=demands)
    assert_partition(split, before)
    assert dict(zip(split.dropped["clip_key"], split.dropped["reason"], strict=True)) == {
        f"own_clips/{number}.mp4": reason for number, reason in reasons.items()
    }
    assert all(split.dropped["detail"])


def test_the_words_about_pictures_have_share_and_limit():
    demands = PictureDemands(refused=("static",), max_missing_s=2.0)
    dropped = filters.split_by_verdict(checked(**SHOWN), tolerated_reasons=(), demands=demands).dropped
    assert dropped["detail"].tolist() == ["for 100.0 % of the video", "for 96.7 % of the video", "2.5 s; the limit is 2.0 s"]


def test_a_clip_of_which_it_is_not_known_what_is_demanded_is_not_kept():
    split = filters.split_by_verdict(
        checked(is_static=[None, False]), tolerated_reasons=(), demands=PictureDemands(refused=("static",))
    )
    assert split.kept["clip_key"].tolist() == ["own_clips/1.mp4"]
    assert split.dropped[["reason", "detail"]].values.tolist() == [["not_measured", "not known after decoding: is_static"]]


def test_the_words_of_ffmpeg_become_the_detail():
    split = filters.split_by_verdict(checked(verdict=["bad"], reason=["truncated"], errors=["eof\nagain"]), tolerated_reasons=())
    assert split.dropped.to_dict("records") == [
        {
            "clip_key": "own_clips/0.mp4",
            "source": "own_clips",
            "path": "own_clips/0.mp4",
            "stage": "decode_check",
            "reason": "truncated",
            "detail": "eof\nagain",
        }
    ]


def test_clips_that_changed_since_they_were_listed_are_all_dropped():
    before = CLIPS.frame(checked(file_size=[1, 2]))
    split = filters.drop_changed(before)
    assert_partition(split, before)
    assert split.dropped["reason"].tolist() == ["changed_since_listing"] * 2


def test_an_undecided_clip_is_an_error_that_names_it():
    mask = pd.Series([True, None], dtype="boolean")
    with pytest.raises(ValueError, match=r"neither kept nor dropped, first 'own_clips/1.mp4'"):
        filters.drop(listed(text=["a", "b"]), mask, stage="x", reason="y", detail="z")


def test_every_reason_has_a_meaning():
    of_modules = {*ledger.REASONS, *fetches.REASONS, *filters.REASONS, *drops.REASONS, *verdicts.REASONS, *verdicts.VERDICTS}
    assert set(MEANINGS) >= of_modules - {"good", "bad"}
    assert all(MEANINGS.values())
