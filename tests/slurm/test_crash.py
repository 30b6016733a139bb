"""A controller that is killed forgets what it has not saved: that tasks run, or that there are any. No shard fails for it.

Back again, it ends the tasks that it does not know of (SIGKILL), and starts those anew that it knows as waiting, or forgets them.
When a node says that such a task still runs, Slurm drains the node ("Duplicate jobid"): its administrator has to resume it.
"""

import threading
import time

import pytest
from dagster_server import wait_for

from video_assets.progress import LogProgress
from video_assets.slurm import watch
from video_assets.slurm.follow import check_shards_on_slurm

pytestmark = pytest.mark.slow(60)


@pytest.fixture
def impatient(monkeypatch):
    """This is no network storage: what a task has written is there at once."""
    monkeypatch.setattr(watch, "_PATIENCE_S", 3.0)


@pytest.mark.usefixtures("impatient")
def test_a_controller_that_is_killed_costs_the_clips_that_were_not_decided_yet(site, opened, decided, layout, settings_of):
    site.mount.slow(0.3)
    before = set()

    def crash():
        wait_for(decided, timeout_s=900)
        before.update(decided())
        site.cluster.crash_controller()
        time.sleep(1.0)
        site.cluster.start_controller()
        site.mount.mend()

    crashing = threading.Thread(target=crash, daemon=True)
    crashing.start()
    outcomes = list(check_shards_on_slurm(layout, site.shards[:4], settings=settings_of(layout), progress=LogProgress(print)))
    crashing.join()
    assert sorted((outcome.shard, outcome.failure) for outcome in outcomes) == [(shard, "") for shard in site.shards[:4]]
    again = {clip for clip, times in opened().items() if times > 1}
    assert len(before) < 16 == len(opened())
    assert not again & before
    assert max(opened().values()) <= 2
