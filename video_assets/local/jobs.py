"""Jobs run in this process, on the instance that the UI reads.

Belongs here: running one job, and what a failed one says. Does not belong here: the order of jobs (`run`).
"""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg
import pyarrow as pa
from dagster._utils.error import SerializableErrorInfo  # not exported

from video_assets.core.errors import MendableError
from video_assets.defs.failures import message_of
from video_assets.defs.partitions import range_tags
from video_assets.local.dagster_home import place_tag
from video_assets.pipeline.currency import IncompleteInputError


class JobFailedError(MendableError):
    """A job failed; the message names it and what its steps said.

    `is_overtaken` when tables did not belong together: right after a job that made them, another run has made some anew, or
    a person has changed exclude.csv.
    """

    def __init__(self, message: str, *, is_overtaken: bool = False) -> None:
        super().__init__(message)
        self.is_overtaken = is_overtaken


class Jobs:
    """Named jobs of `defs`; `say` tells a person what begins."""

    def __init__(self, defs: dg.Definitions, instance: dg.DagsterInstance, say: Callable[[str], None]) -> None:
        self.instance, self.say, self.n_done = instance, say, 0
        self._defs = defs

    def run(self, job: str, *, first: str = "", last: str = "", only: Sequence[str] = ()) -> None:
        """Run a job, with `first` and `last` for that range of its partitions, with `only` for those of its assets.

        Raises:
            JobFailedError: it failed.
            KeyboardInterrupt: it was stopped; what was done is kept.
        """
        self.say(f"job {job}")
        result = self._defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in only] or None,
            tags={**place_tag(), **(range_tags(first, last) if first else {})},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        if _is_interrupted(result):
            raise KeyboardInterrupt
        if not result.success:
            raise JobFailedError(f"job {job} failed: {' '.join(_errors(result))}", is_overtaken=_is_overtaken(result))
        self.n_done += 1
        pa.default_memory_pool().release_unused()  # what tables took is for the next job


def _is_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Dagster turns Ctrl-C inside a step into a failure of that step; the decode check stops by itself when it is told to."""
    interrupts = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}
    return any(error.cls_name in interrupts for error in _failures(result))


def _is_overtaken(result: dg.ExecuteInProcessResult) -> bool:
    causes = [cause for error in _failures(result) for cause in _with_causes(error)]
    return any(cause.cls_name == IncompleteInputError.__name__ for cause in causes)


def _with_causes(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause


def _errors(result: dg.ExecuteInProcessResult) -> list[str]:
    said = [message_of(error, result.all_events) for error in _failures(result)]
    return said or ["no step ran; see the run in the UI"]


def _failures(result: dg.ExecuteInProcessResult) -> list[SerializableErrorInfo]:
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return [error for error in failures if error is not None]
