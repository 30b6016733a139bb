"""OpenVid through the whole graph: a data set of its shape on a hub of this machine becomes the training CSV."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from command_line import command
from hub_server import FakeHub
from media_factory import flip_media
from openvid_repo import REPO, OpenVidRepo, files_of, make_repo

from video_assets.definitions import build_defs
from video_assets.explain.why import explain
from video_assets.local.fetch import fetch_openvid
from video_assets.local.jobs import Jobs
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.storage.layout import Layout

SECRET = "hf_" + "MustNotBeWrittenAnywhere"

pytestmark = pytest.mark.slow(15)


@dataclass(frozen=True)
class Finished:
    """A run that was killed in the middle of an archive and started again; what the hub sent of that archive then."""

    root: Path
    hub: FakeHub
    repo: OpenVidRepo
    broken: str
    damaged: str
    there: int
    bytes_before: int
    bytes_after: int
    told: str

    @property
    def layout(self) -> Layout:
        return Layout(self.root)


def environment(hub):
    return {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": SECRET}


def start(root, hub):
    line = [sys.executable, "-m", "video_assets.cli.app", "run", "--data-root", str(root), "--json"]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(hub))


def finish(root, hub):
    done = command("run", "--data-root", root, "--json", env=environment(hub), check=True)
    return json.loads(done.stdout), done.stderr


def rows(path):
    with path.open(newline="") as file:
        return {row["path"].rpartition("/")[2]: row for row in csv.DictReader(file)}


def kill_when_some_clips_are_there(root, hub):
    """SIGKILL as soon as the ledger has at least three clips of the first archive on the disk."""
    process = start(root, hub)
    ledger = FetchLedger(Layout(root), "openvid", "openvid_part000")
    deadline = time.monotonic() + 200
    while len(ledger.read()) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return ledger.read()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    repo = make_repo(tmp_path_factory.mktemp("clips"))
    broken = repo.names(2)[9]
    data = bytearray(repo.clips[broken])
    flip_media(data)
    repo.clips[broken] = bytes(data)  # as the archive has it, with the CRC-32 that fits
    root = tmp_path_factory.mktemp("openvid") / "data"
    root.mkdir()
    section = ["[openvid]", "enabled = true", f'repo = "{REPO}"', "headroom_gib = 0", "[decode]", "n_shards = 2", ""]
    (root / "video_assets.toml").write_text("\n".join(section))
    with FakeHub() as hub:
        hub.commit(REPO, files_of(repo.clips))
        hub.gate(REPO, SECRET)
        hub.bytes_per_s = 400_000
        there = kill_when_some_clips_are_there(root, hub)
        bytes_before = hub.bytes_sent("OpenVid_part0")
        damaged = Path(there["path"].iloc[0])
        stat = damaged.stat()
        damaged.write_bytes(damaged.read_bytes()[:400] + bytes(600) + damaged.read_bytes()[1000:])
        os.utime(damaged, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # silently, as a failing disk does
        hub.bytes_per_s = None
        hub.reset_counts()
        _, told = finish(root, hub)
        yield Finished(
            root, hub, repo, broken, damaged.name, len(there), bytes_before, hub.bytes_sent("OpenVid_part0"), told
        )  # fmt: skip


def test_sixty_clips_in_three_archives_one_of_them_in_two_pieces_become_the_training_csv(finished):
    table = rows(finished.layout.training_csv("OpenVid1M"))
    assert table == rows(finished.layout.training_csv("training"))
    assert {name: int(row["num_frames"]) for name, row in table.items()} == {
        name: 8 + number for number, name in enumerate(finished.repo.clips) if name != finished.broken
    }
    assert table[finished.repo.names(1)[0]]["text"] == "Clip 20, of someone"
    on_disk = {path.name: path.read_bytes() for path in (finished.root / "clips").rglob("*") if path.is_file()}
    assert on_disk == finished.repo.clips


def test_sigkill_in_the_middle_of_an_archive_costs_what_was_not_there_yet(finished):
    sizes = [len(finished.repo.clips[name]) for name in finished.repo.names(0)]
    left = sum(sizes[finished.there :])
    directories_and_healing = 2 * (1 << 20) + sizes[0] + 400_000
    assert finished.there >= 3
    assert finished.bytes_after <= left + directories_and_healing


def test_the_transfer_is_said_beforehand(finished):
    assert "openvid: 3 archives; this fetches about" in finished.told


def test_clips_that_do_not_decode_were_fetched_once_more_and_say_which_side_broke_them(finished):
    settings = Settings(data_root=finished.root, openvid={"is_enabled": True}, decode={"n_shards": 2})
    (broken,) = explain(finished.layout, settings, finished.broken)
    assert broken.status == "dropped"
    assert broken.decisive.stage == "decode_check"
    assert "broken_at_source: CRC-32" in broken.steps[0].detail
    (damaged,) = explain(finished.layout, settings, finished.damaged)
    assert damaged.status == "kept"
    assert "was_broken_in_transit: the file had CRC-32" in damaged.steps[0].detail


def test_a_second_run_fetches_nothing_and_writes_the_same_bytes(finished):
    before = finished.layout.training_csv("training").read_bytes()
    finished.hub.reset_counts()
    _, told = finish(finished.root, finished.hub)
    assert finished.hub.bytes_sent() == 0
    assert "this fetches" not in told
    assert finished.layout.training_csv("training").read_bytes() == before


def test_the_token_is_nowhere_below_the_data_root(finished):
    secret = SECRET.encode()
    assert not [path for path in finished.root.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert SECRET not in finished.told


def test_without_an_answer_of_the_hub_a_run_goes_on_with_the_listing_that_is_there(finished, tmp_path, monkeypatch):
    settings = Settings(
        data_root=finished.root, openvid={"is_enabled": True, "repo": REPO, "headroom_gib": 0}, decode={"n_shards": 2}
    )
    said = []
    with FakeHub() as empty, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        monkeypatch.setenv("HF_ENDPOINT", empty.endpoint)
        fetch_openvid(Jobs(build_defs(settings, terminal=no_progress), instance, said.append), settings)
        assert empty.bytes_sent() == 0
    assert "Going on with the listing of commit" in said[-1]
