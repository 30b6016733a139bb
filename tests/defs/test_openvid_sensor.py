"""The sensor and the schedules of OpenVid: what they ask for, when, and what they say when they ask for nothing."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from hub_server import FakeHub
from openvid_repo import REPO, make_repo, settings_for, zip_of

from video_assets.core.schema import LEDGER
from video_assets.definitions import build_defs
from video_assets.defs.openvid import openvid_schedules, openvid_sensors
from video_assets.sources.openvid.captions import refresh_captions
from video_assets.sources.openvid.fetch import pending
from video_assets.sources.openvid.listing import refresh_listing
from video_assets.storage.layout import Layout
from video_assets.storage.tables import write_table

ALL = ["openvid_part000", "openvid_part001", "openvid_part002"]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return make_repo(tmp_path_factory.mktemp("clips"), padding=100)


@pytest.fixture
def hub(repo, monkeypatch):
    with FakeHub() as server:
        server.commit(REPO, repo.files)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def instance(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


class Daemon:
    """Ticks in a row, each with the cursor of the one before."""

    def __init__(self, root, instance, **openvid):
        self.settings, self.layout = settings_for(root, **openvid), Layout(root)
        self.repository = build_defs(self.settings).get_repository_def()
        self.instance, self.cursor = instance, None

    def tick(self):
        """(what is asked for, what is said)."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, repository_def=self.repository)
        with partition_loading_context(dynamic_partitions_store=self.instance):  # as the daemon does
            told = self.repository.get_sensor_def("openvid_sensor").evaluate_tick(context)
        self.cursor = told.cursor or self.cursor
        return [request.partition_key or request.job_name for request in told.run_requests], told.skip_message

    def list(self):
        refresh_captions(self.layout, self.settings.openvid, refresh_listing(self.layout, self.settings.openvid))

    def finish(self, *archives):
        """Write the ledgers that runs would have written."""
        versions = pending(self.layout, self.settings)
        for archive in archives:
            note = {"version": versions[archive], "waiting": 0}
            write_table(self.layout.partition_ledger("openvid", archive), LEDGER, LEDGER.frame(), note=note)


def test_a_new_commit_is_listed_then_its_archives_are_asked_for_a_few_at_a_time_and_once(tmp_path, instance, hub):
    daemon = Daemon(tmp_path, instance, max_archives_per_poll=2)
    assert daemon.tick() == (["list_openvid"], None)
    daemon.list()
    assert daemon.tick() == (ALL[:2], None)
    assert daemon.tick() == (ALL[2:], None)
    asked, said = daemon.tick()
    assert asked == []
    assert "3 archives are not complete and were asked for already" in said
    daemon.finish(*ALL)
    asked, said = daemon.tick()
    assert (asked, hub.n_requests("tree")) == ([], 1)
    assert said.endswith("every wanted archive is there")


def test_a_changed_archive_is_asked_for_and_no_other(tmp_path, instance, hub, repo):
    daemon = Daemon(tmp_path, instance)
    daemon.list()
    daemon.finish(*ALL)
    assert daemon.tick()[0] == []
    hub.commit(REPO, {"OpenVid_part2.zip": zip_of({repo.names(2)[0]: b"another"})})
    assert daemon.tick()[0] == ["list_openvid"]
    daemon.list()
    assert daemon.tick()[0] == ["openvid_part002"]


def test_a_commit_that_changes_no_archive_asks_for_a_listing_only(tmp_path, instance, hub):
    daemon = Daemon(tmp_path, instance)
    daemon.list()
    daemon.finish(*ALL)
    hub.commit(REPO, {"README.md": b"# news\n"})
    assert daemon.tick()[0] == ["list_openvid"]
    daemon.list()
    assert daemon.tick()[0] == []


def test_archives_that_are_not_wanted_are_never_asked_for(tmp_path, instance, hub):
    daemon = Daemon(tmp_path, instance, archives=[1])
    daemon.list()
    assert daemon.tick()[0] == ["openvid_part001"]
    assert hub.bytes_sent("OpenVid_part") == 0


def test_offline_rate_limited_and_missing_are_said_plainly(tmp_path, instance, hub, monkeypatch):
    daemon = Daemon(tmp_path, instance)
    hub.fail("status", on="info", status=429, headers={"Retry-After": "120"})
    asked, said = daemon.tick()
    assert (asked, "120" in said) == ([], True)
    asked, said = Daemon(tmp_path, instance, repo="nobody/nothing").tick()
    assert (asked, "nobody/nothing" in said) == ([], True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    asked, said = daemon.tick()
    assert (asked, "cannot be reached" in said) == ([], True)


def test_the_night_asks_for_everything_that_is_not_complete(tmp_path, instance, hub):
    daemon = Daemon(tmp_path, instance)
    listing, fetch = (daemon.repository.get_schedule_def(name) for name in ("nightly_openvid_listing", "nightly_openvid"))
    night = datetime(2026, 1, 1, 1, tzinfo=UTC)
    context = dg.build_schedule_context(instance, scheduled_execution_time=night, repository_def=daemon.repository)
    assert "materialize openvid_listing" in fetch.evaluate_tick(context).skip_message
    assert listing.job_name == "list_openvid"
    daemon.list()
    daemon.finish(ALL[1])
    assert [request.partition_key for request in fetch.evaluate_tick(context).run_requests] == [ALL[0], ALL[2]]
    daemon.finish(ALL[0], ALL[2])
    assert "every wanted archive is there" in fetch.evaluate_tick(context).skip_message
    assert hub.bytes_sent("OpenVid_part") == 0


def test_without_automation_neither_sensor_nor_schedules_run_by_themselves(tmp_path):
    settings = settings_for(tmp_path).model_copy(
        update={"automation": settings_for(tmp_path).automation.model_copy(update={"is_enabled": False})}
    )
    assert openvid_sensors(settings)[0].default_status == dg.DefaultSensorStatus.STOPPED
    assert {one.default_status for one in openvid_schedules(settings)} == {dg.DefaultScheduleStatus.STOPPED}
    assert openvid_sensors(settings_for(tmp_path, is_enabled=False)) == []
