"""Archives of a hub to clips and ledgers, under the faults that networks, hubs and disks have."""

import pandas as pd
import pytest
from hub_server import FakeHub
from openvid_repo import REPO, clips_on_disk, make_repo, settings_for

from video_assets.core.schema import LEDGER
from video_assets.io.fetch_ledger import FetchLedger
from video_assets.io.layout import Layout
from video_assets.io.openvid import due, fetch_archives
from video_assets.io.openvid_archive import Told
from video_assets.io.openvid_captions import refresh_captions
from video_assets.io.openvid_listing import refresh_listing
from video_assets.io.progress import no_progress
from video_assets.io.tables import read_table

ALL = ["openvid_part000", "openvid_part001", "openvid_part002"]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return make_repo(tmp_path_factory.mktemp("clips"))


@pytest.fixture
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
    assert hub.bytes_sent("OpenVid_part1") <= len(repo.files["OpenVid_part1_partaa"]) * 2 + 2000
