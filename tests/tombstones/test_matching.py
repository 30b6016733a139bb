"""A line of a request names exactly the clips it means, in every spelling that people and sources use, and no other clip."""

import time

import pandas as pd
import pytest

from video_assets.tombstones.matching import Tombstones, bury, drop_taken_down
from video_assets.tombstones.requests import read_request

VIDEO = "---_iRTHryQ"


def stones(*lines):
    return Tombstones((entry.kind, entry.value, entry.text) for entry in read_request("\n".join(lines)).entries)


def test_nothing_is_taken_down_by_an_empty_request():
    assert read_request("# nothing\n").entries == ()
    assert not Tombstones().is_taken_down(clip_key="own_clips/a.mp4", url="https://example.org", member="a.mp4")


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        (VIDEO, {"clip_key": f"openvid/part000/{VIDEO}_13_0to241.mp4"}),
        (VIDEO, {"member": f"celebv_{VIDEO}_0.mp4"}),
        (VIDEO, {"member": f"000000000012_{VIDEO}-000003.mp4"}),
        (VIDEO, {"member": f"{VIDEO}.mp4"}),
        (VIDEO, {"url": f"https://youtu.be/{VIDEO}"}),
        (f"https://www.youtube.com/watch?v={VIDEO}", {"clip_key": f"openvid/part000/{VIDEO}_13_0to241.mp4"}),
        (f"https://www.youtube.com/watch?v={VIDEO}", {"source_id": VIDEO}),
        ("https://example.org/a.mp4", {"url": "http://www.example.org/a.mp4#t=1"}),
        ("a.mp4", {"path": "/any/where/a.mp4"}),
        ("x/a.mp4", {"clip_key": "own_clips/deep/x/a.mp4"}),
        ("own_clips/a.mp4", {"clip_key": "own_clips/a.mp4"}),
        ("/nfs/a.mp4", {"path": "/nfs/a.mp4"}),
    ],
)
def test_a_clip_is_found_under_every_name_it_has(line, facts):
    assert stones(line).is_taken_down(**facts)


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        (VIDEO, {"clip_key": f"openvid/part000/{VIDEO}x_13.mp4"}),
        (VIDEO, {"clip_key": f"openvid/part000/x{VIDEO}_13.mp4"}),
        ("a.mp4", {"clip_key": "own_clips/aa.mp4"}),
        ("x/a.mp4", {"clip_key": "own_clips/xx/a.mp4"}),
        ("own_clips/a.mp4", {"clip_key": "openvid/part000/a.mp4"}),
        ("https://example.org/a.mp4", {"url": "https://example.org/b.mp4"}),
        ("/nfs/a.mp4", {"path": "/nfs/b/a.mp4"}),
        ("clip-0", {"member": "clip-00.mp4"}),
    ],
)
def test_other_clips_stay(line, facts):
    assert not stones(line).is_taken_down(**facts)


def table(*rows):
    return pd.DataFrame(rows, columns=["clip_key", "source", "path", "text", "origin", "extras", "status", "reason", "detail"])


LEDGER_ROWS = table(
    ("own_clips/a.mp4", "own_clips", "/c/a.mp4", "a dog", "captions.csv:2", "{}", "ok", "", ""),
    ("miradata/0/b.mp4", "miradata", "/c/b.mp4", "a cat", "x", f'{{"video_id": "{VIDEO}"}}', "ok", "", ""),
    ("miradata/0/c.mp4", "miradata", "/c/c.mp4", "a cow", f"https://youtu.be/{VIDEO}", "{}", "ok", "", ""),
    ("miradata/0/d.mp4", "miradata", "/c/d.mp4", "d", "x", f'{{"video_url": "https://youtu.be/{VIDEO}"}}', "ok", "", ""),
    ("miradata/0/e.mp4", "miradata", "/c/e.mp4", "e", "x", '{"video_url": "https://youtu.be/abcdefghijk"}', "ok", "", ""),
)


def test_tables_are_matched_by_names_origins_and_extras():
    causes = stones("a.mp4", VIDEO).causes(LEDGER_ROWS)
    assert causes.tolist() == ["a.mp4", VIDEO, VIDEO, VIDEO, ""]


@pytest.mark.parametrize("n_others", [0, 50], ids=["fewer names than rows", "more names than rows"])
def test_a_table_and_its_rows_one_by_one_agree(n_others):
    lines = ["a.mp4", VIDEO, "https://example.org/x", "own_clips/q/z.mp4", "q/z.mp4"]
    lines += [f"another-{number}.mp4" for number in range(n_others)] + [f"own_clips/n/{number}.mp4" for number in range(n_others)]
    names = ["a.mp4", f"{VIDEO}_1.mp4", f"w_{VIDEO}.mp4", f"{VIDEO}a.mp4", "q/z.mp4", "z.mp4", "p/q/z.mp4", "b.mp4"]
    keys = [f"{source}/{name}" for source in ("own_clips", "openvid") for name in names]
    known = stones(*lines)
    found = known.causes(pd.DataFrame({"clip_key": keys}))
    assert [bool(cause) for cause in found] == [known.is_taken_down(clip_key=key) for key in keys]
    assert 0 < sum(bool(cause) for cause in found) < len(keys)


def test_what_is_taken_down_is_dropped_with_its_reason_and_the_rest_stays():
    kept, dropped = drop_taken_down(LEDGER_ROWS, stones("a.mp4"), stage="enriched_metadata")
    assert len(kept) == 4
    assert dropped[["clip_key", "stage", "reason"]].to_numpy().tolist() == [
        ["own_clips/a.mp4", "enriched_metadata", "taken_down"]
    ]


def test_a_buried_clip_keeps_its_key_and_loses_its_words():
    rows = bury(LEDGER_ROWS, stones(VIDEO))
    assert rows["status"].tolist() == ["ok", "failed", "failed", "failed", "ok"]
    assert rows["text"].tolist() == ["a dog", "", "", "", "e"]
    assert VIDEO not in "".join(rows["extras"])
    assert rows["clip_key"].tolist() == LEDGER_ROWS["clip_key"].tolist()


def test_a_million_clips_are_matched_in_seconds():
    keys = pd.Series([f"openvid/part{n % 180:03}/{n:011d}_0_0to100.mp4" for n in range(300_000)], dtype="str")
    lines = [f"{n:011d}" for n in range(0, 300_000, 1000)]
    begin = time.process_time()
    causes = stones(*lines).causes(pd.DataFrame({"clip_key": keys}))
    assert (causes != "").sum() == 300
    assert time.process_time() - begin < 10


def test_of_many_copies_of_one_clip_each_is_matched_in_seconds():
    clips = pd.DataFrame({"clip_key": [f"own_clips/{number}.mp4" for number in range(50_000)], "content_hash": "the same"})
    known = Tombstones([("content_hash", "the same", "a.mp4")])
    begin = time.process_time()
    assert (known.causes(clips) == "a.mp4").all()
    assert time.process_time() - begin < 10
