"""A measurement counts for the bytes it was taken from, and for nothing else."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.matching import (
    PROBES,
    has_repeats,
    have_same_keys,
    is_in_order,
    is_rising,
    match_fingerprints,
    merge_probes,
    merge_verdicts,
    plan_probes,
    repeated,
    shared,
)
from video_assets.core.schema import CHECKED, CLIPS, LEDGER, VERDICTS

NOW_NS = 1_700_000_000_123_456_789  # more than a float can hold
_FEW_KEYS = st.sampled_from(["a", "aé", "b", "ß", "", "𝄞"])
_TEXT = pd.ArrowDtype(pa.string())


def listed(name, *, size=10, mtime_ns=NOW_NS, text="a dog", path=None):
    row = {"clip_key": f"s/{name}", "source": "s", "path": path or f"/clips/{name}", "text": text, "status": "ok", "reason": ""}
    return row | {"detail": "", "file_size": size, "mtime_ns": mtime_ns, "origin": "folder", "extras": "{}"}


def measured(name, *, size=10, mtime_ns=NOW_NS, frames=90, height=720, width=1280):
    row = {
        "clip_key": f"s/{name}",
        "file_size": size,
        "mtime_ns": mtime_ns,
        "num_frames": frames,
        "height": height,
        "width": width,
    }
    codec = {"video_codec": "h264", "pix_fmt": "yuv420p", "rotation_deg": 0}
    return row | codec | {"fps": 25.0, "duration_s": 3.6, "header_frames": None, "packet_frames": frames}


def probed(name, *, status="ok", detail="", **facts):
    return measured(name, **facts) | {"probe_status": status, "probe_detail": detail}


def decided(name, *, verdict="good", reason="", **facts):
    words = {"verdict": verdict, "reason": reason, "errors": "", "checker_version": "1", "ffmpeg_versions": "1"}
    return measured(name, **facts) | words


def keys(rows):
    return rows["clip_key"].tolist()


def test_only_new_and_changed_clips_and_those_that_could_not_be_read_are_probed():
    first = LEDGER.frame([listed("same"), listed("grown"), listed("touched"), listed("unread"), listed("broken")])
    status = {"unread": ("unreadable_now", "EIO"), "broken": ("no_video", "")}
    probes = [probed(n, status=status.get(n, ("ok", ""))[0]) for n in ("same", "grown", "touched", "unread", "broken")]
    clips = merge_probes(first, None, PROBES.frame(probes))
    second = [listed("same"), listed("grown", size=11), listed("touched", mtime_ns=NOW_NS + 1), listed("unread")]
    again = plan_probes(LEDGER.frame([*second, listed("broken"), listed("new")]), clips)
    assert keys(again) == ["s/grown", "s/touched", "s/unread", "s/new"]
    assert list(again.columns) == LEDGER.names


def test_probes_that_a_killed_run_left_behind_are_not_repeated():
    rows = LEDGER.frame([listed("a"), listed("b")])
    assert keys(plan_probes(rows, None, PROBES.frame([probed("a")]))) == ["s/b"]


def test_without_earlier_rows_every_clip_is_probed():
    rows = LEDGER.frame([listed("a"), listed("b")])
    assert keys(plan_probes(rows, None)) == ["s/a", "s/b"]


def test_captions_and_paths_come_from_the_listing_and_measurements_from_the_probe():
    known = merge_probes(LEDGER.frame([listed("a", text="old", path="/old")]), None, PROBES.frame([probed("a")]))
    clips = merge_probes(LEDGER.frame([listed("a", text="new", path="/new")]), known, PROBES.frame())
    row = clips.iloc[0]
    assert (row["text"], row["path"]) == ("new", "/new")
    assert (row["num_frames"], row["aspect_ratio"], row["resolution"]) == (90, 720 / 1280, 720 * 1280)
    assert row["mtime_ns"] == NOW_NS


def test_rows_come_in_the_order_of_the_clip_key():
    rows = LEDGER.frame([listed("b"), listed("é"), listed("a"), listed("B")])
    clips = merge_probes(rows, None, PROBES.frame([probed(n) for n in ("é", "a", "b", "B")]))
    assert keys(clips) == ["s/B", "s/a", "s/b", "s/é"]


def test_a_clip_without_a_matching_probe_stays_says_why_and_is_planned_again():
    rows = LEDGER.frame([listed("changed"), listed("gone"), listed("fine")])
    lost = probed(
        "gone", status="unreadable_now", detail="EIO: /clips/gone", size=None, mtime_ns=None, frames=None, height=None, width=None
    )
    clips = merge_probes(rows, None, PROBES.frame([probed("changed", size=11), lost, probed("fine")]))
    assert keys(clips) == ["s/changed", "s/fine", "s/gone"]
    assert clips["probe_status"].tolist() == ["unreadable_now", "ok", "unreadable_now"]
    assert clips["probe_detail"].tolist() == ["the file changed between listing and probing", "", "EIO: /clips/gone"]
    assert clips["num_frames"].isna().tolist() == [True, False, True]
    assert keys(plan_probes(rows, clips)) == ["s/changed", "s/gone"]


def test_a_container_that_could_not_be_read_stays_with_its_reason():
    failed = probed("a", status="unreadable_container", detail="moov atom not found", frames=None, height=None, width=None)
    clips = merge_probes(LEDGER.frame([listed("a")]), None, PROBES.frame([failed]))
    assert clips[["probe_status", "probe_detail"]].to_numpy().tolist() == [["unreadable_container", "moov atom not found"]]
    assert clips[["aspect_ratio", "resolution"]].isna().all(axis=None)


def test_decoded_numbers_replace_probed_ones_and_the_shape_follows():
    clips = merge_probes(LEDGER.frame([listed("a")]), None, PROBES.frame([probed("a", frames=100)]))
    merged = merge_verdicts(clips, VERDICTS.frame([decided("a", frames=48, height=360, width=480) | {"fps": None}]))
    row = merged.checked.iloc[0]
    assert (row["num_frames"], row["height"], row["width"], row["resolution"]) == (48, 360, 480, 360 * 480)
    assert row["aspect_ratio"] == 0.75
    assert row["fps"] == 25.0
    assert merged.unchecked.empty
    assert list(merged.checked.columns) == CHECKED.names


def test_a_count_that_the_decode_does_not_have_is_not_taken_from_the_probe():
    clips = merge_probes(LEDGER.frame([listed("a")]), None, PROBES.frame([probed("a", frames=100)]))
    verdict = decided("a", verdict="timeout", frames=None, height=None, width=None)
    assert merge_verdicts(clips, VERDICTS.frame([verdict])).checked["num_frames"].isna().all()


def test_clips_without_a_verdict_are_returned_apart():
    rows = LEDGER.frame([listed("a"), listed("b")])
    clips = merge_probes(rows, None, PROBES.frame([probed("a"), probed("b")]))
    merged = merge_verdicts(clips, VERDICTS.frame([decided("b")]))
    assert (keys(merged.checked), keys(merged.unchecked)) == (["s/b"], ["s/a"])
    assert list(merged.unchecked.columns) == CLIPS.names


_FINGERPRINTS = st.tuples(st.sampled_from("abc"), st.integers(1, 2), st.integers(NOW_NS, NOW_NS + 1))


@given(st.lists(_FINGERPRINTS, unique_by=lambda clip: clip[0]), st.lists(_FINGERPRINTS))
def test_no_verdict_ever_goes_to_another_fingerprint(clips, verdicts):
    rows = LEDGER.frame([listed(name, size=size, mtime_ns=mtime) for name, size, mtime in clips])
    shard_list = merge_probes(rows, None, PROBES.frame([probed(n, size=s, mtime_ns=m) for n, s, m in clips]))
    # Each verdict says by its frame count which one it is.
    given_verdicts = [decided(n, size=s, mtime_ns=m, frames=1 + i) for i, (n, s, m) in enumerate(verdicts)]
    merged = merge_verdicts(shard_list, VERDICTS.frame(given_verdicts))
    assert sorted(keys(merged.checked) + keys(merged.unchecked)) == sorted(f"s/{name}" for name, _, _ in clips)
    by_key = {f"s/{clip[0]}": clip for clip in clips}
    for key, frames in zip(merged.checked["clip_key"], merged.checked["num_frames"], strict=True):
        assert verdicts[frames - 1] == by_key[key]
        assert by_key[key] not in verdicts[frames:], "the last verdict about the same bytes counts"
    assert all(by_key[key] not in verdicts for key in keys(merged.unchecked))


def test_matching_survives_columns_of_several_chunks():
    parts = [PROBES.frame([probed(name)]) for name in "abc"]
    known = pd.concat(parts, ignore_index=True)
    rows = LEDGER.frame([listed("c"), listed("x"), listed("a")])
    assert match_fingerprints(rows, known).tolist() == [2, -1, 0]
    assert merge_probes(rows, known, PROBES.frame())["probe_status"].tolist() == ["ok", "ok", "unreadable_now"]


@pytest.mark.parametrize("n_known", [100_000])
def test_twenty_new_clips_among_a_hundred_thousand_cost_seconds(n_known):
    names = [f"{number:06}" for number in range(n_known + 20)]
    keys_column = [f"s/{name}" for name in names]
    base = {"clip_key": keys_column, "source": "s", "path": keys_column, "text": "a dog", "file_size": 10, "mtime_ns": NOW_NS}
    rows = LEDGER.frame(pd.DataFrame(base | {"status": "ok", "reason": "", "detail": "", "origin": "", "extras": "{}"}))
    known = CLIPS.frame(pd.DataFrame(base | {"probe_status": "ok", "probe_detail": "", "extras": "{}"})[:n_known])
    todo = plan_probes(rows, known)
    assert keys(todo) == keys_column[n_known:]
    clips = merge_probes(rows, known, PROBES.frame([probed(name) for name in names[n_known:]]))
    assert len(clips) == n_known + 20
    assert keys(plan_probes(rows, clips)) == []


@given(st.lists(_FEW_KEYS), st.lists(_FEW_KEYS), st.integers(0, 9))
def test_order_and_repeats_of_keys_are_what_python_says(some, others, cut):
    column = _in_chunks(some, cut)
    assert is_in_order(column) == (some == sorted(some))
    assert is_rising(column) == (some == sorted(set(some)))
    assert has_repeats(column) == (len(set(some)) < len(some))
    assert repeated(column).tolist() == [key for place, key in enumerate(some) if key in some[:place]]
    assert have_same_keys(column, pd.Series(others, dtype=_TEXT)) == (sorted(set(some)) == sorted(some) == sorted(others))


@given(st.lists(st.none() | _FEW_KEYS), st.integers(0, 9))
def test_a_key_is_shared_by_rows_that_both_have_it_and_null_is_none(some, cut):
    assert shared(_in_chunks(some, cut)).tolist() == [key is not None and some.count(key) > 1 for key in some]


@given(st.lists(_FEW_KEYS, unique=True).flatmap(lambda keys: st.tuples(st.just(keys), st.permutations(keys))), st.integers(0, 9))
def test_the_same_keys_in_another_order_are_the_same_keys(both, cut):
    assert have_same_keys(_in_chunks(both[0], cut), _in_chunks(both[1], cut))


def _in_chunks(keys, cut):
    return pd.concat([pd.Series(keys[:cut], dtype=_TEXT), pd.Series(keys[cut:], dtype=_TEXT)], ignore_index=True)
