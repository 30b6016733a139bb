"""What a task of an array runs on its node: `python -m video_assets.slurm.task FOLDER`, with the index from Slurm.

It needs the shared storage and nothing else. Exit codes: 0 done, 1 a result says why not, 130 told to stop (SIGTERM: before its
time limit, preempted, cancelled); what is decided is kept then.
Belongs here: one task and what it tells its head. Does not belong here: checking a shard (`pipeline.decode_check`).
"""

import os
import resource
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from video_assets.core.errors import MendableError
from video_assets.interpreter import settle
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.node_notes import node_name, note_delivery, note_workplace
from video_assets.pipeline.shard import UndeliveredShard
from video_assets.progress import LogProgress
from video_assets.settings.steps import Decode
from video_assets.slurm.arrays import Array, Result, read_array
from video_assets.storage.layout import Layout


def main(folder: Path, task: int) -> int:
    """Check the shards of one task, one after the other; returns the exit code."""
    array = read_array(folder)
    spent_s, since = 0.0, time.monotonic()
    ends = set()
    for place in array.places_of(task):
        if (known := array.result(place)) and known.status == "done":  # Slurm has started the task again
            continue
        array.begin(place)
        result = _check(array, place)
        used_s, now = _cpu_s(), time.monotonic()
        array.write_result(place, replace(result, node=node_name(), cpu_s=used_s - spent_s, wall_s=now - since))
        spent_s, since = used_s, now
        if result.status == "handed_back":
            return 130
        ends.add(result.status)
    return 0 if ends <= {"done"} else 1


def _check(array: Array, place: int) -> Result:
    layout, shard, task = Layout(Path(array.data_root)), array.shards[place], array.task_of(place)
    _say(f"shard {shard} on {node_name()}, task {task} of {array.name}")
    try:
        outcomes = check_shards(
            layout,
            [shard],
            settings=Decode.model_validate_json(array.decode),
            progress=LogProgress(_say, interval_s=60.0),
            run_id=f"of Slurm job {os.environ.get('SLURM_ARRAY_JOB_ID', '?')}_{task}",
        )
        [outcome] = outcomes
        note_workplace(layout, outcome)
        ill = note_delivery(layout, outcome)
    except KeyboardInterrupt:
        _say("told to stop; everything done so far is kept")
        return Result("handed_back")
    except (MendableError, OSError) as error:
        _say(f"error: {error}")
        return Result("error", failure=str(error))
    except Exception as error:  # noqa: BLE001 - a bug: the log has its traceback, the head must hear of it all the same
        traceback.print_exc()
        return Result("error", failure=f"{type(error).__name__}: {error}")
    done = {"n_decoded": outcome.n_decoded, "decode_seconds": outcome.decode_seconds}
    if isinstance(outcome, UndeliveredShard):
        return Result("undelivered", failure=" ".join(filter(None, [ill.words if ill else "", outcome.failure])), **done)
    return Result("incomplete" if outcome.failure else "done", failure=outcome.failure, **done)


def _cpu_s() -> float:
    """CPU seconds of this process and of its workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


if __name__ == "__main__":
    settle()
    sys.exit(main(Path(sys.argv[1]), int(os.environ["SLURM_ARRAY_TASK_ID"])))
