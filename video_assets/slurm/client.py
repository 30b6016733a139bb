"""Slurm's commands: sbatch, squeue, scancel, scontrol, and sacct where a site has accounting.

Belongs here: calling them and what their failures mean. Does not belong here: what their words mean (`slurm.words`), which tasks
are submitted or cancelled (`slurm.follow`).
"""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence

from video_assets.core.errors import MendableError
from video_assets.slurm.words import QUEUE_FORMAT, End, Task, indices, parse_end, parse_queue

_TIMEOUT_S = 120.0
# Of the environment of whoever submits, tasks get what Slurm gives them by default (modules, PATH), but nothing of ours, no
# tokens, and nothing of a job that this process may itself be part of.
_PRIVATE = ("VIDEO_ASSETS_", "DAGSTER_", "HF_", "HUGGING_FACE_")
_OF_A_JOB = ("SLURM_", "SRUN_")
_OF_THE_SITE = {"SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_TIME_FORMAT"}
# Slurm's own words, then the operating system's about a connection: a controller may die before, while or after it is asked.
_NO_ANSWER = (
    "Unable to contact", "Socket timed out", "Zero Bytes", "authentication",
    "Connection refused", "Connection reset", "Connection timed out", "Connection aborted", "Transport endpoint", "Broken pipe",
    "No route to host", "Network is unreachable",
)  # fmt: skip
_UNKNOWN = "Invalid job id"  # what is gone need not be cancelled


class SlurmError(MendableError):
    """Slurm is not installed here, or refuses; the message has its words."""


class SlurmDownError(SlurmError):
    """The controller does not answer: nothing is known of any task, and nothing is lost."""


def submit(options: Sequence[str], script: str) -> str:
    """Submit a script that lies on disk; the job's id.

    Raises:
        SlurmError: refused.
        SlurmDownError: no answer; it may have been taken all the same (`queue` finds it by its name).
    """
    answer = _call("sbatch", *options, script)
    return answer.strip().splitlines()[-1].partition(";")[0]


def queue(names: Iterable[str]) -> dict[tuple[str, int], Task]:
    """All tasks of the arrays with these names that Slurm has not forgotten, by array name and index.

    Raises:
        SlurmDownError: no answer.
    """
    return parse_queue(_call("squeue", "--noheader", "--array", "--states=all", f"--name={','.join(names)}", "-o", QUEUE_FORMAT))


def cancel(job: str, tasks: Iterable[int], *, name: str) -> None:
    """Cancel tasks of the array `name`; those that have ended are no fault. A controller that has crashed may give an id again.

    Raises:
        SlurmError: Slurm refuses.
        SlurmDownError: no answer.
    """
    try:
        _call("scancel", f"--name={name}", f"{job}_[{indices(tasks)}]")
    except SlurmDownError:
        raise
    except SlurmError as error:
        if _UNKNOWN not in str(error):
            raise


def cancel_named(name: str) -> None:
    """Cancel an array whose id is not known.

    Raises:
        SlurmDownError: no answer.
    """
    _call("scancel", f"--name={name}")


def end_of(job: str, task: int, *, name: str) -> End:
    """How a task of array `name` ended; an empty End when Slurm has forgotten it and keeps no accounts, or does not answer."""
    for ask in (_ask_scontrol, _ask_sacct):
        try:
            end = parse_end(ask(f"{job}_{task}"), name=name)
        except SlurmError:
            continue
        if end.state:
            return end
    return End()


def max_array_size() -> int:
    """Tasks that one array may have.

    Raises:
        SlurmDownError: no answer.
    """
    for line in _call("scontrol", "show", "config").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "MaxArraySize":
            return max(1, int(value))
    return 1001  # Slurm's default


def _ask_scontrol(task: str) -> str:
    return _call("scontrol", "--oneliner", "show", "job", task)


def _ask_sacct(task: str) -> str:
    lines = _call("sacct", "-n", "-P", "-X", "-j", task, "-o", "State,ExitCode,JobName").splitlines()
    state, exit_code, name = (lines[-1] if lines else "||").split("|", 2)
    return f"JobName={name} State={state.partition(' ')[0]} ExitCode={exit_code or '0:0'}" if state else ""


def _call(program: str, *arguments: str) -> str:
    """What it prints.

    In a session of its own, and waited for whatever happens: Ctrl-C must not kill sbatch half way, with an array nobody knows of.
    """
    try:
        process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            text=True,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SlurmError(
            f"{program} is not installed here: start this on a login node of the cluster, or set decode.engine to local"
        ) from None
    try:
        out, said = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise SlurmDownError(f"{program} did not answer within {_TIMEOUT_S:g} seconds") from None
    except BaseException:
        _see_to_its_end(process)
        raise
    if process.returncode:
        kind = SlurmDownError if _is_down(said) else SlurmError
        raise kind(f"{program}: {_sentence(said) or f'exit code {process.returncode}'}")
    return out


def _see_to_its_end(process: "subprocess.Popen[str]") -> None:
    """Told to stop while it works: it gets its time, and what it says counts for nothing. Never raises anything for it."""
    try:
        process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _sentence(said: str) -> str:
    """Its lines as one, without the name of the program before each."""
    lines = [re.sub(r"^\w+: (error: |fatal: )?", "", line.strip()) for line in said.splitlines()]
    return "; ".join(line for line in lines if line)


def _is_down(said: str) -> bool:
    return any(word.lower() in said.lower() for word in _NO_ANSWER)


def _environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name in _OF_THE_SITE or not name.startswith((*_PRIVATE, *_OF_A_JOB))
    }
