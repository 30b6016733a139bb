"""What a publication leaves out: both halves come back, each drop with its stage, reason and detail."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from split_halves import assert_partition

from video_assets.core.schema import CHECKED
from video_assets.publish.rules.drops import drop_duplicate_content, drop_excluded


def clips_with(hashes):
    keys = [f"own_clips/{number}.mp4" for number in range(len(hashes))]
    columns = {"clip_key": keys, "source": "own_clips", "path": keys, "content_hash": hashes}
    return pd.DataFrame(columns, dtype=CHECKED.frame()["clip_key"].dtype)


@given(st.lists(st.sampled_from([None, "x", "y", "z"])), st.randoms())
def test_of_clips_with_the_same_bytes_the_first_by_key_is_kept_whatever_the_order(hashes, random):
    before = clips_with(hashes)
    before = before.sample(frac=1, random_state=random.randrange(1000)).reset_index(drop=True)
    split = drop_duplicate_content(before)
    assert_partition(split, before)
    assert len(split.kept) == sum(h is None for h in hashes) + len(set(hashes) - {None})
    known = split.kept[split.kept["content_hash"].notna()].set_index("content_hash")["clip_key"]
    for key, detail in zip(split.dropped["clip_key"], split.dropped["detail"], strict=True):
        twin = detail.removeprefix("same bytes as ")
        assert twin < key
        assert twin == known[before.set_index("clip_key")["content_hash"][key]]


def test_what_a_person_excluded_goes_with_the_words_of_that_person():
    before = clips_with([None, None, None])
    split = drop_excluded(before, {"own_clips/1.mp4": "a watermark", "own_clips/9.mp4": "not there"})
    assert_partition(split, before)
    assert split.dropped[["clip_key", "stage", "reason", "detail"]].values.tolist() == [
        ["own_clips/1.mp4", "training_csv", "excluded", "a watermark"]
    ]
