"""Decisions about clips that have to be fetched."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.schema import LEDGER
from video_assets.sources.fetching.fetches import (
    FETCHES,
    MAX_DETAIL,
    Fetch,
    OnDisk,
    merge_fetches,
    plan_fetches,
    summarize,
    to_ledger,
)

SEEN = OnDisk(100, 5)


def fetch(key="a.mp4", status="ok", **fields):
    is_ok = status == "ok"
    there = {"n_bytes": 100, "mtime_ns": 5, "crc32": "00000000", "path": f"/clips/{key}"} if is_ok else {}
    where = {"source": "openvid", "partition": "part0", "revision": "abc", "member": f"folder/{key}"}
    return Fetch(clip_key=f"openvid/part0/{key}", status=status, **{**where, **there, **fields})


def table(*fetches):
    return merge_fetches(FETCHES.frame(), [one.as_record() for one in fetches])


def plan(line, there):
    key, path = "openvid/part0/a.mp4", "/clips/a.mp4"
    made = plan_fetches({key: path}, table(*([line] if line else [])), {path: there} if there else {})
    return [name for name in ("done", "verify", "fetch", "given_up") if getattr(made, name)]


@pytest.mark.parametrize(
    ("line", "there", "expected"),
    [
        pytest.param(None, None, "fetch", id="new"),
        pytest.param(fetch(), SEEN, "done", id="ok and there"),
        pytest.param(fetch(), None, "fetch", id="ok but deleted"),
        pytest.param(fetch(), OnDisk(99, 5), "verify", id="ok but truncated"),
        pytest.param(fetch(), OnDisk(100, 6), "verify", id="ok but touched"),
        pytest.param(fetch(path="/elsewhere/a.mp4"), SEEN, "verify", id="ok but the data root moved"),
        pytest.param(None, SEEN, "verify", id="killed between file and line"),
        pytest.param(fetch(status="failed", reason="bad_crc", is_permanent=True), None, "given_up", id="failed for good"),
        pytest.param(fetch(status="failed", reason="network"), None, "fetch", id="failed, may work now"),
        pytest.param(fetch(status="skipped", reason="not_selected"), None, "fetch", id="not wanted then, wanted now"),
    ],
)
def test_what_is_there_is_not_fetched_again_and_what_may_work_now_is(line, there, expected):
    assert plan(line, there) == [expected]


def test_the_order_of_the_archive_is_kept():
    keys = {f"openvid/part0/{name}": f"/clips/{name}" for name in ("c.mp4", "a.mp4", "b.mp4")}
    assert plan_fetches(keys, FETCHES.frame(), {}).fetch == list(keys)


def test_the_line_that_finished_last_counts_whatever_the_order_of_the_parts():
    old = fetch(status="failed", reason="network", finished_at="2026-01-01T00:00:00Z")
    new = fetch(attempts=2, finished_at="2026-01-02T00:00:00Z")
    rows = merge_fetches(table(fetch("b.mp4")), [new.as_record(), old.as_record()])
    assert rows["clip_key"].to_list() == ["openvid/part0/a.mp4", "openvid/part0/b.mp4"]
    assert rows.loc[0, ["status", "attempts"]].to_list() == ["ok", 2]


def test_every_listed_clip_has_one_status_in_the_raw_ledger_and_failed_ones_wait_when_they_are_tried_again():
    rows = table(
        fetch("ok.mp4"),
        fetch("again.mp4", "failed", reason="network", detail="reset by peer"),
        fetch("lost.mp4", "failed", reason="bad_crc", is_permanent=True),
        fetch("other.mp4", "skipped", reason="not_selected"),
    )
    captions = pd.DataFrame([{"clip_key": "openvid/part0/ok.mp4", "text": "a dog", "extras": '{"fps": 30}'}])
    ledger = to_ledger(rows, captions).set_index("clip_key")
    assert list(ledger.reset_index().columns) == LEDGER.names
    assert ledger["status"].to_dict() == {
        "openvid/part0/again.mp4": "waiting",
        "openvid/part0/lost.mp4": "failed",
        "openvid/part0/ok.mp4": "ok",
        "openvid/part0/other.mp4": "skipped",
    }
    ok = ledger.loc["openvid/part0/ok.mp4"]
    assert ok[["text", "extras", "file_size", "mtime_ns", "reason"]].to_list() == ["a dog", '{"fps": 30}', 100, 5, ""]
    assert ok["origin"] == "part0: folder/ok.mp4"
    assert ledger["file_size"].isna().sum() == 3
    assert (ledger["text"] == "").sum() == 3


def test_what_is_known_beside_ok_stands_in_the_detail():
    rows = table(fetch(reason="broken_at_source", detail="CRC-32 00000000, fetched twice"))
    captions = rows.assign(text="a dog", extras="{}")[["clip_key", "text", "extras"]]
    line = to_ledger(rows, captions).iloc[0]
    assert (line["status"], line["reason"]) == ("ok", "")
    assert line["detail"] == "broken_at_source: CRC-32 00000000, fetched twice"


@given(st.lists(st.tuples(st.sampled_from(["ok", "skipped", "failed"]), st.booleans(), st.sampled_from(["network", "bad_crc"]))))
def test_the_summary_counts_every_clip_once(lines):
    fetches = [
        fetch(f"{number}.mp4", status, reason="" if status == "ok" else reason, is_permanent=is_permanent)
        for number, (status, is_permanent, reason) in enumerate(lines)
    ]
    counted = summarize(table(*fetches))
    assert counted.listed == len(lines) == counted.ok + counted.skipped + counted.waiting + counted.failed
    assert sum(counted.by_reason.values()) == counted.listed - counted.ok
    assert counted.n_bytes == 100 * counted.ok


def test_what_strangers_write_does_not_fill_the_ledger():
    assert len(fetch(detail="x" * 10_000).as_record()["detail"]) == MAX_DETAIL
