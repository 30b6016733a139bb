"""A batch of MiraData against a web server on this machine: every clip one status, nothing fetched twice, sites left alone."""

import gc
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mira_tables import QUICK, make_video, v1_row, write_v1
from web_server import serving

from video_assets.media.making.encode import AudioTrack, write_clip
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.miradata.batch import fetch_batches
from video_assets.sources.miradata.ledgers import due_batches, obtainable, refresh_ledgers
from video_assets.sources.miradata.listing import read_listing, refresh_listing
from video_assets.sources.miradata.rules.cells import parse_span
from video_assets.sources.miradata.rules.rows import MIRA_ROWS
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError
from video_assets.storage.tables import write_table
from video_assets.takedown.take_down import plan_takedown, take_down

BATCH = "mira_000000"
A_CLIP_EACH = 1 / 3600  # batches of a second, which is one clip of the rows below


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("videos") / "source.mp4", sound=True)


@pytest.fixture
def web():
    with serving() as server:
        yield server


def mira(root, rows, **settings):
    """A data root whose listing is of these rows."""
    root.mkdir(exist_ok=True)
    csv = write_v1(root / "miradata_v1_9k.csv", rows)
    made = Settings(data_root=root / "data", miradata={**QUICK, "csv": str(csv), **settings}, decode={"workers": 1})
    refresh_listing(Layout(made.data_root), made.miradata)
    return made


def fetch(settings, *batches):
    outcomes = fetch_batches(Layout(settings.data_root), list(batches or (BATCH,)), settings=settings, progress=no_progress)
    return list(outcomes)[-1]


def ledger(settings, batch=BATCH):
    rows = pd.read_parquet(Layout(settings.data_root).partition_ledger("miradata", batch))
    return {row["clip_key"].rpartition("-")[0][-8:] + row["clip_key"][-11:-4]: row for row in rows.to_dict("records")}


def reasons(settings, batch=BATCH):
    return {key[-14:]: row["reason"] or row["status"] for key, row in ledger(settings, batch).items()}


def lines(settings, batch=BATCH):
    return FetchLedger(Layout(settings.data_root), "miradata", batch).read()


def one(settings_root, url, **settings):
    """The only clip of a batch: its line in the fetch ledger."""
    settings_root.mkdir(exist_ok=True)
    made = mira(settings_root, [v1_row("1.0", url, 1, 3)], **settings)
    fetch(made)
    return lines(made).iloc[0]


def test_each_clip_has_one_status_and_what_is_lost_has_its_reason(tmp_path, web, video):
    good = web.put("/a.mp4", video)
    rows = [
        v1_row("1.0", good, 0.5, 2.5),
        v1_row("1.1", good, 2, 5.3),
        v1_row("1.2", good, 5, 9.3),
        v1_row("1.1", good, 1, 2),
        v1_row("2.0", web.base + "/gone.mp4", 2, 5),
        v1_row("3.0", web.put("/page.mp4", b"<!DOCTYPE html><html>" + b"not found " * 400), 2, 5),
        v1_row("4.0", web.put("/picture.mp4", b"\x89PNG\r\n\x1a\n" + b"\0" * 5000, kind="image/png"), 2, 5),
        v1_row("5.0", good, 2, 5, timestamp="__import__('os').system('true')"),
    ]
    settings = mira(tmp_path, rows)
    outcome = fetch(settings)
    assert (outcome.failure, outcome.n_clips, outcome.n_ok) == ("", 8, 2)
    assert outcome.by_reason == {
        "duplicate_row": 1, "invalid_row": 1, "not_a_video": 2, "not_found": 1, "out_of_range": 1,
    }  # fmt: skip
    assert outcome.by_reason == obtainable(Layout(settings.data_root))[1]
    rows = pd.read_parquet(Layout(settings.data_root).partition_ledger("miradata", BATCH))
    cut = rows[rows["status"] == "ok"].iloc[0]
    extras = json.loads(cut["extras"])
    assert cut["text"] == "dense 1.0, with a comma"
    assert extras["camera_caption"] == "the camera stands still"
    assert extras["cut"] == {"method": "copy", "start_s": 0.52, "end_s": 2.52, "n_frames": 50, "n_wanted": 50}
    assert web.asked("/a.mp4") == 2, "a look at its beginning, and one download for all clips"
    assert not Layout(settings.data_root).source_videos("miradata", BATCH).exists()


def test_a_second_run_asks_nobody(tmp_path, web, video):
    settings = mira(tmp_path, [v1_row("1.0", web.put("/a.mp4", video), 0.5, 2.5), v1_row("2.0", web.base + "/gone.mp4", 1, 2)])
    first = fetch(settings)
    web.log.clear()
    second = fetch(settings)
    assert web.log == []
    assert (second.content_hash, second.n_cut_now) == (first.content_hash, 0)


def test_a_clip_that_vanished_or_has_a_new_place_is_cut_again_and_no_other(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.0", url, 0.5, 2.5), v1_row("1.1", url, 1, 3), v1_row("1.2", url, 1, 2)])
    fetch(settings)
    clips = sorted(Layout(settings.data_root).clips_folder("miradata", BATCH).iterdir())
    before = [clip.stat().st_mtime_ns for clip in clips]
    clips[0].unlink()
    os.utime(clips[2])  # as after copying the data root: another time, the same bytes
    settings = mira(tmp_path, [v1_row("1.0", url, 0.5, 2.5), v1_row("1.1", url, 1, 4), v1_row("1.2", url, 1, 2)])
    assert fetch(settings).n_cut_now == 2
    after = [clip.stat().st_mtime_ns for clip in clips]
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert lines(settings).iloc[2]["attempts"] == 1


def test_losses_are_asked_for_again_when_their_time_has_come(tmp_path, web, video):
    rows = [v1_row("1.0", web.base + "/a.mp4", 0.5, 2.5), v1_row("2.0", web.base + "/b.mp4", 0.5, 2.5)]
    settings = mira(tmp_path, rows)
    assert fetch(settings).by_reason == {"not_found": 2}
    web.put("/a.mp4", video)
    assert fetch(settings).n_ok == 0
    again = mira(tmp_path, rows, retry_lost_after_days=0)
    assert fetch(again).n_ok == 1
    assert lines(again)["attempts"].to_list() == [2, 2]


# --- what earlier versions have left --------------------------------------------------------------------------------------------


def clip_10(url, start_s, end_s):
    """Clip 10 of a video, whose clip_id was written as a number."""
    return v1_row("1.10", url, start_s, end_s) | {"clip_id": "1.1"}


def test_clip_10_that_was_here_as_clip_1_is_renamed_and_nobody_is_asked(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.1", url, 0.5, 2.5)])
    fetch(settings)
    folder = Layout(settings.data_root).clips_folder("miradata", BATCH)
    clip = (folder / "000000000001_video1-000001.mp4").read_bytes()
    web.log.clear()
    settings = mira(tmp_path, [clip_10(url, 0.5, 2.5)])
    assert [outcome.n_ok for outcome in refresh_ledgers(Layout(settings.data_root), settings)] == [1]
    assert (fetch(settings).n_ok, web.log) == (1, [])
    assert [path.name for path in folder.iterdir()] == ["000000000001_video1-000010.mp4"]
    assert (folder / "000000000001_video1-000010.mp4").read_bytes() == clip


def test_clips_1_and_10_are_both_had_and_only_the_one_that_was_lost_is_cut(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.1", url, 0.5, 2.5), v1_row("1.1", url, 1, 4)])
    assert fetch(settings).by_reason == {"duplicate_row": 1}
    settings = mira(tmp_path, [clip_10(url, 0.5, 2.5), v1_row("1.1", url, 1, 4)])
    (told,) = refresh_ledgers(Layout(settings.data_root), settings)
    assert (told.n_ok, told.by_reason) == (1, {"not_asked_yet": 1})
    assert due_batches(Layout(settings.data_root), settings.miradata) == [BATCH]
    outcome = fetch(settings)
    assert (outcome.n_ok, outcome.n_cut_now, outcome.by_reason) == (2, 1, {})
    assert [line["detail"][:29] for line in lines(settings).to_dict("records") if line["status"] == "ok"] == [
        "copy: 1.000000 s to 4.000000 ", "copy: 0.520000 s to 2.520000 ",
    ]  # fmt: skip
    assert list(refresh_ledgers(Layout(settings.data_root), settings)) == []


def test_a_clip_that_was_taken_down_under_its_former_name_stays_away(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.1", url, 0.5, 2.5)])
    fetch(settings)
    layout = Layout(settings.data_root)
    (tmp_path / "request.txt").write_text(f"miradata/{BATCH}/000000000001_video1-000001.mp4\n")
    take_down(layout, settings, plan_takedown(layout, tmp_path / "request.txt"))
    settings = mira(tmp_path, [clip_10(url, 0.5, 2.5)])
    assert fetch(settings).by_reason == {"taken_down": 1}


def test_a_listing_of_an_earlier_version_is_read_again_by_the_next_batch(tmp_path, web, video):
    settings = mira(tmp_path, [v1_row("1.1", web.put("/a.mp4", video), 0.5, 2.5)])
    layout = Layout(settings.data_root)
    path = layout.listing("miradata", read_listing(layout).revision)
    old = {key: value for key, value in json.loads(path.read_text()).items() if key not in {"row_hashes", "sites", "reader"}}
    path.write_text(json.dumps(old))
    layout.pauses("miradata").parent.mkdir(parents=True)
    layout.pauses("miradata").write_text('{"elsewhere": 1.5}')
    path.with_suffix(".parquet").unlink()
    assert due_batches(layout, settings.miradata) == [BATCH]
    assert fetch(settings).n_ok == 1
    assert read_listing(layout).sites == {BATCH: {"127.0.0.1": 1}}


def test_clips_that_the_table_no_longer_has_say_so_and_are_there_when_it_has_them_again(tmp_path, web, video):
    url = web.put("/1.mp4", video)
    rows = [v1_row("1.0", url, 0, 2), v1_row("1.1", url, 2, 4), v1_row("2.0", url, 1, 3), v1_row("3.0", url, 1, 2)]
    batch_hours = 4 / 3600
    settings = mira(tmp_path, rows, batch_hours=batch_hours)
    fetch(settings, BATCH, "mira_000001")
    before = [ledger(settings, name) for name in (BATCH, "mira_000001")]
    asked = len(web.log)

    settings = mira(tmp_path, rows[:1], batch_hours=batch_hours)
    outcomes = {outcome.batch: outcome for outcome in refresh_ledgers(Layout(settings.data_root), settings)}
    assert reasons(settings) == {"_video1-000000": "ok", "_video1-000001": "not_in_table"}
    assert reasons(settings, "mira_000001") == {"_video2-000000": "not_in_table", "_video3-000000": "not_in_table"}
    assert (outcomes[BATCH].n_clips, outcomes[BATCH].n_ok, outcomes["mira_000001"].n_clips) == (2, 1, 2)
    assert list(refresh_ledgers(Layout(settings.data_root), settings)) == []

    settings = mira(tmp_path, rows, batch_hours=batch_hours)
    assert len(list(refresh_ledgers(Layout(settings.data_root), settings))) == 2
    assert [ledger(settings, name) for name in (BATCH, "mira_000001")] == before
    assert len(web.log) == asked


@pytest.mark.parametrize("clip", ["1-000001", "2-000000"])
def test_a_clip_that_the_table_no_longer_has_can_be_taken_down(tmp_path, web, video, clip):
    url, batch_hours = web.put("/1.mp4", video), 4 / 3600
    rows = [v1_row("1.0", url, 0, 2), v1_row("1.1", url, 2, 4), v1_row("2.0", url, 1, 3)]
    fetch(mira(tmp_path, rows, batch_hours=batch_hours), BATCH, "mira_000001")
    settings = mira(tmp_path, rows[:1], batch_hours=batch_hours)
    layout = Layout(settings.data_root)
    assert len(list(refresh_ledgers(layout, settings))) == 2
    (file,) = layout.root.glob(f"clips/*/*/*_video{clip}.mp4")
    (tmp_path / "request.txt").write_text(f"miradata/{file.parent.name}/{file.name}\n")
    take_down(layout, settings, plan_takedown(layout, tmp_path / "request.txt"))
    assert not file.exists()
    assert reasons(settings, file.parent.name)[f"_video{clip}"] == "taken_down"


def test_source_videos_keep_the_batches_that_earlier_versions_gave_them(tmp_path, web, video):
    """Slices of 500 numbers: nothing that is here is asked for again, also when only the ledgers are left to say so."""
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", video), 1, 2) for number in (3, 61_999)]
    settings = mira(tmp_path, rows)
    layout = Layout(settings.data_root)
    path = layout.listing("miradata", read_listing(layout).revision)
    old = pd.read_parquet(path.with_suffix(".parquet"))
    old["batch"] = [f"mira_{number // 500:06d}" for number in old["download_id"]]
    old["clip_key"] = "miradata/" + old["batch"] + "/" + old["file_name"]
    write_table(path.with_suffix(".parquet"), MIRA_ROWS, old)
    path.unlink()
    mira(tmp_path, rows)
    assert list(read_listing(layout).batches) == [BATCH, "mira_000123"]
    assert [fetch(settings, batch).n_ok for batch in (BATCH, "mira_000123")] == [1, 1]
    web.log.clear()
    rows += [v1_row("3.1", web.base + "/3.mp4", 2, 3), v1_row("70000.0", web.put("/7.mp4", video), 1, 2)]
    shutil.rmtree(path.parent)
    mira(tmp_path, rows)
    assert read_listing(layout).batches == {BATCH: 2, "mira_000123": 1, "mira_000124": 1}
    assert fetch(settings, "mira_000123").n_cut_now == 0
    assert web.log == []
    assert [fetch(settings, batch).n_cut_now for batch in (BATCH, "mira_000124")] == [1, 1]


def test_a_listing_that_cannot_be_read_is_named_before_clips_get_other_batches(tmp_path, web, video):
    settings = mira(tmp_path, [v1_row("1.0", web.put("/a.mp4", video), 0.5, 2.5)])
    layout = Layout(settings.data_root)
    path = layout.listing("miradata", read_listing(layout).revision).with_suffix(".parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StageError, match=rf"{path.name}: not readable .*clips would get other batches"):
        mira(tmp_path, [v1_row("1.0", web.base + "/a.mp4", 1, 2)])


# --- the web, as it is ----------------------------------------------------------------------------------------------------------


def test_of_a_long_video_only_the_parts_with_clips_cross_the_wire_and_the_clips_are_the_same(tmp_path, web, long_video):
    rows = [v1_row("1.0", web.put("/long.mp4", long_video), 20, 22), v1_row("1.1", web.base + "/long.mp4", 50.2, 52.5)]
    clips = []
    for is_sectioned in (True, False):
        settings = mira(tmp_path / str(is_sectioned), rows, is_sectioned=is_sectioned)
        outcome = fetch(settings)
        assert (outcome.n_ok, outcome.n_cut_now, outcome.failure) == (2, 2, "")
        folder = Layout(settings.data_root).clips_folder("miradata", BATCH)
        clips.append([path.read_bytes() for path in sorted(folder.iterdir())])
        if is_sectioned:
            assert web.bytes_of("/long.mp4") < 0.6 * long_video.stat().st_size
            assert outcome.n_bytes_fetched < 0.6 * long_video.stat().st_size
            assert all(asked.range for asked in web.log)
            web.log.clear()
    assert web.bytes_of("/long.mp4") >= long_video.stat().st_size
    assert clips[0] == clips[1], "proved the same way, and the same bytes"


def with_room_before_its_frames(video, n_bytes):
    """The same MP4, index in front, with a box that players skip before the frames."""
    content = video.read_bytes()
    begin, at = content.index(b"mdat") - 4, 0
    head = bytearray(content[:begin])
    while (at := head.find(b"stco", at + 1)) > 0:
        (count,) = struct.unpack_from(">I", head, at + 8)
        places = struct.unpack_from(f">{count}I", head, at + 12)
        struct.pack_into(f">{count}I", head, at + 12, *(place + n_bytes for place in places))
    return bytes(head) + struct.pack(">I4s", n_bytes, b"free") + bytes(n_bytes - 8) + content[begin:]


def test_clips_that_lie_far_behind_in_a_large_video_are_read_by_parts_too(tmp_path, web, long_video):
    web.put("/long.mp4", with_room_before_its_frames(long_video, 100 << 20))
    settings = mira(tmp_path, [v1_row("1.0", web.base + "/long.mp4", 20, 22)])
    assert fetch(settings).n_ok == 1
    assert web.bytes_of("/long.mp4") < 10 << 20


def test_what_is_read_by_parts_keeps_to_the_limit_of_speed(tmp_path, web, long_video):
    rows = [v1_row("1.0", web.put("/long.mp4", long_video), 20, 22)]
    settings = mira(tmp_path, rows, max_mib_per_s=0.5)
    started = time.monotonic()
    n_bytes = fetch(settings).n_bytes_fetched
    assert 0 < n_bytes < 0.6 * long_video.stat().st_size
    assert time.monotonic() - started >= n_bytes / (0.5 * 1024**2)


def test_a_site_that_fails_between_two_parts_costs_no_clip(tmp_path, web, long_video):
    rows = [v1_row(f"1.{n}", web.put("/long.mp4", long_video), 10 + 20 * n, 12 + 20 * n) for n in range(3)]
    settings = mira(tmp_path, rows, alarms=1)
    web.fail("/long.mp4", times=1)
    web.fail("/long.mp4", times=3)
    web.fail("/long.mp4", status=429, times=99)
    stopped = fetch(settings)
    assert "are still to be asked for" in stopped.failure
    web.faults.clear()
    Layout(settings.data_root).pauses("miradata").unlink()
    done = fetch(settings)
    assert (done.n_ok, done.n_cut_now + stopped.n_cut_now) == (3, 3)


def test_redirects_are_followed_and_broken_transfers_continued(tmp_path, web, video):
    web.put("/real.mp4", video)
    web.redirects["/a.mp4"] = web.base + "/real.mp4"
    web.fail("/real.mp4", status=200, cut_after=4096)  # the first look
    web.fail("/real.mp4", cut_after=100_000)
    assert one(tmp_path, web.base + "/a.mp4")["status"] == "ok"
    ranges = [asked.range for asked in web.log if asked.path == "/real.mp4"]
    assert any(part.startswith("bytes=") and not part.startswith("bytes=0-") for part in ranges), "it went on where it broke"


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_for_a_moment_is_asked_again(tmp_path, web, video, status):
    web.fail("/a.mp4", status=status, times=2)
    assert one(tmp_path, web.put("/a.mp4", video))["status"] == "ok"


@pytest.mark.parametrize(
    ("status", "reason", "is_permanent"),
    [
        (404, "not_found", True),
        (410, "not_found", True),
        (403, "forbidden", False),
        (451, "geo_blocked", True),
        (503, "network", False),
    ],
)
def test_statuses_have_their_reasons(tmp_path, web, status, reason, is_permanent):
    web.fail("/a.mp4", status=status, times=99)
    line = one(tmp_path, web.base + "/a.mp4")
    assert (line["reason"], line["is_permanent"], line["http_status"]) == (reason, is_permanent, status)


def test_html_that_comes_only_with_the_download_is_no_video(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.0", url, 1, 3)])
    web.redirects.clear()
    page = ("text/html", b"<html>" + b"quota exceeded " * 500)
    original = web.files["/a.mp4"]

    class Once(dict):
        def __getitem__(self, path):
            return original if not web.log else page

    web.files = Once(web.files)
    fetch(settings)
    assert lines(settings).iloc[0]["reason"] == "not_a_video"
    assert not any(Layout(settings.data_root).clips_folder("miradata", BATCH).glob("*"))


def test_a_server_that_crawls_and_a_video_that_is_too_large_are_given_up(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    web.fail("/a.mp4", bytes_per_s=200_000)
    web.fail("/a.mp4", bytes_per_s=20_000, times=9)
    assert one(tmp_path / "slow", url, max_source_s=1)["reason"] == "too_slow"
    web.faults.clear()
    large = one(tmp_path / "large", url, max_source_gib=0.0001)
    assert (large["reason"], large["is_permanent"]) == ("source_too_large", True)
    asked = len(web.log)
    assert one(tmp_path / "large", url, max_source_gib=0.0001)["reason"] == "source_too_large"
    assert len(web.log) == asked, "not asked for again while the limit is what it was"
    assert one(tmp_path / "large", url, max_source_gib=1)["status"] == "ok"
    web.has_ranges = False
    assert one(tmp_path / "whole", url)["status"] == "ok"


def test_hls_and_dash_are_downloaded_without_an_ffmpeg_program(tmp_path, web, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    parts = fragments(tmp_path / "parts")
    playlist = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:3", "#EXT-X-PLAYLIST-TYPE:VOD", '#EXT-X-MAP:URI="init.mp4"']
    for number, part in enumerate(parts[1:]):
        web.put(f"/hls/{number}.m4s", part)
        playlist += ["#EXTINF:2.0,", f"{number}.m4s"]
    web.put("/hls/init.mp4", parts[0])
    url = web.put("/hls/index.m3u8", "\n".join([*playlist, "#EXT-X-ENDLIST", ""]).encode(), kind="application/vnd.apple.mpegurl")
    line = one(tmp_path / "hls", url)
    assert line["status"] == "ok", line["detail"]
    assert "50 frames decode" in line["detail"]
    for number, part in enumerate(parts):
        web.put(f"/dash/{number}.m4s", part)
    url = web.put("/dash/index.mpd", DASH.encode(), kind="application/dash+xml")
    line = one(tmp_path / "dash", url)
    assert line["status"] == "ok", line["detail"]
    assert "50 frames decode" in line["detail"]


DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S"
 profiles="urn:mpeg:dash:profile:isoff-live:2011">
 <Period><AdaptationSet mimeType="video/mp4" segmentAlignment="true"><Representation id="v" bandwidth="200000"
 width="96" height="64" codecs="avc1.42c00a">
 <SegmentTemplate initialization="0.m4s" media="$Number$.m4s" startNumber="1" timescale="1" duration="2"/>
 </Representation></AdaptationSet></Period></MPD>"""


def fragments(folder):
    """An initialization segment and fragments of two seconds."""
    folder.mkdir(parents=True)
    path = make_video(folder / "whole.mp4")
    import av

    with (
        av.open(str(path)) as source,
        av.open(str(folder / "f.mp4"), "w", options={"movflags": "frag_keyframe+empty_moov"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    data = (folder / "f.mp4").read_bytes()
    starts = [at - 4 for at in range(len(data)) if data.startswith(b"moof", at)]
    ends = data.rindex(b"mfra") - 4
    return [data[: starts[0]], *(data[a:b] for a, b in pairwise([*starts, ends]))]


# yt-dlp does not close its file when a fragment cannot be had.
@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_playlist_cannot_read_local_files_or_run_programs(tmp_path, web):
    (tmp_path / "secret").write_text("secret")
    for number, target in enumerate([f"file://{tmp_path}/secret", "ftp://127.0.0.1/secret", f"{tmp_path}/secret"]):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
        line = one(tmp_path / str(number), web.put("/evil.m3u8", text.encode(), kind="application/vnd.apple.mpegurl"))
        assert line["status"] == "failed"
        assert not any((tmp_path / str(number) / "data" / "clips").rglob("*.mp4"))
    gc.collect()  # what it left open is found here, and not in another test


def test_no_address_and_no_redirect_leads_into_a_private_network(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    line = one(tmp_path / "direct", url, allowed_networks=())
    assert (line["reason"], line["is_permanent"]) == ("address_refused", True)
    for number, name in enumerate(("localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433")):
        assert one(tmp_path / str(number), url.replace("127.0.0.1", name), allowed_networks=())["status"] == "failed"
    assert web.log == [], "nobody was connected to"
    for number, target in enumerate(
        ("http://[::1]:1/a.mp4", "http://169.254.169.254/latest", "ftp://127.0.0.1/a", "file:///etc/passwd")
    ):
        web.redirects["/redirect"] = target
        line = one(tmp_path / f"redirect{number}", web.base + "/redirect")
        assert (line["reason"], line["is_permanent"]) == ("address_refused", True), line["detail"]


def test_an_address_that_leads_in_a_circle_is_lost_and_not_asked_for_again(tmp_path, web):
    web.redirects |= {"/a": web.base + "/b", "/b": web.base + "/a"}
    settings = mira(tmp_path, [v1_row("1.0", web.base + "/a", 1, 2)])
    assert fetch(settings).by_reason == {"redirect_loop": 1}
    asked = len(web.log)
    assert fetch(settings).by_reason == {"redirect_loop": 1}
    assert len(web.log) == asked


def test_sound_alone_is_no_video(tmp_path, web):
    sound = AudioTrack("aac", 48_000, np.zeros(480_000, np.int16))
    write_clip(tmp_path / "sound.m4a", muxer="mp4", video=None, audio=sound)
    line = one(tmp_path, web.put("/a.m4a", tmp_path / "sound.m4a", kind="audio/mp4"))
    assert (line["reason"], line["is_permanent"]) == ("no_video", True)


# --- politeness -----------------------------------------------------------------------------------------------------------------


def test_rate_limits_stop_the_batch_with_a_time_and_a_later_run_goes_on(tmp_path, web, video):
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", video), 1, 2) for number in range(6)]
    for number in range(1, 6):
        web.fail(f"/{number}.mp4", status=429, times=99)
    settings = mira(tmp_path, rows, alarms=2, alarm_pause_s=600)
    stopped = fetch(settings)
    assert "4 clips are still to be asked for" in stopped.failure
    assert "127.0.0.1 until 20" in stopped.failure
    assert not Layout(settings.data_root).partition_ledger("miradata", BATCH).exists(), "an unfinished batch lists nothing"
    asked = len(web.log)
    assert "left alone" in fetch(settings).failure
    assert len(web.log) == asked, "during the pause nobody is asked"
    Layout(settings.data_root).pauses("miradata").unlink()
    web.faults.clear()
    done = fetch(settings)
    assert (done.failure, done.n_ok, done.n_cut_now) == ("", 6, 5)
    assert web.asked("/0.mp4") == 2, "what was here was not fetched again"


CHECK = b"<html><title>Just a moment...</title>" + b"<p>Prove that you are no robot: solve the captcha</p>" * 200


def test_a_page_that_asks_robots_to_go_is_an_alarm_and_decides_nothing(tmp_path, web, video):
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", CHECK, kind="text/html"), 1, 2) for number in range(5)]
    settings = mira(tmp_path, rows, alarms=2)
    assert "4 clips are still to be asked for" in fetch(settings).failure
    assert set(lines(settings)["reason"]) == {"bot_check"}
    assert not lines(settings)["is_permanent"].any()
    assert len(web.log) == 2
    Layout(settings.data_root).pauses("miradata").unlink()
    for number in range(5):
        web.put(f"/{number}.mp4", video)
    assert fetch(settings).n_ok == 5


@pytest.mark.parametrize("kind", ["forbidden", "page"])
def test_refusals_in_a_row_pause_their_site_and_none_of_them_is_permanent(tmp_path, web, kind):
    page = b"<html>hello</html>" * 99
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", page, kind="text/html"), 1, 2) for number in range(6)]
    for number in range(6 if kind == "forbidden" else 0):
        web.fail(f"/{number}.mp4", status=403, times=99)
    settings = mira(tmp_path, rows, refusals=3)
    assert "still to be asked for" in fetch(settings).failure
    assert not lines(settings)["is_permanent"].any()
    assert len(lines(settings)) == 3
    asked = len(web.log)
    assert "left alone" in fetch(settings).failure
    assert len(web.log) == asked


def test_a_page_between_videos_is_a_loss(tmp_path, web, video):
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", video), 1, 2) for number in range(3)]
    web.put("/1.mp4", b"<html>this video was moved</html>" * 99, kind="text/html")
    settings = mira(tmp_path, rows)
    assert fetch(settings).by_reason == {"not_a_video": 1}
    assert lines(settings).set_index("reason").loc["not_a_video", "is_permanent"], "the site gave us the next one"


def test_a_captcha_with_status_403_is_a_bot_check_and_not_forbidden(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    web.fail("/a.mp4", status=403, body=CHECK, times=99)
    line = one(tmp_path, url)
    assert (line["reason"], line["http_status"]) == ("bot_check", 403)


def test_retry_after_is_honoured(tmp_path, web, video):
    web.fail("/a.mp4", status=429, headers={"Retry-After": "1"})
    started = time.monotonic()
    assert one(tmp_path, web.put("/a.mp4", video))["status"] == "ok"
    assert time.monotonic() - started >= 1


def test_between_two_videos_of_a_site_there_is_a_pause(tmp_path, web, video):
    rows = [v1_row(f"{number}.0", web.put(f"/{number}.mp4", video), 1, 2) for number in range(3)]
    settings = mira(tmp_path, rows, sleep_s=0.6, max_sleep_s=0.7)
    started = time.monotonic()
    fetch(settings)
    assert time.monotonic() - started >= 1.2


def test_taken_down_clips_are_not_asked_for(tmp_path, web, video):
    url = web.put("/a.mp4", video)
    settings = mira(tmp_path, [v1_row("1.0", url, 1, 2), v1_row("2.0", web.put("/b.mp4", video), 1, 2)])
    (tmp_path / "request.txt").write_text(f"{url}\n")
    layout = Layout(settings.data_root)
    take_down(layout, settings, plan_takedown(layout, tmp_path / "request.txt"))
    outcome = fetch(settings)
    assert outcome.by_reason == {"taken_down": 1}
    assert web.asked("/a.mp4") == 0


# --- kills ----------------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from video_assets.storage.layout import Layout
from video_assets.sources.miradata.batch import fetch_batches
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
for outcome in fetch_batches(Layout(settings.data_root), ["mira_000000"], settings=settings, progress=no_progress):
    print(outcome.n_cut_now, flush=True)
"""


def test_after_sigkill_nothing_that_was_downloaded_is_downloaded_again(tmp_path, web, video):
    """Killed while the second video comes: the first is not asked for again, the second goes on where it was."""
    places = [(number, clip) for number in (1, 2) for clip in (0, 2)]
    settings = mira(tmp_path, [v1_row(f"{n}.{clip}", web.put(f"/{n}.mp4", video), clip, clip + 1.5) for n, clip in places])
    config = tmp_path / "settings.json"
    config.write_text(settings.model_dump_json())
    web.fail("/2.mp4")
    web.fail("/2.mp4", bytes_per_s=20_000)
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(config)], start_new_session=True)
    try:
        wait_for(lambda: any(part.stat().st_size for part in parts(settings) if "0002" in part.name))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    outcome = fetch(settings)
    assert (outcome.failure, outcome.n_ok, outcome.n_cut_now) == ("", 4, 2)
    assert web.bytes_of("/1.mp4") == video.stat().st_size + 4096, "one look, one download"
    ranges = [asked.range for asked in web.log if asked.path == "/2.mp4"]
    assert any(part not in {"", "bytes=0-4095"} for part in ranges), "the part that was there was continued"


def test_after_sigkill_while_cutting_the_video_is_cut_from_the_disk(tmp_path, web, video):
    settings = mira(tmp_path, [v1_row("1.0", web.put("/1.mp4", video), 0, 1.5)])
    config = tmp_path / "settings.json"
    config.write_text(settings.model_dump_json())
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(config)], start_new_session=True)
    try:
        wait_for(lambda: any(Layout(settings.data_root).source_videos("miradata", BATCH).glob("*.whole.json")))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if not len(lines(settings)):
        web.log.clear()
        assert fetch(settings).n_ok == 1
        assert web.log == []


def test_after_sigkill_while_many_clips_are_cut_no_finished_one_is_cut_again(tmp_path, web, video):
    rows = [v1_row(f"1.{n}", web.put("/1.mp4", video), n / 20, n / 20 + 2) for n in range(60)]
    settings = mira(tmp_path, rows)
    config = tmp_path / "settings.json"
    config.write_text(settings.model_dump_json())
    folder = Layout(settings.data_root).clips_folder("miradata", BATCH)
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(config)], start_new_session=True)
    try:
        wait_for(lambda: len(lines(settings)) >= 5)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    known = lines(settings)
    done = {path: Path(path).stat().st_mtime_ns for path in known["path"]}
    assert 5 <= len(done) < 60
    (folder / ".draft-1-x.mp4").write_bytes(b"x")  # of a worker that died a moment before its file was renamed
    web.log.clear()
    outcome = fetch(settings)
    assert (outcome.n_ok, outcome.n_cut_now, web.log) == (60, 60 - len(done), [])
    assert {path: Path(path).stat().st_mtime_ns for path in done} == done
    assert not list(folder.glob(".draft-*"))


def parts(settings):
    return list(Layout(settings.data_root).source_videos("miradata", BATCH).glob("*.part"))


def wait_for(is_so, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


# --- nights ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sites():
    with ExitStack() as stack:
        yield [stack.enter_context(serving(f"127.0.0.{number}")) for number in (1, 2, 3, 4)]


def night(settings):
    """What the schedule does; all pauses are over when the next night comes."""
    layout = Layout(settings.data_root)
    due = due_batches(layout, settings.miradata)
    for batch in due:
        fetch(settings, batch)
    if (path := layout.pauses("miradata")).exists():
        states = json.loads(path.read_text())
        path.write_text(json.dumps({site: state | {"until": state["until"] and 1.0} for site, state in states.items()}))
    return due


def test_a_blocked_site_costs_the_others_no_night_and_comes_back_by_itself(tmp_path, sites, video):
    """Four batches of a site that blocks us come first in the table, and two batches a night are done."""
    blocked, *healthy = sites
    places = [(n, blocked) for n in range(4)] + [(4 + n, healthy[n % 3]) for n in range(6)]
    rows = [v1_row(f"{500 * n}.0", site.put(f"/{n}.mp4", video), 1, 2) for n, site in places]
    for n in range(4):
        blocked.fail(f"/{n}.mp4", status=429, times=99)
    settings = mira(tmp_path, rows, alarms=1, batches_per_night=2, batch_hours=A_CLIP_EACH)
    layout = Layout(settings.data_root)
    nights = [night(settings) for _ in range(5)]
    assert sum(layout.partition_ledger("miradata", f"mira_{n:06d}").exists() for n in range(4, 10)) == 6, nights
    assert all(len({batch for batch in due if batch <= "mira_000003"}) <= 1 for due in nights[:4]), nights
    blocked.faults.clear()
    nights += [night(settings) for _ in range(4)]
    assert due_batches(layout, settings.miradata) == [], nights
    assert not layout.pauses("miradata").exists() or json.loads(layout.pauses("miradata").read_text()) == {}


def test_within_a_batch_a_blocked_site_is_passed_over_and_the_others_go_on(tmp_path, sites, video):
    blocked, healthy, *_ = sites
    rows = [v1_row(f"{n}.0", (blocked, healthy)[n % 2].put(f"/{n}.mp4", video), 1, 2) for n in range(8)]
    for n in range(0, 8, 2):
        blocked.fail(f"/{n}.mp4", status=429, times=99)
    settings = mira(tmp_path, rows, alarms=1)
    outcome = fetch(settings)
    assert (outcome.n_ok, outcome.n_cut_now) == (4, 4)
    assert "4 clips are still to be asked for" in outcome.failure
    assert len(blocked.log) <= 2
    assert due_batches(Layout(settings.data_root), settings.miradata) == [], "all that is left of it is in a pause"


def test_losses_whose_time_has_come_are_offered_though_their_batch_has_nothing_else_to_do(tmp_path, web, video):
    rows = [v1_row("1.0", web.base + "/a.mp4", 0.5, 2.5)]
    settings = mira(tmp_path, rows)
    fetch(settings)
    layout = Layout(settings.data_root)
    assert due_batches(layout, settings.miradata) == []
    again = mira(tmp_path, rows, retry_lost_after_days=0)
    assert due_batches(layout, again.miradata) == [BATCH]
    web.put("/a.mp4", video)
    assert fetch(again).n_ok == 1
    assert due_batches(layout, again.miradata) == []


# --- which batches --------------------------------------------------------------------------------------------------------------


def test_batches_come_one_after_the_other_and_those_that_wait_come_last(tmp_path, web, video):
    rows = [
        v1_row("1.0", web.base + "/a.mp4", 1, 2),
        v1_row("501.0", web.put("/b.mp4", video), 1, 2),
    ]
    web.fail("/a.mp4", status=403, times=2)
    settings = mira(tmp_path, [*rows, v1_row("9.9", "x", 0, 1) | {"clip_id": "nine"}], batch_hours=A_CLIP_EACH)
    layout = Layout(settings.data_root)
    assert list(read_listing(layout).batches) == [BATCH, "mira_000001", "mira_invalid"]
    assert due_batches(layout, settings.miradata) == [BATCH, "mira_000001"]
    fetch(settings, BATCH, "mira_000001", "mira_invalid")
    assert due_batches(layout, settings.miradata) == [BATCH], "its clip waits, the others are done"
    assert parse_span("['00:00:01', '00:00:02.5']") == (1.0, 2.5)
