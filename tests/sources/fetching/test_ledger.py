"""The fetch ledger on disk: kills, torn lines, compaction."""

import os
import signal
import subprocess
import sys

from video_assets.sources.fetching.fetches import Fetch, OnDisk
from video_assets.sources.fetching.ledger import FetchLedger, files_in
from video_assets.storage.layout import Layout

WRITER = """
import sys, time
from pathlib import Path
from video_assets.sources.fetching.fetches import Fetch
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.storage.layout import Layout
with FetchLedger(Layout(Path(sys.argv[1])), "openvid", "part0") as ledger:
    for number in range(64):
        ledger.append(Fetch(f"openvid/part0/{number}.mp4", "openvid", "part0", "abc", f"{number}.mp4", "ok", n_bytes=1))
    print("written", flush=True)
    time.sleep(600)
"""


def fetch(name, status="ok", **fields):
    return Fetch(f"openvid/part0/{name}", "openvid", "part0", "abc", name, status, **fields)


def ledger(root):
    return FetchLedger(Layout(root), "openvid", "part0")


def test_lines_are_there_before_and_after_they_become_a_table(tmp_path):
    with ledger(tmp_path) as writing:
        writing.append(fetch("a.mp4", n_bytes=7, crc32="0badcafe"))
        writing.append(fetch("b.mp4", "failed", reason="network"))
    assert ledger(tmp_path).read()["clip_key"].to_list() == ["openvid/part0/a.mp4", "openvid/part0/b.mp4"]
    rows = ledger(tmp_path).compact(note={"revision": "abc"})
    assert ledger(tmp_path).read().equals(rows)
    assert ledger(tmp_path).note() == {"revision": "abc"}
    assert list(Layout(tmp_path).fetch_parts("openvid", "part0").iterdir()) == []


def test_a_line_cut_off_by_a_kill_neither_counts_nor_spoils_the_next(tmp_path):
    with ledger(tmp_path) as first:
        first.append(fetch("a.mp4"))
        first.append(fetch("b.mp4"))
    (part,) = Layout(tmp_path).fetch_parts("openvid", "part0").iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    with ledger(tmp_path) as second:
        second.append(fetch("c.mp4"))
    assert ledger(tmp_path).read()["member"].to_list() == ["a.mp4", "c.mp4"]
    assert ledger(tmp_path).compact()["member"].to_list() == ["a.mp4", "c.mp4"]


def test_sigkill_loses_no_line_that_was_made_durable(tmp_path):
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert len(ledger(tmp_path).read()) == 64


def test_a_note_stays_unless_another_is_given(tmp_path):
    with ledger(tmp_path) as one:
        one.append(fetch("a.mp4"))
    ledger(tmp_path).compact(note={"revision": "abc"})
    ledger(tmp_path).compact()
    assert ledger(tmp_path).note() == {"revision": "abc"}


def test_only_finished_clips_count_as_being_there(tmp_path):
    assert files_in(tmp_path / "nowhere") == {}
    (tmp_path / "a.mp4").write_bytes(b"1234567")
    os.utime(tmp_path / "a.mp4", ns=(0, 1_700_000_000_123_456_789))
    (tmp_path / "b.mp4.tmp").touch()
    (tmp_path / ".draft-c.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    assert files_in(tmp_path) == {str(tmp_path / "a.mp4"): OnDisk(7, 1_700_000_000_123_456_789)}
