"""Storage that one node does not deliver: its shards are tried once on another node, and not for ever."""

import json
import threading

import pytest
from dagster_server import wait_for

from video_assets.progress import LogProgress
from video_assets.slurm.follow import check_shards_on_slurm

pytestmark = pytest.mark.slow(20)


def results(layout):
    """What first tasks of arrays came to, array after array."""
    return [json.loads(path.read_text()) for path in sorted(layout.slurm_arrays.glob("*/0.json"))]


def check(site, layout, settings):
    [outcome] = check_shards_on_slurm(layout, site.shards[:1], settings=settings, progress=LogProgress(print))
    return outcome


@pytest.mark.usefixtures("opened")
def test_it_is_tried_once_on_another_node(site, layout, settings_of):
    site.mount.fail("EIO")
    mender = threading.Thread(target=lambda: (wait_for(lambda: results(layout), timeout_s=900), site.mount.mend()))
    mender.start()
    outcome = check(site, layout, settings_of(layout))
    mender.join()
    first, second = results(layout)
    assert (first["status"], second["status"], outcome.failure) == ("undelivered", "done", "")
    assert {first["node"], second["node"]} == set(site.cluster.nodes)


@pytest.mark.usefixtures("opened")
def test_storage_that_no_node_delivers_fails_the_shard(site, layout, settings_of):
    site.mount.fail("EIO")
    outcome = check(site, layout, settings_of(layout))
    assert "4 clips could not be read or checked" in outcome.failure
    assert [result["status"] for result in results(layout)] == ["undelivered"] * 2


@pytest.mark.usefixtures("opened")
def test_where_no_other_node_may_be_used_it_is_tried_again_there(site, layout, settings_of):
    site.mount.fail("EIO")
    outcome = check(site, layout, settings_of(layout, exclude="n2"))
    assert "4 clips could not be read or checked" in outcome.failure
    assert [result["node"] for result in results(layout)] == ["n1", "n1"]
