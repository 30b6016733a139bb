"""Decode or probe many clips in worker processes: every clip that goes in comes out once, with a verdict.

What ends a worker becomes the clip's verdict (timeout, crashed, out_of_memory), unless the storage does not answer: then, as
for every read that fails, the clip is unreadable_now, which says nothing about it. Those are tried again, later and later, while
other clips go on. What a busy machine can cause (no answer in time, SIGKILL) counts when it happens twice. Where memory is
limited, clips that need more than their share come last, a few at a time with as much as the settings promise (`workers.memory`).

Belongs here: tries, retries and what a death means for a clip. Does not belong here: processes (`workers.pool`), media
(`io.media`), where verdicts are kept (`pipeline.decode_check`), which clips there are (`checking.records`).
"""

import heapq
import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from video_assets.core.schema import VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION, first_lines
from video_assets.settings.sections import Decode
from video_assets.workers.cpus import cpu_count
from video_assets.workers.memory import Crew, memory_limit_bytes, plan_crews
from video_assets.workers.pool import Limits, Outcome, Task, WorkerPool
from video_assets.workers.stopping import Stop

Step = Literal["decode", "probe"]
WORK = "video_assets.checking.task:work"
_FINGERPRINT_TIMEOUT_S = 30.0
_NOTICE_S = 0.5  # how soon it is noticed that the run was told to stop
_VERDICT_COLUMNS = frozenset(VERDICTS.names) - {"clip_key"}
_PROBE_COLUMNS = frozenset(
    {
        "probe_status", "probe_detail", "num_frames", "height", "width", "fps", "duration_s", "video_codec", "pix_fmt",
        "rotation_deg", "header_frames", "packet_frames", "file_size", "mtime_ns",
    }
)  # fmt: skip
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
    tasks: Iterable[ClipTask], *, settings: Decode, stop: Stop | None = None
) -> Iterator[tuple[ClipTask, dict[str, Any]]]:
    """Decode every clip completely; yields (task, row of VERDICTS) as they are done, each task once.

    When `stop` is asked, the clips in flight come out as far as its grace lasts, and the others do not.

    Raises:
        WorkerError: workers cannot start.
    """
    return check_clips("decode", tasks, settings=settings, stop=stop)


def probe_clips(tasks: Iterable[ClipTask], *, settings: Decode) -> Iterator[tuple[ClipTask, dict[str, Any]]]:
    """Read container and packets of every clip; yields (task, result of `media.probe`) as they are done, each task once.

    Raises:
        WorkerError: workers cannot start.
    """
    return check_clips("probe", tasks, settings=settings)


def check_clips(
    step: Step, tasks: Iterable[ClipTask], *, settings: Decode, work: str = WORK, stop: Stop | None = None
) -> Iterator[tuple[ClipTask, dict[str, Any]]]:
    """Do `step` with every clip; `work` names the function that the workers run ("package.module:name").

    Raises:
        WorkerError: workers cannot start.
    """
    stop = stop or Stop(0.0)
    n_workers, memory_bytes = settings.workers or cpu_count(), settings.memory_mib << 20
    crews = plan_crews(n_workers=n_workers, memory_bytes=memory_bytes, limit_bytes=memory_limit_bytes())
    waiting = iter(tasks)
    for crew in crews:
        limits = Limits(timeout_s=settings.timeout_s, cpu_s=settings.cpu_s, memory_bytes=crew.memory_bytes)
        with WorkerPool(work, n_workers=crew.n_workers, limits=limits) as pool:
            checker = _Checker(pool, step, settings, stop, crew=crew, is_last=crew is crews[-1])
            yield from checker.run(waiting)
        waiting = iter(checker.needy)
        if stop.is_asked or not checker.needy:
            return


class _Checker:
    """The tries of all clips that have no verdict yet; `needy` are those for a crew with more memory."""

    def __init__(self, pool: WorkerPool, step: Step, settings: Decode, stop: Stop, *, crew: Crew, is_last: bool) -> None:
        self._pool, self._step, self._settings, self._stop = pool, step, settings, stop
        self._crew, self._is_last = crew, is_last
        self.needy: list[ClipTask] = []
        self._options = _options(step, settings)
        self._columns = _VERDICT_COLUMNS if step == "decode" else _PROBE_COLUMNS
        self._running: dict[str, _Try] = {}
        self._later: list[tuple[float, int, _Try]] = []  # heap by due time (monotonic seconds)
        self._ids = itertools.count()

    def run(self, tasks: Iterator[ClipTask]) -> Iterator[tuple[ClipTask, dict[str, Any]]]:
        """Verdicts until all clips have one."""
        while True:
            while self._pool.n_free and (trial := self._next(tasks)):
                self._submit(trial)
            if self._is_finished():
                return
            for outcome in self._pool.wait(self._patience_s()):
                trial = self._running.pop(outcome.id)
                verdict = self._judge(trial, outcome)
                if verdict is not None:
                    yield trial.task, verdict if self._step == "probe" else {"clip_key": trial.task.clip_key, **verdict}

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
            step: dict[str, Any] = {"step": self._step, **self._options}
            timeout_s = None
        else:
            step, timeout_s = {"step": "fingerprint"}, min(_FINGERPRINT_TIMEOUT_S, self._settings.timeout_s)
        name = str(next(self._ids))
        self._running[name] = trial
        self._pool.submit(Task(name, {**step, "path": trial.task.path}, timeout_s))

    def _patience_s(self) -> float:
        """Until the next retry is due and somebody is free to do it, or until it is time to look whether to stop."""
        if not self._later or not self._pool.n_free:
            return _NOTICE_S
        return min(_NOTICE_S, max(0.0, self._later[0][0] - time.monotonic()))

    def _judge(self, trial: _Try, outcome: Outcome) -> dict[str, Any] | None:
        """The clip's verdict, or None when it is tried again."""
        if trial.death is not None:
            return self._judge_death(trial, trial.death, outcome)
        if outcome.result is not None and outcome.result.keys() == self._columns:
            if outcome.result[_verdict_column(self._step)] == "unreadable_now":
                return self._judge_unreadable(trial, outcome.result)
            return outcome.result
        if outcome.result is not None:
            outcome = Outcome(outcome.id, "crashed", None, f"answered with columns {sorted(outcome.result)}")
        trial.death = outcome
        self._put_off(trial, 0.0)
        return None

    def _judge_death(self, trial: _Try, death: Outcome, outcome: Outcome) -> dict[str, Any] | None:
        storage = outcome.result or {"trouble": f"the storage does not answer ({outcome.detail}): {trial.task.path}"}
        if "trouble" in storage:
            # A read that hangs has been waited for until the time was up: no more of that in this run.
            return self._record("unreadable_now", storage["trouble"], {})
        trial.death = None
        if death.status == "out_of_memory" and self._crew.memory_bytes < self._settings.memory_mib << 20:
            return self._judge_squeezed(trial, storage)
        trial.n_deaths += 1
        if death.is_load_dependent and trial.n_deaths == 1:
            self._put_off(trial, self._settings.retry_wait_s)
            return None
        return self._record(death.status, death.detail, storage)

    def _judge_squeezed(self, trial: _Try, storage: dict[str, Any]) -> dict[str, Any] | None:
        """It had less memory than the settings promise a clip, which is nothing that the clip did."""
        if not self._is_last:
            self.needy.append(trial.task)
            return None
        trouble = (
            f"needs more than {self._crew.memory_bytes >> 20} MiB, all that a worker gets within the memory limit of this "
            f"container (decode.memory_mib is {self._settings.memory_mib}): raise the limit, or lower decode.memory_mib"
        )
        return self._record("unreadable_now", trouble, storage)

    def _judge_unreadable(self, trial: _Try, result: dict[str, Any]) -> dict[str, Any] | None:
        if trial.n_unreadable == self._settings.retries:
            return result
        self._put_off(trial, self._settings.retry_wait_s * 2**trial.n_unreadable)
        trial.n_unreadable += 1
        return None

    def _put_off(self, trial: _Try, wait_s: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._ids), trial))

    def _record(self, verdict: str, detail: str, fingerprint: dict[str, Any]) -> dict[str, Any]:
        words = first_lines([detail])
        row: dict[str, Any] = {"ffmpeg_versions": "", "checker_version": CHECKER_VERSION, **fingerprint}
        row |= {"verdict": verdict, "reason": "", "errors": words, "probe_status": verdict, "probe_detail": words}
        return {name: row.get(name) for name in sorted(self._columns)}


def _verdict_column(step: Step) -> str:
    return "verdict" if step == "decode" else "probe_status"


def _options(step: Step, settings: Decode) -> dict[str, Any]:
    if step == "probe":
        return {}
    return {"max_duration_s": settings.max_duration_s, "is_full_decode": settings.is_full_decode}
