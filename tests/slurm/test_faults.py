"""What goes wrong on a cluster costs the clips in flight, fails the shard with Slurm's reason, or is done again."""

import threading

import pytest
from dagster_server import wait_for

from video_assets.progress import LogProgress
from video_assets.slurm.client import SlurmError
from video_assets.slurm.follow import check_shards_on_slurm

pytestmark = [pytest.mark.slow(8), pytest.mark.usefixtures("opened")]


def quiet(_line):
    """Nobody listens."""


def by_slurm(layout, shards, settings):
    outcomes = check_shards_on_slurm(layout, shards, settings=settings, progress=LogProgress(quiet))
    return {outcome.shard: outcome for outcome in outcomes}


def failures(outcomes):
    return {shard: outcome.failure for shard, outcome in outcomes.items() if outcome.failure}


def failures_of(records):
    return {shard: record["failure"] for shard, record in records.items() if record["failure"]}


def tasks_at_work(site):
    return site.cluster.call("squeue", "-h", "-r", "-t", "R", "-o", "%F_%K %N").splitlines()


def waiting_tasks(site):
    return site.cluster.call("squeue", "-h", "-r", "-t", "PD", "-o", "%F_%K").split()


def test_a_killed_node_costs_the_clips_that_were_not_decided_yet(site, opened, decided, head):
    site.mount.slow(0.3)
    one = head(*site.shards[:4])
    wait_for(lambda: decided() and len(tasks_at_work(site)) == 4, timeout_s=900)
    before = decided()
    site.cluster.kill_node("n1")
    wait_for(lambda: site.cluster.call("sinfo", "-h", "-n", "n1", "-o", "%T").startswith("down"), timeout_s=900)
    site.mount.mend()
    for task in wait_for(lambda: waiting_tasks(site), timeout_s=240):  # Slurm lets two minutes pass after a node failure
        site.cluster.call("scontrol", "update", f"JobId={task}", "StartTime=now")
    assert failures_of(one.outcomes()) == {}
    again = {clip for clip, times in opened().items() if times > 1}
    assert len(before) < 16 == len(opened())
    assert not again & before
    assert max(opened().values()) <= 2
    assert len(again) <= 2 * 4  # of the two tasks on that node


def test_a_task_over_its_memory_fails_its_shard_alone_and_with_more_memory_it_is_done(site, layout, settings_of):
    site.mount.slow(1.0)
    outcomes = by_slurm(layout, site.shards[:1], settings_of(layout, extra=["--mem-per-cpu=100M"]))
    [why] = failures(outcomes).values()
    assert "out of memory: raise slurm.mem_per_cpu_mib" in why
    assert f"Slurm job {outcomes[site.shards[0]].job} on n" in why
    assert str(outcomes[site.shards[0]].log) in why
    assert "memory limit" in why
    site.mount.mend()
    assert failures(by_slurm(layout, site.shards[:1], settings_of(layout))) == {}


def test_a_task_that_is_cancelled_by_hand_fails_its_shard_alone(site, opened, layout, settings_of, head):
    site.mount.slow(0.3)
    one = head(*site.shards[:2])
    wait_for(lambda: len(opened()) > 2 and len(tasks_at_work(site)) == 2, timeout_s=900)
    site.cluster.call("scancel", tasks_at_work(site)[0].split()[0])
    site.mount.mend()
    records = one.outcomes()
    [(shard, why)] = failures_of(records).items()
    assert "cancelled" in why
    assert "told to stop; everything done so far is kept" in why
    before = sum(opened().values())
    outcomes = by_slurm(layout, site.shards[:2], settings_of(layout))
    assert failures(outcomes) == {}
    assert sum(opened().values()) - before == outcomes[shard].n_decoded <= 4
    assert sum(opened().values()) <= 8 + 1


def test_before_its_time_limit_a_task_hands_back_and_the_rest_is_submitted_again(site, opened, layout, settings_of):
    site.mount.slow(20.0)
    settings = settings_of(layout, time_limit="3", hand_back_s=119)  # Slurm's signal comes 1 to 61 s after the start
    lines = []
    outcomes = check_shards_on_slurm(
        layout, site.shards[:1], settings=settings, progress=LogProgress(lines.append, interval_s=0.0)
    )

    def mend_when_handed_back():
        return len(list(layout.slurm_arrays.glob("*/array.json"))) > 1

    watcher = threading.Thread(target=lambda: (wait_for(mend_when_handed_back, timeout_s=900), site.mount.mend()))
    watcher.start()
    [outcome] = outcomes
    watcher.join()
    assert (outcome.shard, outcome.failure) == (site.shards[0], "")
    assert sum(opened().values()) <= 4 + 1


@pytest.mark.parametrize(
    ("slurm", "words"),
    [
        ({"time_limit": "2-00:00:00"}, "start refused: PartitionTimeLimit"),
        ({"prefix": ["no-such-command"]}, "no-such-command"),
        ({"python": "/no/such/python"}, "/no/such/python"),
    ],
)
def test_a_task_that_cannot_start_fails_its_shard_with_the_reason(site, layout, settings_of, slurm, words):
    [why] = failures(by_slurm(layout, site.shards[:1], settings_of(layout, **slurm))).values()
    assert words in why


def test_what_sbatch_refuses_is_told_in_its_words(site, layout, settings_of):
    with pytest.raises(SlurmError, match=r"^sbatch: invalid partition specified: no-such; .* stands in \[slurm\]"):
        by_slurm(layout, site.shards[:1], settings_of(layout, partition="no-such"))


def test_nothing_from_a_name_reaches_a_shell(site, settings_of, tmp_path):
    layout = site.data_root(tmp_path / "it's; touch $(x) %a `y` &")
    assert failures(by_slurm(layout, site.shards[:1], settings_of(layout))) == {}
    assert list(layout.slurm_arrays.glob("*/0.log"))


def test_a_requeued_task_goes_on_where_it_was(site, opened, head):
    site.mount.slow(0.3)
    one = head(site.shards[0])
    wait_for(lambda: len(opened()) > 2, timeout_s=900)
    site.cluster.call("scontrol", "requeue", tasks_at_work(site)[0].split()[0])
    site.mount.mend()
    site.cluster.call("scontrol", "update", f"JobId={wait_for(lambda: waiting_tasks(site), timeout_s=240)[0]}", "StartTime=now")
    assert failures_of(one.outcomes()) == {}
    assert sum(opened().values()) <= 4 + 1
