"""What a user can set about the cluster on which shards are checked: `[slurm]`; each field with its unit.

Belongs here: names, defaults, validation. Does not belong here: what becomes of a value (`slurm.submission`).
"""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from video_assets.settings.section import AbsolutePath, Section

_TIME = re.compile(r"(\d+-)?\d+(:\d\d){0,2}")
# Slurm may send the signal of --signal so much before its time (man sbatch).
_SIGNAL_EARLY_S = 60
_OURS = (
    "--array",
    "-a",
    "--job-name",
    "-J",
    "--output",
    "-o",
    "--open-mode",
    "--signal",
    "--parsable",
    "--chdir",
    "-D",
    "--wrap",
)
_NAME = r"^[^\s\x00-\x1f]+$"


class Slurm(Section):
    """Slurm, when `decode.engine` is "slurm": what a task of the job array asks for."""

    partition: str | None = Field(None, pattern=_NAME, description="partition of the cluster; default: the cluster's")
    account: str | None = Field(None, pattern=_NAME, description="account that pays; default: yours")
    qos: str | None = Field(None, pattern=_NAME, description="quality of service; default: yours")
    constraint: str | None = Field(None, min_length=1, description='features that nodes must have, as "cpu&nvme"; default: any')
    exclude: str | None = Field(None, pattern=_NAME, description='nodes to avoid, as "n[3-5],n9"; default: none')
    max_tasks: int = Field(24, ge=1, description="tasks at work at a time")
    shards_per_task: int = Field(
        1,
        ge=1,
        description="shards that a task checks, one after the other; more where shards take seconds: a task's start does too",
    )
    cpus_per_task: int = Field(4, ge=1, description="CPUs of a task, which starts one worker process on each")
    mem_per_cpu_mib: int | None = Field(
        None, ge=256, description="MiB of memory per CPU; a task needs 2 GiB, and 1.5 GiB per CPU; default: the partition's"
    )
    time_limit: str | None = Field(
        None,
        description="time a task may take, as Slurm writes it: minutes, H:MM:SS or D-HH:MM:SS; what is left of a shard then is "
        "submitted again; default: the partition's",
    )
    hand_back_s: int = Field(
        120, ge=60, le=65_535, description="seconds before the time limit at which a task ends by itself; Slurm may be 60 early"
    )
    requeue: bool = Field(True, description="let Slurm start a task again whose node failed or was taken away")
    python: AbsolutePath | None = Field(
        None, description="Python of the environment on the nodes, on shared storage; default: the one that submits"
    )
    prefix: tuple[str, ...] = Field(
        (), description='words before that Python, as ["apptainer", "exec", "/shared/video_assets.sif"]; no shell reads them'
    )
    extra: tuple[str, ...] = Field((), description='more options of sbatch, as ["--account=video", "--licenses=nfs"]')
    poll_s: float = Field(10.0, ge=0.5, description="seconds between two looks at Slurm's queue")

    @field_validator("time_limit")
    @classmethod
    def _is_a_time(cls, limit: str | None) -> str | None:
        if limit is not None and not _TIME.fullmatch(limit):
            raise ValueError('write minutes ("90"), "H:MM:SS" or "D-HH:MM:SS"')
        return limit

    @model_validator(mode="after")
    def _leaves_time_for_work(self) -> Self:
        # A signal that meets a task while Slurm is still starting it kills the task.
        if self.time_limit is not None and _seconds(self.time_limit) <= self.hand_back_s + _SIGNAL_EARLY_S:
            raise ValueError(
                f"time_limit = {self.time_limit!r} leaves no time for work: tasks hand back hand_back_s = {self.hand_back_s} "
                f"seconds before it, and Slurm may be {_SIGNAL_EARLY_S} early; raise time_limit"
            )
        return self

    @field_validator("extra")
    @classmethod
    def _are_options(cls, extra: tuple[str, ...]) -> tuple[str, ...]:
        for option in extra:
            if not option.startswith("-") or "\0" in option:
                raise ValueError(f'{option!r} is no option: write "--name=value"')
            if option.partition("=")[0] in _OURS or (option[:2] in _OURS and option[:2] != "--"):
                raise ValueError(f"{option!r} is set by video_assets itself")
        return extra

    @field_validator("prefix")
    @classmethod
    def _are_words(cls, prefix: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word or "\0" in word for word in prefix):
            raise ValueError("an empty word, or a NUL byte in one")
        return prefix


def _seconds(time: str) -> int:
    """A time as Slurm writes it, in seconds: "M", "M:SS", "H:MM:SS", "D-H", "D-H:MM", "D-H:MM:SS" (man sbatch)."""
    days, has_days, rest = time.rpartition("-")
    numbers = [int(number) for number in rest.split(":")]
    if not has_days and len(numbers) < 3:
        numbers.insert(0, 0)
    hours, minutes, seconds = (*numbers, 0, 0)[:3]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
