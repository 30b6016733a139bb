"""What Slurm's words mean, and what it is told: script, states, reasons. Options of `sbatch` are in `slurm.submission`.

Belongs here: pure decisions. Does not belong here: calling Slurm (`slurm.client`), files (`slurm.arrays`).
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from video_assets.core.units import count

QUEUE_FORMAT = "%j|%F|%K|%T|%N|%V|%S|%r"
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_WORKING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
_LAUNCH_FAILED = "launchfailedrequeuedheld"
# Reasons of waiting that no waiting ends.
_NEVER = {
    "badconstraints", "partitiontimelimit", "partitionnodelimit", "invalidaccount", "invalidqos", "accountnotallowed",
    "qosnotallowed", "dependencyneversatisfied", _LAUNCH_FAILED, "userenvretrievalfailedrequeuedheld",
    "maxmemperlimit", "assocmaxwalldurationperjoblimit", "assocmaxcpuperjoblimit", "assocmaxmemperjob",
    "qosmaxwalldurationperjoblimit", "qosmaxcpuperjoblimit", "qosmaxcpupernode", "qosmaxmemoryperjob", "qosmaxmemorypernode",
}  # fmt: skip
# Reasons of waiting that may end by themselves, and mostly do not.
_ADVICE = {
    "partitionconfig": "no node of the partition is large enough now: see slurm.cpus_per_task and slurm.mem_per_cpu_mib",
    "jobhelduser": "held by hand: scontrol release",
    "jobheldadmin": "held by an administrator",
    "partitiondown": "the partition is closed: see sinfo",
    "partitioninactive": "the partition is closed: see sinfo",
}
_MEANINGS = {
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "OUT_OF_MEMORY": "out of memory: raise slurm.mem_per_cpu_mib",
    "TIMEOUT": "killed at its time limit, and did not hand back in time: raise slurm.time_limit or slurm.hand_back_s",
    "DEADLINE": "not done by its deadline",
    "PREEMPTED": "preempted: other jobs took its node",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
}
# How a task is over that handed its shard back before its time limit.
END_OF_TIME = {"", "COMPLETED", "FAILED", "TIMEOUT"}
# Somebody wants its shards not to be checked.
STOPPED_BY_HAND = {"CANCELLED", "REVOKED"}
_OUT_OF_MEMORY = re.compile(
    r"oom[-_ ]?kill|out[- ]of[- ]memory|exceeded (job |step )?memory limit|exceeded memory", re.IGNORECASE
)


@dataclass(frozen=True)
class Task:
    """One task of an array as Slurm's queue tells of it; times as Slurm writes them, empty when unknown."""

    job: str
    state: str
    node: str = ""
    submitted: str = ""
    started: str = ""
    reason: str = ""

    @property
    def is_waiting(self) -> bool:
        """True when it is not at work yet, or not any more for now."""
        return self.state in _WAITING

    @property
    def is_over(self) -> bool:
        """True when it will do nothing more."""
        return self.state not in _WAITING | _WORKING

    @property
    def queue_s(self) -> float | None:
        """Seconds it waited."""
        try:
            return (datetime.fromisoformat(self.started) - datetime.fromisoformat(self.submitted)).total_seconds()
        except ValueError:
            return None

    @property
    def why_never(self) -> str:
        """Why it will never start; empty when it may."""
        return f"start refused: {self.reason.strip('()')}" if self.is_waiting and self._word in _NEVER else ""

    @property
    def is_launch_failed(self) -> bool:
        """True when its node did not take it, so that Slurm holds it for a person to look at."""
        return self._word == _LAUNCH_FAILED

    @property
    def _word(self) -> str:
        return re.sub(r"[^a-z]", "", self.reason.lower())

    @property
    def why_waiting(self) -> str:
        """Slurm's reason of waiting, with what a person can do where there is something."""
        reason = self.reason or self.state
        return f"{reason}: {_ADVICE[self._word]}" if self._word in _ADVICE else reason


@dataclass(frozen=True)
class End:
    """How a task ended, as far as Slurm still knows: state, reason, exit code and signal.

    `is_before_it`: it had not come to the shard that is asked for.
    """

    state: str = ""
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    is_before_it: bool = False

    @property
    def is_own(self) -> bool:
        """True when the program came to an end by itself, so that it has written what it came to."""
        return self.state in {"", "COMPLETED", "FAILED"} and not self.signal and self.exit_code in {0, 1, 130}


def parse_queue(text: str) -> dict[tuple[str, int], Task]:
    """Tasks by array name and index, from squeue's lines in `QUEUE_FORMAT`; lines of whole arrays are no tasks."""
    tasks = {}
    for line in text.splitlines():
        name, job, index, state, *others = line.split("|", 7)
        if index.isdigit():
            tasks[name, int(index)] = Task(job, state, *("" if value in {"N/A", "None"} else value for value in others))
    return tasks


def parse_end(text: str, *, name: str) -> End:
    """The end from a line of `scontrol -o show job`, or sacct's words so spelt; an empty End for a job of another name."""
    found = dict(re.findall(r"(?:^|\s)(JobName|JobState|State|Reason|ExitCode)=(\S+)", text))
    if found.get("JobName") != name:
        return End()
    code, _, number = found.get("ExitCode", "0:0").partition(":")
    reason = found.get("Reason", "")
    return End(
        state=found.get("JobState") or found.get("State", ""),
        reason="" if reason == "None" else reason,
        exit_code=int(code),
        signal=int(number or 0),
    )


def is_out_of_memory(log_tail: str) -> bool:
    """True when Slurm has written so into the task's log."""
    return bool(_OUT_OF_MEMORY.search(log_tail))


def why_failed(end: End, log_tail: str) -> str:
    """Why a task left nothing behind, in words of Slurm and, for memory, of its log: not every release has a state for that."""
    if end.state not in {"OUT_OF_MEMORY", "CANCELLED"} and is_out_of_memory(log_tail):
        meaning = _MEANINGS["OUT_OF_MEMORY"]
    elif end.state in _MEANINGS:
        meaning = _MEANINGS[end.state]
    elif end.reason == "JobLaunchFailure":
        meaning = "start refused by its node, or killed there (JobLaunchFailure)"
    else:
        how = f"killed by signal {end.signal}" if end.signal else f"exit code {end.exit_code}"
        meaning = f"it ended without a result ({how})"
    said = ", ".join(word for word in (end.state, end.reason) if word)
    return f"{meaning} (Slurm: {said})" if said else meaning


def why_idle(end: End) -> str:
    """Why a shard gets no further task: the last ones have decided no clip."""
    if end.reason and not end.state:
        return f"start refused, several times: {end.reason.strip('()')}"
    if end.state:
        return "its tasks reach their time limit before one clip is decided: raise slurm.time_limit"
    return (
        "its tasks left no result before one clip was decided, and Slurm has forgotten them: see their logs, and the controller's"
    )


def indices(numbers: Iterable[int]) -> str:
    """Numbers as Slurm writes them: "0-3,7"."""
    blocks: list[list[int]] = []
    for number in sorted(numbers):
        if blocks and number == blocks[-1][1] + 1:
            blocks[-1][1] = number
        else:
            blocks.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in blocks)


def escaped(path: str) -> str:
    """A path in which Slurm replaces nothing.

    Raises:
        ValueError: there is no way to write it.
    """
    if "\\" in path or not path.isprintable():
        raise ValueError(
            f"{path!r}: Slurm cannot write its logs there; use a data root without backslashes and control characters"
        )
    return path.replace("%", "%%")


def task_script(command: Sequence[str]) -> str:
    """What a task runs. `exec`: the signal before the time limit goes to the process that Slurm has started."""
    return f"#!/bin/sh\n# Written by video_assets: checks the shards of one task.\nexec {shlex.join(command)}\n"


def queue_words(tasks: Sequence[Task], *, n_done: int, n_failed: int) -> str:
    """How far it is, in one line."""
    waiting = Counter(task.why_waiting for task in tasks if task.is_waiting)
    working = [task for task in tasks if not task.is_waiting and not task.is_over]
    why = f" ({', '.join(sorted(waiting)[:3])})" if waiting else ""
    nodes = len({task.node for task in working})
    words = [f"{waiting.total()} pending{why}", f"{len(working)} running on {count(nodes, 'nodes')}", f"{n_done} done"]
    return ", ".join([*words, *([f"{n_failed} failed"] if n_failed else [])])
