"""Slurm's words, and what it is told."""

import os
import shlex
import subprocess

import pytest
from pydantic import ValidationError

from video_assets.settings.slurm import Slurm
from video_assets.slurm import client
from video_assets.slurm.submission import sbatch_options
from video_assets.slurm.words import End, Task, escaped, indices, parse_end, parse_queue, queue_words, task_script, why_failed

QUEUE = """\
video-assets-1|7|0|RUNNING|n1|2026-11-28T10:00:00|2026-11-28T10:00:30|None
video-assets-1|7|1|PENDING||2026-11-28T10:00:00|N/A|Resources
video-assets-1|7|2|FAILED|n2|2026-11-28T10:00:00|2026-11-28T10:00:31|JobLaunchFailure
video-assets-1|7|[3-9%2]|PENDING||2026-11-28T10:00:00|N/A|JobArrayTaskLimit
"""


def test_the_queue_is_read_task_by_task():
    tasks = parse_queue(QUEUE)
    assert set(tasks) == {("video-assets-1", index) for index in (0, 1, 2)}
    running, waiting, failed = tasks.values()
    assert (running.job, running.node, running.queue_s, running.is_over, running.is_waiting) == ("7", "n1", 30.0, False, False)
    assert (waiting.is_waiting, waiting.queue_s, waiting.why_never) == (True, None, "")
    assert failed.is_over
    assert queue_words([running, waiting], n_done=3, n_failed=1) == "1 pending (Resources), 1 running on 1 node, 3 done, 1 failed"


def test_what_mostly_does_not_end_by_itself_is_told_with_what_to_do():
    words = queue_words([Task("7", "PENDING", reason="PartitionConfig")], n_done=0, n_failed=0)
    assert "1 pending (PartitionConfig: no node of the partition is large enough now: see slurm.cpus_per_task" in words


@pytest.mark.parametrize(
    ("state", "reason", "never"),
    [
        ("PENDING", "(launch failed requeued held)", "start refused: launch failed requeued held"),
        ("PENDING", "PartitionTimeLimit", "start refused: PartitionTimeLimit"),
        ("PENDING", "Priority", ""),
        ("PENDING", "JobHeldUser", ""),
        ("RUNNING", "PartitionTimeLimit", ""),
    ],
)
def test_what_no_waiting_ends_is_known(state, reason, never):
    assert Task("7", state, reason=reason).why_never == never


@pytest.mark.parametrize("state", ["COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED", "PENDING", "RUNNING"])
def test_a_task_that_may_go_on_is_not_over(state):
    assert not Task("7", state).is_over


@pytest.mark.parametrize(
    ("line", "log", "words"),
    [
        ("JobState=NODE_FAIL Reason=NodeDown ExitCode=0:0", "", "its node failed (Slurm: NODE_FAIL, NodeDown)"),
        ("JobState=OUT_OF_MEMORY Reason=OutOfMemory ExitCode=0:125", "", "out of memory: raise slurm.mem_per_cpu_mib"),
        (
            "JobState=FAILED Reason=JobLaunchFailure ExitCode=0:0",
            "slurmstepd: error: Job 7 exceeded memory limit",
            "out of memory",
        ),
        ("JobState=FAILED Reason=JobLaunchFailure ExitCode=0:53", "", "start refused by its node, or killed there"),
        ("JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15", "", "killed at its time limit"),
        ("JobState=PREEMPTED Reason=None ExitCode=0:0", "", "preempted: other jobs took its node (Slurm: PREEMPTED)"),
        ("JobState=CANCELLED Reason=None ExitCode=0:15", "", "cancelled (Slurm: CANCELLED)"),
        ("JobState=FAILED Reason=NonZeroExitCode ExitCode=127:0", "", "it ended without a result (exit code 127)"),
        ("JobState=FAILED Reason=RaisedSignal:9 ExitCode=0:9", "", "it ended without a result (killed by signal 9)"),
        ("State=COMPLETED ExitCode=0:0", "", "it ended without a result (exit code 0)"),
    ],
)
def test_the_reason_of_a_failure_is_slurms_own(line, log, words):
    assert why_failed(parse_end(f"JobName=video-assets-1 {line}", name="video-assets-1"), log).startswith(words)


def test_a_job_of_another_name_says_nothing_of_ours():
    assert parse_end("JobName=other JobState=FAILED ExitCode=1:0", name="video-assets-1") == parse_end("", name="x") == End()


def test_only_a_program_that_ended_by_itself_has_written_a_result():
    assert End("FAILED", exit_code=130).is_own
    assert not End("FAILED", exit_code=127).is_own
    assert not End("FAILED", signal=9).is_own
    assert not End("NODE_FAIL").is_own


def test_numbers_of_tasks_are_written_as_slurm_reads_them():
    assert indices([5, 0, 1, 2, 7, 8]) == "0-2,5,7-8"
    assert indices([3]) == "3"


def test_words_of_settings_and_paths_reach_the_program_as_they_are(tmp_path):
    words = ["it's", "$(touch x)", "a b", "*", "`y`", '"', "\\"]
    script = tmp_path / "task.sh"
    script.write_text(task_script(["printf", r"%s\n", *words]))
    assert subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=True).stdout.splitlines() == words
    assert shlex.split(script.read_text().splitlines()[-1])[0] == "exec"


@pytest.mark.parametrize("path", ["/shared/a\\b", "/shared/a\nb"])
def test_a_path_that_slurm_would_change_is_refused(path):
    with pytest.raises(ValueError, match="data root without backslashes"):
        escaped(path)
    assert escaped("/shared/100%") == "/shared/100%%"


def test_every_setting_becomes_an_option():
    told = {"partition": "cpu", "account": "video", "qos": "low", "constraint": "cpu&nvme", "exclude": "n[3-5]"}
    assert "--cpus-per-task=3" in sbatch_options(Slurm(cpus_per_task=3), name="x", n_tasks=1, log="y")
    slurm = Slurm(**told, mem_per_cpu_mib=1700, time_limit="1-04:00:00", max_tasks=6, requeue=False, extra=("--licenses=nfs",))
    options = sbatch_options(slurm, name="video-assets-1", n_tasks=9, log="/x/%a.log")
    assert {"--partition=cpu", "--account=video", "--qos=low", "--constraint=cpu&nvme", "--exclude=n[3-5]"} <= set(options)
    assert {"--array=0-8%6", "--time=1-04:00:00", "--mem-per-cpu=1700M", "--no-requeue", "--signal=B:TERM@120"} <= set(options)
    assert options[-1] == "--licenses=nfs"
    assert not [option for option in sbatch_options(Slurm(), name="x", n_tasks=1, log="y") if "None" in option]


@pytest.mark.parametrize(
    "bad",
    [
        {"time_limit": "four hours"},
        {"partition": "a b"},
        {"extra": ["video"]},
        {"extra": ["--array=1"]},
        {"extra": ["-o/tmp/x"]},
        {"prefix": [""]},
        {"hand_back_s": 5},
        {"cpus_per_task": 0},
    ],
)
def test_settings_that_slurm_would_misread_are_refused(bad):
    with pytest.raises(ValidationError):
        Slurm(**bad)


@pytest.mark.parametrize("limit", ["3", "3:00", "0:03:00", "0-0:03", "0-00:03:00"])
def test_a_time_limit_that_leaves_no_time_for_work_is_refused_however_it_is_written(limit):
    with pytest.raises(ValidationError, match=f"time_limit = '{limit}' leaves no time for work"):
        Slurm(time_limit=limit)
    assert Slurm(time_limit=limit, hand_back_s=119).time_limit == limit


@pytest.mark.parametrize("limit", ["4", "3:01", "0:03:01", "0-1", "1-0", "0-01:00", "0-00:03:01"])
def test_a_time_limit_longer_than_handing_back_takes_is_taken(limit):
    assert Slurm(time_limit=limit).time_limit == limit


# A controller cannot be made to die at just this moment; these are squeue's words when one did.
@pytest.mark.parametrize(
    "said",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Connection reset by peer",
        "slurm_load_jobs error: Broken pipe",
    ],
)
def test_a_controller_that_dies_while_it_is_asked_gave_no_answer(said, tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(client.SlurmDownError, match=said.rpartition(": ")[2].split(" (")[0]):
        client.queue(["video-assets-1"])


def test_what_slurm_refuses_is_an_answer(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 'squeue: error: Invalid job format specification' >&2\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(client.SlurmError) as raised:
        client.queue(["video-assets-1"])
    assert not isinstance(raised.value, client.SlurmDownError)
