"""Submitting an array: options of sbatch, the script, the folder.

Belongs here: from settings to a submitted job. Does not belong here: whether one is needed (`slurm.follow`), files of arrays
(`slurm.arrays`).
"""

import sys
from collections.abc import Collection
from pathlib import Path

from video_assets.settings.slurm import Slurm
from video_assets.settings.steps import Decode
from video_assets.slurm import client
from video_assets.slurm.arrays import Array, new_array
from video_assets.slurm.client import SlurmError
from video_assets.slurm.words import escaped, task_script
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout


def submit_array(layout: Layout, shards: list[str], *, slurm: Slurm, decode: Decode, not_on: Collection[str] = ()) -> Array:
    """Submit tasks for `shards`, `slurm.shards_per_task` each, on other nodes than `not_on` where there are any.

    Raises:
        SlurmError: Slurm refuses; the message has its words. Nothing was submitted.
        SlurmDownError: no answer; when the array was taken all the same, the next look at the queue finds it.
    """
    try:
        log = f"{escaped(str(layout.slurm_arrays))}/"
    except ValueError as error:
        raise SlurmError(str(error)) from None
    # As many workers as the task has CPUs, whatever is set for this machine.
    array = new_array(layout, shards, decode.model_copy(update={"workers": 0}), per_task=slurm.shards_per_task)
    python = str(slurm.python or sys.executable)
    command = [*slurm.prefix, python, "-P", "-m", "video_assets.slurm.task", str(array.folder)]
    write_text(array.script, task_script(command))
    options = sbatch_options(slurm, name=array.name, n_tasks=array.n_tasks, log=f"{log}{array.folder.name}/%a.log")
    try:
        return array.with_job(_submit_elsewhere(options, array.script, exclude=[*filter(None, [slurm.exclude]), *sorted(not_on)]))
    except client.SlurmDownError:
        raise
    except SlurmError as error:
        array.note_over()
        raise SlurmError(f"{error}. Nothing was submitted; what is asked for stands in [slurm] of the settings") from None
    except BaseException:  # told to stop while sbatch was at work
        client.cancel_named(array.name)
        raise


def _submit_elsewhere(options: list[str], script: Path, *, exclude: list[str]) -> str:
    """The job's id. When there is no node left (Slurm refuses such an array), those that failed get another chance."""
    try:
        return client.submit([*options, f"--exclude={','.join(exclude)}"] if exclude else options, str(script))
    except client.SlurmDownError:
        raise
    except SlurmError as error:
        if "node" not in str(error).lower() or not exclude:
            raise
        return client.submit(options, str(script))


def sbatch_options(settings: Slurm, *, name: str, n_tasks: int, log: str) -> list[str]:
    """Options for an array of `n_tasks` tasks; `log` is a file name pattern of Slurm (`escaped`)."""
    values = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "exclude": settings.exclude,
        "time": settings.time_limit,
        "mem-per-cpu": None if settings.mem_per_cpu_mib is None else f"{settings.mem_per_cpu_mib}M",
    }
    return [
        "--parsable",
        f"--array=0-{n_tasks - 1}%{settings.max_tasks}",
        f"--job-name={name}",
        f"--output={log}",
        "--open-mode=append",
        "--chdir=/",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={settings.cpus_per_task}",
        f"--signal=B:TERM@{settings.hand_back_s}",
        "--requeue" if settings.requeue else "--no-requeue",
        *(f"--{option}={value}" for option, value in values.items() if value is not None),
        *settings.extra,
    ]
