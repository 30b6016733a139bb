"""Tasks that check several shards, one after the other: each is reported by itself, and none pays for what befell another."""

import os
import signal

import psutil
import pytest
from dagster_server import wait_for

from video_assets.progress import LogProgress
from video_assets.slurm import client
from video_assets.slurm.follow import check_shards_on_slurm

pytestmark = [pytest.mark.slow(8), pytest.mark.usefixtures("opened")]
PER_TASK = 4


@pytest.fixture
def follow(site, layout, settings_of, opened):
    """Check four shards by one task; `meanwhile` is called with the first shard's outcome, while the task is at the second."""

    def outcomes(meanwhile):
        site.mount.slow(0.5)
        settings = settings_of(layout, shards_per_task=PER_TASK)
        found = {}
        for outcome in check_shards_on_slurm(layout, site.shards[:PER_TASK], settings=settings, progress=LogProgress(print)):
            if not found:
                first = len(opened())
                wait_for(lambda n=first: len(opened()) > n, timeout_s=300)
                meanwhile()
                site.mount.mend()
            found[outcome.shard] = outcome
        return [found[shard] for shard in site.shards[:PER_TASK]]

    return outcomes


def send(number, layout):
    """A signal to the one program that Slurm has started for this data root."""
    [task] = [process.pid for process in psutil.process_iter() if is_task(process, layout)]
    os.kill(task, number)


def is_task(process, layout):
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "video_assets.slurm.task" in words and str(layout.root) in words[-1]


def test_what_slurm_does_not_know_any_more_is_cancelled_without_a_word():
    client.cancel("999999", [0], name="video-assets-gone")


def test_all_shards_of_three_tasks_are_reported_one_by_one_and_no_clip_is_opened_twice(site, layout, settings_of, opened):
    settings = settings_of(layout, shards_per_task=3)
    outcomes = list(check_shards_on_slurm(layout, site.shards, settings=settings, progress=LogProgress(print)))
    assert {outcome.shard: outcome.failure for outcome in outcomes} == dict.fromkeys(site.shards, "")
    assert sorted(outcome.job.partition("_")[2] for outcome in outcomes) == ["0", "0", "0", "1", "1", "1", "2", "2"]
    assert sum(outcome.n_decoded for outcome in outcomes) == len(opened()) == sum(opened().values())
    assert all(outcome.cpu_s > 0 and outcome.wall_s > 0 and outcome.node for outcome in outcomes)


def test_a_task_that_is_killed_fails_the_shard_it_was_at_and_the_next_ones_get_another(follow, layout, opened):
    first, second, *others = follow(lambda: send(signal.SIGKILL, layout))
    assert "killed there" in second.failure
    assert [outcome.failure for outcome in (first, *others)] == ["", "", ""]
    assert first.job == second.job != others[0].job
    assert max(opened().values()) == 1


def test_a_task_that_is_told_to_stop_hands_back_and_nothing_decided_is_decoded_again(follow, layout, opened):
    outcomes = follow(lambda: send(signal.SIGTERM, layout))
    assert [outcome.failure for outcome in outcomes] == ["", "", "", ""]
    assert outcomes[0].job != outcomes[1].job == outcomes[3].job
    assert sum(opened().values()) <= len(opened()) + 1


def test_a_task_that_is_cancelled_by_hand_fails_all_that_it_had_left(site, follow):
    first, *others = follow(lambda: site.cluster.call("scancel", "--user", str(os.getuid())))
    assert first.failure == ""
    assert all("cancelled" in outcome.failure for outcome in others)
