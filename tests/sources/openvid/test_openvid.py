"""Archives of a hub to clips and ledgers, under the faults that networks, hubs and disks have."""

import logging
import os
import re
import shutil
import threading

import pandas as pd
import pytest
from disks import small_disk
from hub_server import FakeHub
from hypothesis import given
from hypothesis import strategies as st
from openvid_repo import REPO, TABLE, clips_on_disk, files_of, make_repo, settings_for, zip_of
from zips import Entry, zip_bytes

from video_assets.core.errors import SourceError
from video_assets.core.schema import LEDGER, VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION
from video_assets.progress import no_progress
from video_assets.sources.fetching.fetches import Fetch
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.openvid.archive import Told
from video_assets.sources.openvid.broken import write_broken
from video_assets.sources.openvid.captions import refresh_captions
from video_assets.sources.openvid.fetch import due, estimate, fetch_archives
from video_assets.sources.openvid.listing import refresh_listing
from video_assets.sources.openvid.rules.caption_rows import SCORED_CAPTIONS
from video_assets.sources.openvid.rules.due import count_wanted, estimate_bytes, rows_of
from video_assets.sources.openvid.rules.members import Selection
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table, write_table
from video_assets.tombstones.matching import TOMBSTONES
from video_assets.tombstones.table import add_tombstones

ALL = ["openvid_part000", "openvid_part001", "openvid_part002"]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return make_repo(tmp_path_factory.mktemp("clips"))


@pytest.fixture(autouse=True)
def hub(repo, monkeypatch):
    with FakeHub() as server:
        server.commit(REPO, repo.files)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


class Run:
    """The three steps of the source, on one data root."""

    def __init__(self, root, **openvid):
        self.root, self.layout, self.settings = root, Layout(root), settings_for(root, **openvid)
        self.warnings, self.infos = [], []

    def list(self):
        listing = refresh_listing(self.layout, self.settings.openvid)
        refresh_captions(self.layout, self.settings.openvid, listing)
        return listing

    def fetch(self, archives=None):
        self.list()
        told = Told(no_progress, self.infos.append, self.warnings.append)
        wanted = list(due(self.layout, self.settings)) if archives is None else archives
        return list(fetch_archives(self.layout, self.settings, wanted, told=told))

    def ledger(self):
        tables = [read_table(path, LEDGER).rows for path in sorted((self.root / "raw" / "openvid").glob("*.parquet"))]
        return pd.concat(tables, ignore_index=True)

    def fetches(self, archive="openvid_part000"):
        return FetchLedger(self.layout, "openvid", archive).read()


def failures(outcomes):
    return {outcome.archive: outcome.failure for outcome in outcomes if outcome.failure}


def test_all_archives_whole_and_in_pieces_become_clips_with_captions_and_are_verified(tmp_path, hub, repo):
    run = Run(tmp_path)
    outcomes = run.fetch()
    assert failures(outcomes) == {}
    assert clips_on_disk(tmp_path) == repo.clips
    assert [outcome.result.sha256 for outcome in outcomes] == ["checked"] * 3
    ledger = run.ledger()
    assert len(ledger) == 60
    assert set(ledger["status"]) == {"ok"}
    row = ledger[ledger["clip_key"] == f"openvid/openvid_part000/{repo.names(0)[7]}"].iloc[0]
    assert row["text"] == "Clip 7, of someone"
    assert '"aesthetic_score": 4.7' in row["extras"]
    assert row["origin"] == f"openvid_part000: video/0/{repo.names(0)[7]}"
    assert run.warnings == []
    n_bytes = sum(len(data) for path, data in repo.files.items() if path.startswith("OpenVid_part"))
    assert n_bytes <= hub.bytes_sent("OpenVid_part") < n_bytes * 1.01


FAULTS = {
    "cut by FIN": ("cut_fin", {"after": 150_000}),
    "cut by RST": ("cut_rst", {"after": 150_000}),
    "reset before the answer": ("drop", {}),
    "429 with Retry-After": ("status", {"status": 429, "headers": {"Retry-After": "1"}}),
    "429 without Retry-After": ("status", {"status": 429}),
    "500": ("status", {"status": 500}),
    "503": ("status", {"status": 503}),
    "expired signed URL": ("status", {"status": 403}),
    "ignored Range": ("ignore_range", {}),
    "one flipped byte in a clip": ("corrupt", {"at": 200_000}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_after_each_fault_the_same_clips_with_the_same_bytes_and_nothing_is_fetched_twice(tmp_path, hub, repo, name):
    run = Run(tmp_path)
    run.list()
    kind, options = FAULTS[name]
    hub.fail(kind, path="OpenVid_part2", times=1 if kind == "corrupt" else 2, **options)
    outcomes = run.fetch(["openvid_part002"])
    assert failures(outcomes) == {}
    assert clips_on_disk(tmp_path) == {name: repo.clips[name] for name in repo.names(2)}
    n_whole = 1 if kind in {"ignore_range", "corrupt"} else 0  # what was on its way counts, though nobody reads it
    assert hub.bytes_sent("OpenVid_part2") < len(repo.files["OpenVid_part2.zip"]) * (1 + n_whole) + 2_500_000
    assert set(run.fetches("openvid_part002")["status"]) == {"ok"}
    if kind == "corrupt":
        assert outcomes[0].result.sha256 == "not checked: some bytes came damaged and were read again"


def test_a_second_run_asks_for_nothing_and_a_lost_ledger_costs_no_transfer(tmp_path, hub):
    run = Run(tmp_path)
    run.fetch()
    assert due(run.layout, run.settings) == {}
    for path in (tmp_path / "raw" / "openvid").rglob("*.parquet"):
        path.unlink()
    hub.reset_counts()
    outcomes = run.fetch()
    assert [outcome.result.transfer.adopted for outcome in outcomes] == [20] * 3
    assert hub.bytes_sent() < 3 * 1_100_000  # directories only
    assert all(outcome.result.transfer.fetched == 0 for outcome in outcomes)


def test_only_what_is_missing_or_damaged_on_the_disk_is_fetched_again(tmp_path, repo):
    run = Run(tmp_path)
    run.fetch(["openvid_part001"])
    lost, short, flipped = repo.names(1)[3:6]
    folder = run.layout.clips_folder("openvid", "openvid_part001")
    (folder / lost).unlink()
    (folder / short).write_bytes(repo.clips[short][:-10])
    (folder / flipped).write_bytes(repo.clips[flipped][:-1] + b"?")
    (outcome,) = run.fetch(["openvid_part001"])
    assert outcome.result.transfer.fetched == 3
    assert clips_on_disk(tmp_path) == {name: repo.clips[name] for name in repo.names(1)}
    attempts = run.fetches("openvid_part001").set_index("member")["attempts"]
    assert attempts[f"video/20/{lost}"] == 2
    assert attempts.sum() == 23


def test_a_few_wanted_clips_cost_a_few_clips_of_transfer_and_the_others_say_why(tmp_path, repo):
    run = Run(tmp_path, max_clips_per_archive=2, archives=[1, 2], min_seconds=25)
    outcomes = run.fetch()
    assert failures(outcomes) == {}
    assert clips_on_disk(tmp_path).keys() == {*repo.names(1)[4:6], *repo.names(2)[:2]}
    counted = outcomes[0].result.summary
    assert (counted.ok, counted.skipped, counted.by_reason) == (2, 18, {"not_selected": 18})
    assert "this fetches 2 clips, about" in run.infos[0]
    more = Run(tmp_path, max_clips_per_archive=3, archives=[1, 2], min_seconds=25)
    assert set(due(more.layout, more.settings).values()) == {"its bytes, its captions or the row filter have changed"}
    assert [outcome.result.transfer.fetched for outcome in more.fetch()] == [1, 1]
    names = tmp_path / "names.txt"
    names.write_text(f"{repo.names(1)[0]}\nfolder/{repo.names(1)[9]}\n")
    few = Run(tmp_path, archives=["openvid_part001"], names_file=str(names))
    assert [outcome.result.summary.ok for outcome in few.fetch()] == [2]


def test_the_estimate_beforehand_is_that_of_the_wanted_clips(tmp_path, repo):
    sizes = [len(repo.files["OpenVid_part0.zip"])]
    run = Run(tmp_path)
    run.list()
    assert estimate(run.layout, run.settings, ["openvid_part000"]) == sizes[0]
    trial = settings_for(tmp_path, max_clips_per_archive=20)
    assert estimate(run.layout, trial, ["openvid_part000"]) <= sizes[0]
    assert estimate(run.layout, settings_for(tmp_path, mode="local", folder=str(tmp_path)), ALL) == 0


def test_twenty_clips_of_an_archive_of_31_gb_are_estimated_at_about_150_mb():
    assert 140e6 < estimate_bytes([31_573_970_175], n_rows=1_000_000, n_wanted_rows=1_000_000, max_clips=20) < 160e6


def test_clips_without_a_captions_row_are_not_fetched_and_say_so(tmp_path, hub, repo):
    lonely = repo.names(0)[5]
    hub.commit(REPO, files_of(repo.clips, without=(lonely,)))
    run = Run(tmp_path)
    (outcome,) = run.fetch(["openvid_part000"])
    assert outcome.result.summary.by_reason == {"not_in_csv": 1}
    assert lonely not in clips_on_disk(tmp_path)


def test_a_new_commit_makes_only_changed_archives_due_and_fetches_only_changed_clips(tmp_path, hub, repo):
    run = Run(tmp_path)
    run.fetch()
    changed, gone = repo.names(2)[4], repo.names(2)[7]
    clips = {name: repo.clips[name] for name in repo.names(2) if name != gone} | {
        changed: repo.clips[changed] + b"\0\0\0\x08free"
    }
    hub.commit(REPO, {"OpenVid_part2.zip": zip_of(clips, folder="video/40/")})
    run.list()
    assert list(due(run.layout, run.settings)) == ["openvid_part002"]
    (outcome,) = run.fetch()
    assert outcome.result.transfer.fetched == 1
    assert outcome.result.summary.by_reason == {"missing_in_archive": 1}
    assert not (tmp_path / "clips/openvid/openvid_part002" / gone).exists()
    assert "openvid_part002: removed 1 clip that it no longer has" in " ".join(run.infos).replace("clips that", "clip that")
    ledger = run.ledger().set_index("clip_key")
    assert ledger.loc[f"openvid/openvid_part002/{gone}", "status"] == "failed"
    assert ledger.loc[f"openvid/openvid_part002/{changed}", "file_size"] == len(repo.clips[changed]) + 8


def test_clips_of_a_new_commit_wait_for_its_captions(tmp_path, hub, repo):
    run = Run(tmp_path)
    run.fetch()
    before, name = run.ledger(), repo.names(2)[4]
    changed = {**repo.clips, name: repo.clips[repo.names(2)[5]]}
    files = files_of(changed)
    files[TABLE] = files[TABLE].replace(b"Clip 44,", b"Something else,")
    hub.commit(REPO, {path: files[path] for path in ("OpenVid_part2.zip", TABLE)})
    refresh_listing(run.layout, run.settings.openvid)  # and the table of captions did not come
    told = Told(no_progress, run.infos.append, run.warnings.append)
    first, second = fetch_archives(run.layout, run.settings, ["openvid_part001", "openvid_part002"], told=told)
    assert first.failure.endswith("materialize openvid_captions")
    assert second.failure == f"not tried, since before it: {first.failure}"
    assert run.ledger().equals(before)
    assert failures(run.fetch()) == {}
    assert run.ledger().set_index("clip_key").loc[f"openvid/openvid_part002/{name}", "text"] == "Something else, of someone"


def test_a_clip_of_an_archive_that_the_data_set_no_longer_has_is_not_listed_a_second_time(tmp_path, hub):
    run = Run(tmp_path)
    run.fetch()
    hub.commit(REPO, {"OpenVid_part2.zip": None})
    assert failures(run.fetch(["openvid_part000"])) == {}
    assert not run.ledger()["clip_key"].str.rpartition("/")[2].duplicated().any()


def bad_archive(repo, n_bad):
    """Archive 0 with a wrong CRC-32 for its first clips."""
    names = repo.names(0)
    return zip_bytes([Entry(name, repo.clips[name], crc32=1 if at < n_bad else None) for at, name in enumerate(names)])


def test_a_few_clips_that_are_bad_in_the_archive_itself_are_results_and_never_fetched_again(tmp_path, hub, repo):
    hub.commit(REPO, {"OpenVid_part0.zip": bad_archive(repo, 2)})
    run = Run(tmp_path)
    (outcome,) = run.fetch(["openvid_part000"])
    assert outcome.result.summary.by_reason == {"bad_crc": 2}
    assert len(run.warnings) == 2
    assert "bad_crc (CRC-32" in run.warnings[0]
    assert outcome.result.sha256 == "checked"  # that is how the archive is
    (again,) = run.fetch(["openvid_part000"])
    assert (again.result.transfer.fetched, len(run.warnings)) == (0, 2)


def test_too_many_bad_clips_fail_the_archive_with_numbers_and_a_way_out(tmp_path, hub, repo):
    hub.commit(REPO, {"OpenVid_part0.zip": bad_archive(repo, 6)})
    run = Run(tmp_path)
    outcomes = run.fetch(["openvid_part000", "openvid_part001"])
    assert "6 of 20 clips failed (bad_crc 6), more than openvid.max_bad_share (1.0%) allows" in outcomes[0].failure
    assert outcomes[1].failure == ""
    assert not run.layout.partition_ledger("openvid", "openvid_part000").exists()
    lenient = Run(tmp_path, max_bad_share=0.5)
    assert lenient.fetch(["openvid_part000"])[0].result.summary.ok == 14


def test_warnings_about_clips_are_few(tmp_path, hub, repo, monkeypatch):
    monkeypatch.setattr("video_assets.sources.openvid.archive.MAX_WARNINGS", 3)
    hub.commit(REPO, {"OpenVid_part0.zip": bad_archive(repo, 9)})
    run = Run(tmp_path, max_bad_share=1.0)
    run.fetch(["openvid_part000"])
    assert len(run.warnings) == 3
    assert run.warnings[-1].endswith("further ones are only counted")


def test_bytes_between_clips_that_are_not_those_of_the_listing_fail_the_archive_and_nothing_of_it_is_kept(tmp_path, hub):
    run = Run(tmp_path)
    run.list()
    hub.fail("corrupt", path="OpenVid_part2", at=11)  # the time of the first member: no clip's CRC-32 tells
    (outcome,) = run.fetch(["openvid_part002"])
    assert "the bytes that came are not those of the listing" in outcome.failure
    assert clips_on_disk(tmp_path) == {}
    hub.mend()
    (outcome,) = run.fetch(["openvid_part002"])
    assert outcome.result.sha256 == "checked"
    assert len(clips_on_disk(tmp_path)) == 20


@pytest.mark.parametrize("mode", ["local", "archive"])
def test_the_other_modes_give_the_same_clips(tmp_path, hub, repo, mode):
    folder = tmp_path / "zips"
    for path, data in repo.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    run = Run(tmp_path / "data", mode=mode, **({"folder": str(folder)} if mode == "local" else {}))
    assert failures(run.fetch()) == {}
    assert clips_on_disk(tmp_path / "data") == repo.clips
    kept = {path.name for path in (tmp_path / "data" / "archives").rglob("*")} if mode == "archive" else set()
    assert kept == ({"openvid", *(name for name in repo.files if name.startswith("OpenVid"))} if mode == "archive" else set())
    assert (hub.bytes_sent() == 0) == (mode == "local")


def test_clips_that_a_new_commit_no_longer_has_can_be_kept(tmp_path, hub, repo):
    run = Run(tmp_path, keep_vanished=True)
    run.fetch(["openvid_part002"])
    gone = repo.names(2)[7]
    hub.commit(REPO, {"OpenVid_part2.zip": zip_of({name: repo.clips[name] for name in repo.names(2) if name != gone})})
    run.fetch(["openvid_part002"])
    assert (tmp_path / "clips/openvid/openvid_part002" / gone).exists()


def test_archives_at_the_same_time_give_the_same_clips_in_the_same_order(tmp_path, repo):
    run = Run(tmp_path, parallel_archives=3, connections=2)
    outcomes = run.fetch()
    assert failures(outcomes) == {}
    assert [outcome.archive for outcome in outcomes] == ALL
    assert clips_on_disk(tmp_path) == repo.clips


def test_archives_at_the_same_time_stop_when_the_caller_goes_away(tmp_path):
    run = Run(tmp_path, parallel_archives=2)
    run.list()
    told = Told(no_progress, run.infos.append, run.warnings.append)
    outcomes = fetch_archives(run.layout, run.settings, ALL, told=told)
    next(outcomes)
    outcomes.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("archive")]
    assert failures(run.fetch()) == {}


def test_a_gated_data_set_is_said_once_and_no_other_archive_is_tried(tmp_path, hub, monkeypatch):
    run = Run(tmp_path)
    run.list()
    hub.gate(REPO, "hf_secret")
    first, second, third = run.fetch(ALL)
    assert "HF_TOKEN" in first.failure
    assert second.failure.startswith("not tried, since before it: ")
    assert third.failure == second.failure
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert failures(run.fetch(ALL)) == {}


def test_a_web_page_instead_of_an_archive_is_said(tmp_path, hub):
    run = Run(tmp_path)
    run.list()
    hub.fail("html", path="OpenVid_part0", times=99)
    (outcome,) = run.fetch(["openvid_part000"])
    assert "web page" in outcome.failure


def test_a_disk_that_fills_up_stops_with_numbers_and_the_next_run_goes_on(tmp_path, repo, monkeypatch):
    run = Run(tmp_path)
    with small_disk(tmp_path / "clips", 2_000_000):
        (outcome,) = run.fetch(["openvid_part000"])
        if os.path.ismount(tmp_path / "clips"):
            assert re.search(r"extracting 20 clips of openvid_part000 takes [\d.]+ MB .*only [\d.]+ MB free", outcome.failure)
        with monkeypatch.context() as careless:
            careless.setattr("video_assets.sources.openvid.archive.require_space", lambda *_, **__: None)
            (outcome,) = run.fetch(["openvid_part000"])
        if os.path.ismount(tmp_path / "clips"):
            assert "the disk is full" in outcome.failure
            found = clips_on_disk(tmp_path)
            assert 0 < len(found) < 20
            assert all(repo.clips[name] == data for name, data in found.items())
    assert failures(run.fetch(["openvid_part000"])) == {}
    assert len(clips_on_disk(tmp_path)) == 20


def test_what_was_taken_down_is_not_fetched(tmp_path, repo):
    run = Run(tmp_path)
    gone = repo.names(0)[2]
    add_tombstones(run.layout, TOMBSTONES.frame([{"kind": "file_name", "value": gone, "request": "r", "cause": gone}]))
    (outcome,) = run.fetch(["openvid_part000"])
    assert outcome.result.summary.by_reason == {"taken_down": 1}
    assert gone not in clips_on_disk(tmp_path)


def say_bad(run, archive, names):
    """Write the verdicts that a decode check would give to files as they are now."""
    folder = run.layout.clips_folder("openvid", archive)
    rows = [
        {"clip_key": f"openvid/{archive}/{name}", "file_size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "verdict": "bad",
         "reason": "corrupt_video", "errors": "", "checker_version": CHECKER_VERSION, "ffmpeg_versions": ""}
        for name in names for stat in [(folder / name).stat()]
    ]  # fmt: skip
    write_table(run.layout.verdicts("00000-of-00002"), VERDICTS, VERDICTS.frame(rows))


def test_clips_that_do_not_decode_are_fetched_once_more_and_labelled(tmp_path, repo):
    run = Run(tmp_path)
    run.fetch(["openvid_part000"])
    damaged, as_archived = repo.names(0)[1:3]
    path = run.layout.clips_folder("openvid", "openvid_part000") / damaged
    stat = path.stat()
    path.write_bytes(repo.clips[damaged][:-1] + b"?")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # silently, as a failing disk does
    say_bad(run, "openvid_part000", [damaged, as_archived])
    write_broken(run.layout, run.settings)
    assert due(run.layout, run.settings)["openvid_part000"] == "2 clips do not decode"
    (outcome,) = run.fetch(["openvid_part000"])
    assert outcome.result.transfer.repaired == {"was_broken_in_transit": 1, "broken_at_source": 1}
    ledger = run.ledger().set_index("clip_key")
    assert ledger.loc[f"openvid/openvid_part000/{damaged}", "detail"].startswith("was_broken_in_transit: ")
    assert ledger.loc[f"openvid/openvid_part000/{as_archived}", "detail"].startswith("broken_at_source: ")
    assert ledger.loc[f"openvid/openvid_part000/{as_archived}", "status"] == "ok"
    assert clips_on_disk(tmp_path)[damaged] == repo.clips[damaged]
    say_bad(run, "openvid_part000", [as_archived])  # checked again, and bad again
    assert write_broken(run.layout, run.settings) == {}


@given(
    st.lists(st.tuples(*[st.one_of(st.none(), st.floats(0, 10))] * 3), max_size=8),
    st.builds(Selection, *[st.one_of(st.none(), st.floats(0, 10))] * 4),
)
def test_counting_wanted_rows_and_choosing_clips_are_of_one_mind(rows, selection):
    names = [f"{number}.mp4" for number in range(len(rows))]
    columns = dict(zip(("seconds", "aesthetic_score", "motion_score"), zip(*rows, strict=True), strict=False)) if rows else {}
    table = SCORED_CAPTIONS.frame(
        {"video": name, "text": "", "line": 1, **{column: values[at] for column, values in columns.items()}}
        for at, name in enumerate(names)
    )
    assert count_wanted(table, selection) == sum(not selection.why_not(name, row) for name, row in rows_of(table).items())


def test_the_token_is_in_no_file_of_the_data_root_and_in_no_message(tmp_path, hub, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", "hf_ThisIsTheSecretToken")
    hub.gate(REPO, "hf_ThisIsTheSecretToken")
    run = Run(tmp_path)
    hub.fail("status", path="OpenVid_part0", status=503)
    assert failures(run.fetch()) == {}
    monkeypatch.setenv("HF_TOKEN", "hf_ThisIsTheWrongSecret")
    refused = run.fetch(["openvid_part000"])
    told = [*run.infos, *run.warnings, *failures(refused).values(), caplog.text]
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in ("hf_ThisIsTheSecretToken", "hf_ThisIsTheWrongSecret"):
        assert not any(secret in text for text in told)
        assert not any(secret.encode() in text for text in texts)


def test_a_hostile_archive_gives_its_good_clips_a_reason_for_each_other_member_and_nothing_outside(tmp_path, hub, repo):
    good = repo.names(0)[1]
    hostile = [
        Entry(f"ok/{good}", repo.clips[good]),
        Entry("../../../escaped.mp4", b"outside"),
        Entry(f"{tmp_path}/absolute.mp4", b"outside"),
        Entry("link.mp4", b"/etc/passwd", mode=0o120777),
        Entry("nul\0.mp4"),
        Entry("n" * 300 + ".mp4"),
        Entry(b"caf\xe9.mp4", flags=0x800),
        Entry(f"again/{good}", b"another"),
        Entry(repo.names(0)[2], b"", method=8, packed=b"\x03\x00", size=3 << 30),
        Entry(repo.names(0)[3], repo.clips[repo.names(0)[3]], flags=1),
        Entry("readme.txt", b"hello"),
        Entry(f"a/b/c/{repo.names(0)[0]}", repo.clips[repo.names(0)[0]]),  # its name begins with a dash
    ]
    hub.commit(REPO, {"OpenVid_part0.zip": zip_bytes(hostile)})
    run = Run(tmp_path / "data", max_bad_share=1)
    (outcome,) = run.fetch(["openvid_part000"])
    assert clips_on_disk(tmp_path / "data") == {name: repo.clips[name] for name in (repo.names(0)[0], good)}
    assert outcome.result.summary.by_reason == {
        "duplicate_name": 1, "encrypted_member": 1, "link_member": 1, "not_a_clip": 1, "unsafe_name": 5, "zip_bomb": 1
    }  # fmt: skip
    assert len(run.ledger()) == len(hostile)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_rows_without_a_clip_are_known_when_every_archive_was_read_and_then_have_a_reason(tmp_path, hub, repo):
    hub.commit(REPO, files_of(repo.clips, ghosts=("70_ghost.mp4", "71_ghost.mp4")))
    run = Run(tmp_path)
    run.fetch(ALL[:2])
    assert len(run.ledger()) == 40
    run.fetch(ALL[2:])
    assert run.warnings == ["2 rows of the captions table have no clip in any archive"]
    ledger = run.ledger()
    assert len(ledger) == 62
    lost = ledger[ledger["status"] == "failed"]
    assert set(lost["reason"]) == {"missing_in_archive"}
    assert lost["detail"].iloc[0] == "line 62 of the captions table; none of the 3 archives has a clip of this name"
    assert due(run.layout, run.settings) == {}


def test_clips_with_a_number_sign_in_their_names_are_clips_like_others(tmp_path, hub, repo):
    clips = {name.replace("_", "_#7", 1): data for name, data in repo.clips.items()}
    hub.commit(REPO, files_of(clips))
    run = Run(tmp_path)
    run.fetch()
    ledger = run.ledger()
    assert (len(ledger), set(ledger["status"])) == (60, {"ok"})
    lost, *kept = list(clips)[:20]
    hub.commit(REPO, {"OpenVid_part0.zip": zip_of({name: clips[name] for name in kept})})
    run.fetch()
    ledger = run.ledger().set_index("clip_key")
    assert ledger.loc[f"openvid/openvid_part000/{lost}", "reason"] == "missing_in_archive"
    assert set(clips_on_disk(tmp_path)) == {*kept, *list(clips)[20:]}


@pytest.mark.parametrize("is_killed", [False, True])
def test_archives_of_another_data_set_do_not_replace_those_whose_clips_are_here(hub, repo, tmp_path, is_killed):
    run, archive = Run(tmp_path), "openvid_part002"
    run.fetch([archive])
    if is_killed:  # before it made a table of its lines
        lines = run.fetches(archive).to_dict("records")
        run.layout.fetches("openvid", archive).unlink()
        with FetchLedger(run.layout, "openvid", archive) as ledger:
            for line in lines:
                ledger.append(Fetch(**{name: None if value is pd.NA else value for name, value in line.items()}))
    others = {name: repo.clips[name] for name in repo.names(0)}
    hub.commit("you/others", {"OpenVid_part2.zip": zip_of(others), TABLE: repo.files[TABLE]})
    hub.commit(REPO, {"v2/OpenVid_part2.zip": zip_of(others)})
    if not is_killed:  # the ledger itself knows
        shutil.rmtree(tmp_path / "listings")
    there, captions = clips_on_disk(tmp_path), run.layout.captions("openvid").read_bytes()
    for other in ({"repo": "you/others"}, {"archive_pattern": "v2/OpenVid_part{number}"}):
        with pytest.raises(
            SourceError, match=r"openvid_part002 of \S+ \(\S+\) is not that of .* would be deleted\. Correct openvid\.repo"
        ):
            Run(tmp_path, **other).fetch()
    assert (clips_on_disk(tmp_path), run.layout.captions("openvid").read_bytes()) == (there, captions)
    assert not run.fetch([archive])[0].failure
    shutil.rmtree(tmp_path / "clips" / "openvid")
    shutil.rmtree(tmp_path / "raw" / "openvid")
    Run(tmp_path, repo="you/others").fetch()
    assert clips_on_disk(tmp_path) == others


def test_a_torn_ledger_does_not_stop_the_listing(tmp_path):
    run = Run(tmp_path)
    run.fetch(["openvid_part002"])
    path = run.layout.fetches("openvid", "openvid_part002")
    path.write_bytes(path.read_bytes()[:100])
    run.list()
    assert "not a readable table" in run.fetch(["openvid_part002"])[0].failure


def test_a_copy_of_the_data_set_under_another_name_goes_on_where_the_first_was(hub, repo, tmp_path):
    Run(tmp_path).fetch(["openvid_part002"])
    hub.commit("you/copy", repo.files)
    hub.reset_counts()
    copy = Run(tmp_path, repo="you/copy")
    copy.list()
    assert list(due(copy.layout, copy.settings)) == ["openvid_part000", "openvid_part001"]
    assert hub.bytes_sent("zip") == 0
    hub.commit("you/copy", {"OpenVid_part2.zip": zip_of({name: repo.clips[name] for name in repo.names(2)[1:]})})
    copy.list()
    assert "openvid_part002" in due(copy.layout, copy.settings), "a new commit of the copy"
