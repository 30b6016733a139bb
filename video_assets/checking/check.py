"""Decode or probe many clips in worker processes: every clip that goes in comes out once, with a verdict.

What ends a worker becomes the clip's verdict (timeout, crashed, out_of_memory), unless the storage does not answer: then, as
for every read that fails, the clip is unreadable_now, which says nothing about it. Those are tried again, later and later, while
other clips go on. What a busy machine can cause (no answer in time, SIGKILL) counts when it happens twice. Where memory is
limited, clips that need more than their share come last, a few at a time with as much as the settings promise (`workers.crews`).

Belongs here: tries, retries and what a death means for a clip. Does not belong here: processes (`workers.pool`), media
(`media`), where verdicts are kept (`pipeline.decode_check`), which clips there are (`checking.records`).
"""

import heapq
import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from video_assets.core.ffmpeg_messages import first_lines
from video_assets.core.json_values import JsonObject
from video_assets.core.results import ClipProbe, ClipVerdict, Fingerprint
from video_assets.core.verdicts import Verdict
from video_assets.settings.steps import Decode
from video_assets.workers.cpus import cpu_count
from video_assets.workers.crews import Crew, plan_crews
from video_assets.workers.memory import memory_limit_bytes
from video_assets.workers.pool import Limits, Outcome, Task, WorkerPool
from video_assets.workers.stopping import Stop

Step = Literal["decode", "probe"]
WORK = "video_assets.checking.task:work"
_FINGERPRINT_TIMEOUT_S = 30.0
_NOTICE_S = 0.5  # how soon it is noticed that the run was told to stop
_Result = TypeVar("_Result", ClipVerdict, ClipProbe)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipTask:
    """A clip to look at; `path` is absolute. Tasks are taken in the order given: put those with the highest `cost` first."""

    clip_key: str
    path: str
    cost: float


@dataclass
class _Try:
    """Where a clip stands."""

    task: ClipTask
    n_unreadable: int = 0
    n_deaths: int = 0
    death: Outcome | None = field(default=None)  # set while the storage is asked whether it is to blame


def decode_clips(
    tasks: Iterable[ClipTask], *, settings: Decode, stop: Stop | None = None, work: str = WORK
) -> Iterator[tuple[ClipTask, ClipVerdict]]:
    """Decode every clip completely; yields tasks and verdicts as they are done, each task once.

    When `stop` is asked, the clips in flight come out as far as its grace lasts, and the others do not. `work` names the function
    that the workers run ("package.module:name").

    Raises:
        WorkerError: workers cannot start.
    """
    request = {"step": "decode", "max_duration_s": settings.max_duration_s, "is_full_decode": settings.is_full_decode}
    return _check(ClipVerdict, request, tasks, settings=settings, stop=stop or Stop(0.0), work=work)


def probe_clips(
    tasks: Iterable[ClipTask], *, settings: Decode, stop: Stop | None = None, work: str = WORK
) -> Iterator[tuple[ClipTask, ClipProbe]]:
    """Read container and packets of every clip; otherwise as `decode_clips`.

    Raises:
        WorkerError: workers cannot start.
    """
    return _check(ClipProbe, {"step": "probe"}, tasks, settings=settings, stop=stop or Stop(0.0), work=work)


def _check(
    kind: type[_Result], request: JsonObject, tasks: Iterable[ClipTask], *, settings: Decode, stop: Stop, work: str
) -> Iterator[tuple[ClipTask, _Result]]:
    n_workers, memory_bytes = settings.workers or cpu_count(), settings.memory_mib << 20
    crews = plan_crews(n_workers=n_workers, memory_bytes=memory_bytes, limit_bytes=memory_limit_bytes())
    waiting = iter(tasks)
    for crew in crews:
        limits = Limits(timeout_s=settings.timeout_s, cpu_s=settings.cpu_s, memory_bytes=crew.memory_bytes)
        with WorkerPool(work, n_workers=crew.n_workers, limits=limits) as pool:
            checker = _Checker(kind, request, pool, settings, stop, crew=crew, is_last=crew is crews[-1])
            yield from checker.run(waiting)
        waiting = iter(checker.needy)
        if stop.is_asked or not checker.needy:
            return


class _Checker(Generic[_Result]):
    """The tries of all clips that have no verdict yet; `needy` are those for a crew with more memory."""

    def __init__(
        self,
        kind: type[_Result],
        request: JsonObject,
        pool: WorkerPool,
        settings: Decode,
        stop: Stop,
        *,
        crew: Crew,
        is_last: bool,
    ) -> None:
        self._kind, self._request, self._pool, self._settings, self._stop = kind, request, pool, settings, stop
        self._crew, self._is_last = crew, is_last
        self.needy: list[ClipTask] = []
        self._running: dict[str, _Try] = {}
        self._later: list[tuple[float, int, _Try]] = []  # heap by due time (monotonic seconds)
        self._ids = itertools.count()

    def run(self, tasks: Iterator[ClipTask]) -> Iterator[tuple[ClipTask, _Result]]:
        """Results until all clips have one."""
        while True:
            while self._pool.n_free and (trial := self._next(tasks)):
                self._submit(trial)
            if self._is_finished():
                return
            for outcome in self._pool.wait(self._patience_s()):
                trial = self._running.pop(outcome.id)
                result = self._judge(trial, outcome)
                if result is not None:
                    yield trial.task, result

    def _is_finished(self) -> bool:
        if not self._stop.is_asked:
            return not self._running and not self._later
        if self._running and not self._stop.is_over:
            return False
        _log.warning("told to stop: %d clips in flight are given back", len(self._running))
        return True

    def _next(self, tasks: Iterator[ClipTask]) -> _Try | None:
        if self._stop.is_asked:
            return None
        if self._later and self._later[0][0] <= time.monotonic():
            return heapq.heappop(self._later)[2]
        task = next(tasks, None)
        return None if task is None else _Try(task)

    def _submit(self, trial: _Try) -> None:
        if trial.death is None:
            request, timeout_s = self._request, None
        else:
            request, timeout_s = {"step": "fingerprint"}, min(_FINGERPRINT_TIMEOUT_S, self._settings.timeout_s)
        name = str(next(self._ids))
        self._running[name] = trial
        self._pool.submit(Task(name, {**request, "path": trial.task.path}, timeout_s))

    def _patience_s(self) -> float:
        """Until the next retry is due and somebody is free to do it, or until it is time to look whether to stop."""
        if not self._later or not self._pool.n_free:
            return _NOTICE_S
        return min(_NOTICE_S, max(0.0, self._later[0][0] - time.monotonic()))

    def _judge(self, trial: _Try, outcome: Outcome) -> _Result | None:
        """The clip's result, or None when it is tried again."""
        if trial.death is not None:
            return self._judge_death(trial, trial.death, outcome)
        if outcome.result is not None:
            try:
                result = self._kind.from_json(outcome.result)
            except ValueError as error:
                outcome = Outcome(outcome.id, "crashed", None, str(error))
            else:
                return self._judge_unreadable(trial, result) if result.is_unreadable else result
        trial.death = outcome
        self._put_off(trial, 0.0)
        return None

    def _judge_death(self, trial: _Try, death: Outcome, outcome: Outcome) -> _Result | None:
        silence = Fingerprint(trouble=f"the storage does not answer ({outcome.detail}): {trial.task.path}")
        storage = Fingerprint.from_json(outcome.result) if outcome.result else silence
        if storage.trouble:
            # A read that hangs has been waited for until the time was up: no more of that in this run.
            return self._without_answer("unreadable_now", storage.trouble, storage)
        trial.death = None
        if death.status == "out_of_memory" and self._crew.memory_bytes < self._settings.memory_mib << 20:
            return self._judge_squeezed(trial, storage)
        trial.n_deaths += 1
        if death.is_load_dependent and trial.n_deaths == 1:
            self._put_off(trial, self._settings.retry_wait_s)
            return None
        status: Verdict = "crashed" if death.status == "done" else death.status  # done, but no answer
        return self._without_answer(status, death.detail, storage)

    def _judge_squeezed(self, trial: _Try, storage: Fingerprint) -> _Result | None:
        """It had less memory than the settings promise a clip, which is nothing that the clip did."""
        if not self._is_last:
            self.needy.append(trial.task)
            return None
        trouble = (
            f"needs more than {self._crew.memory_bytes >> 20} MiB, all that a worker gets within the memory limit of this "
            f"container (decode.memory_mib is {self._settings.memory_mib}): raise the limit, or lower decode.memory_mib"
        )
        return self._without_answer("unreadable_now", trouble, storage)

    def _judge_unreadable(self, trial: _Try, result: _Result) -> _Result | None:
        if trial.n_unreadable == self._settings.retries:
            return result
        self._put_off(trial, self._settings.retry_wait_s * 2**trial.n_unreadable)
        trial.n_unreadable += 1
        return None

    def _put_off(self, trial: _Try, wait_s: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._ids), trial))

    def _without_answer(self, status: Verdict, detail: str, storage: Fingerprint) -> _Result:
        return self._kind.without_answer(status, first_lines([detail]), storage)
