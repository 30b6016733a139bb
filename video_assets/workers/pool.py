"""Run a function on many untrusted inputs in worker processes: each input has limits, and each costs nobody but itself.

Belongs here: the pool and the meaning of deaths. Does not belong here: clips (`checking.check`), one child (`workers.process`).

Why not pebble or loky: both start workers through multiprocessing, which forks a threaded process or imports the caller's
__main__ (here Dagster), send results as pickles (code, when a decoder was taken over), and kill one process, not its group.
Needs Linux 5.3 or newer (pidfd_open).
"""

import math
import secrets
import selectors
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Self

from video_assets.core.errors import MendableError
from video_assets.core.json_values import JsonObject
from video_assets.workers.messages import Answer, Call, Hello, ProtocolError
from video_assets.workers.process import WorkerProcess, kill_marked

Status = Literal["done", "timeout", "crashed", "out_of_memory"]
_FAILURES: dict[str, Status] = {"crashed": "crashed", "out_of_memory": "out_of_memory"}
_CLOSE_TIMEOUT_S = 1.0
_MAX_ALONE_S = 1.0
_SIGNALS = {number.value: number.name for number in signal.Signals}
_TRACEBACK_BYTES = 10_000


def _keep_from_sigterm() -> None:
    """Workers that this thread starts never see SIGTERM.

    Slurm sends it to every process of a job, and a clip that is being checked must not die of it and be taken for broken. The
    parent decides who ends, by SIGKILL.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


class WorkerError(MendableError):
    """Workers cannot start: says nothing about any task."""


@dataclass(frozen=True)
class Limits:
    """What one task may take, and when a worker is replaced although nothing went wrong.

    `max_file_bytes`: most workers write nothing but messages, and endless ones must not fill the memory; None for those that
    write clips, of whatever size.
    """

    timeout_s: float
    cpu_s: float
    memory_bytes: int
    max_file_bytes: int | None = 64 << 20
    max_tasks: int = 5_000
    max_growth_bytes: int = 512 << 20
    start_timeout_s: float = 120.0


@dataclass(frozen=True)
class Task:
    """One call of the pool's function; `kwargs` must survive JSON (file names that are not UTF-8 do).

    `timeout_s` is a wall limit for this task instead of the pool's.
    """

    id: str
    kwargs: JsonObject
    timeout_s: float | None = None

    def limit_s(self, limits: Limits) -> float:
        """Wall seconds this task may take."""
        return limits.timeout_s if self.timeout_s is None else self.timeout_s


@dataclass(frozen=True)
class Outcome:
    """How one task ended; `is_load_dependent` when a busier or emptier machine could have made it end otherwise."""

    id: str
    status: Status
    result: JsonObject | None
    detail: str = ""
    is_load_dependent: bool = False


class WorkerPool:
    """Up to `n_workers` fresh interpreters, each with at most one task: a death is that task's alone.

    The first one works alone for as long as its start took, a second at most: a few small tasks are done by then, and other
    workers would cost more than they help.

    Use it as a context manager, from one thread at a time. All workers are started by one thread of the pool, since the kernel
    ties their death signal to the thread that started them, and the caller's thread may end before the pool does.
    """

    def __init__(self, function: str, *, n_workers: int, limits: Limits) -> None:
        self._limits = limits
        self._n_workers = n_workers
        self._hello = Hello(
            function=function,
            sys_path=tuple(entry for entry in sys.path if entry),
            memory_bytes=limits.memory_bytes,
            cpu_s=limits.cpu_s,
            max_file_bytes=limits.max_file_bytes,
        )
        self._marker = secrets.token_hex(8)
        self._n_started = 0
        self._alone_until = math.inf  # monotonic seconds
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="worker-starter", initializer=_keep_from_sigterm)
        self._selector = selectors.DefaultSelector()
        self._workers: dict[WorkerProcess, Task | None] = {}
        self._dying: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def n_busy(self) -> int:
        """Tasks that were submitted and have no outcome yet."""
        return sum(task is not None for task in self._workers.values())

    @property
    def n_free(self) -> int:
        """Tasks to submit now; fewer than could be as long as the first worker is alone."""
        return max(0, (1 if time.monotonic() < self._alone_until else self._n_workers) - self.n_busy)

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes of all tasks as they come; the next task is pulled when a worker is free for it.

        Raises:
            WorkerError: a worker cannot start; the message carries its traceback.
        """
        source = iter(tasks)
        is_exhausted = False
        while not is_exhausted or self.n_busy:
            while not is_exhausted and self.n_free:
                task = next(source, None)
                if task is None:
                    is_exhausted = True
                else:
                    self.submit(task)
            yield from self.wait()

    def submit(self, task: Task) -> None:
        """Give a task to a free worker; one is started when all live ones are busy.

        Raises:
            RuntimeError: all workers are busy.
            OSError: the system starts no more processes.
        """
        if self.n_busy == self._n_workers:
            raise RuntimeError(f"all {self._n_workers} workers are busy: wait() before the next submit()")
        idle = next((worker for worker, other in self._workers.items() if other is None), None)
        worker = idle or self._starter.submit(self._start).result()
        self._workers[worker] = task
        if worker.is_ready:
            self._hand_over(worker)

    def wait(self, timeout_s: float | None = None) -> list[Outcome]:
        """Outcomes since the last call; waits for the next event (which may bring none) or `timeout_s` seconds.

        Raises:
            WorkerError: a worker cannot start; the message carries its traceback.
        """
        if timeout_s is None and not self.n_busy:
            return []
        outcomes = []
        for key, _ in self._selector.select(self._patience_s(timeout_s)):
            if key.data in self._workers:
                outcomes += self._listen(key.data, is_dead=key.fd == key.data.pidfd)
        now = time.monotonic()
        for worker, task in list(self._workers.items()):
            if task is not None and worker.deadline <= now:
                outcomes += self._expire(worker, task)
        return outcomes

    def close(self) -> None:
        """Kill all workers and what they started; takes a second at most, also when a dead mount holds one of them."""
        self._starter.shutdown()
        for worker in list(self._workers):
            self._discard(worker)
        kill_marked(self._marker)
        deadline = time.monotonic() + _CLOSE_TIMEOUT_S
        while self._reap() and time.monotonic() < deadline:
            time.sleep(0.005)
        for worker in self._dying:  # takes note of the death when the mount lets go
            threading.Thread(target=worker.process.wait, name="worker-burial", daemon=True).start()
        self._dying = []
        self._selector.close()

    def _start(self) -> WorkerProcess:
        self._reap()
        self._n_started += 1
        marker = f"{self._marker}.{self._n_started}."
        worker = WorkerProcess(self._hello, marker=marker, start_timeout_s=self._limits.start_timeout_s)
        # Here, not in the caller: an interrupt between the two would lose the worker.
        self._workers[worker] = None
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)
        return worker

    def _hand_over(self, worker: WorkerProcess) -> None:
        task = self._workers[worker]
        if task is None:
            return
        try:
            worker.send(Call(task.id, task.kwargs))
        except OSError as error:  # it died while it had nothing to do: no fault of this task
            self._discard(worker)
            if not worker.n_tasks:
                raise WorkerError(f"a worker for {self._hello.function} died before its first task: {error}") from error
            self._workers[self._starter.submit(self._start).result()] = task
        else:
            worker.deadline = time.monotonic() + task.limit_s(self._limits)

    def _listen(self, worker: WorkerProcess, *, is_dead: bool) -> list[Outcome]:
        outcomes = []
        try:
            answers, is_open = worker.receive()
            for answer in answers:
                if worker in self._workers:
                    outcomes += self._on_answer(worker, answer)
        except ProtocolError as error:
            return [*outcomes, *self._end(worker, "crashed", str(error))]
        if worker not in self._workers:
            return outcomes
        if is_dead:
            return [*outcomes, *self._bury(worker)]
        if not is_open and worker.channel in self._selector.get_map():
            self._selector.unregister(worker.channel)  # its death, or its deadline, tells the rest
        return outcomes

    def _on_answer(self, worker: WorkerProcess, answer: Answer) -> list[Outcome]:
        task = self._workers.get(worker)
        if not worker.is_ready:
            worker.is_ready = True
            now = time.monotonic()
            self._alone_until = min(self._alone_until, now + min(_MAX_ALONE_S, now - worker.started))
            self._hand_over(worker)
            return []
        if task is None or answer.id != task.id:
            return self._end(worker, "crashed", "answered for a task that it did not have")
        if failure := _FAILURES.get(answer.status):
            return self._end(worker, failure, answer.detail)
        if answer.status != "done" or answer.result is None or answer.rss_bytes is None:
            return self._end(worker, "crashed", "answered without a result")
        self._workers[worker] = None
        worker.n_tasks += 1
        if self._is_worn(worker, answer.rss_bytes):
            self._discard(worker)
        return [Outcome(task.id, "done", answer.result)]

    def _is_worn(self, worker: WorkerProcess, rss_bytes: int) -> bool:
        if worker.first_rss_bytes is None:
            worker.first_rss_bytes = rss_bytes
        has_grown = rss_bytes - worker.first_rss_bytes > self._limits.max_growth_bytes
        return has_grown or worker.n_tasks >= self._limits.max_tasks

    def _bury(self, worker: WorkerProcess) -> list[Outcome]:
        code = worker.exit_code()
        end = f"killed by {_SIGNALS.get(-code, f'signal {-code}')}" if code < 0 else f"ended with exit code {code}"
        if not worker.is_ready:
            words = worker.last_words(_TRACEBACK_BYTES)
            self._discard(worker)
            raise WorkerError(f"a worker for {self._hello.function} cannot start, {end}:\n{words}")
        if code == -signal.SIGXCPU:
            return self._end(worker, "timeout", f"more than {self._limits.cpu_s:g} CPU seconds")
        if code == -signal.SIGKILL:
            detail = f"{end}: by the kernel when memory ran out, or by hand"
            return self._end(worker, "out_of_memory", detail, is_load_dependent=True)
        return self._end(worker, "crashed", ": ".join([end, *worker.last_words().splitlines()[-1:]]))

    def _expire(self, worker: WorkerProcess, task: Task) -> list[Outcome]:
        if not worker.is_ready:
            words = worker.last_words()
            self._discard(worker)
            name, limit_s = self._hello.function, self._limits.start_timeout_s
            raise WorkerError(f"a worker for {name} did not start within {limit_s:g} seconds: {words}")
        detail = f"no answer within {task.limit_s(self._limits):g} seconds"
        return self._end(worker, "timeout", detail, is_load_dependent=True)

    def _end(self, worker: WorkerProcess, status: Status, detail: str, *, is_load_dependent: bool = False) -> list[Outcome]:
        task = self._workers[worker]
        self._discard(worker)
        return [] if task is None else [Outcome(task.id, status, None, detail, is_load_dependent)]

    def _discard(self, worker: WorkerProcess) -> None:
        del self._workers[worker]
        for source in (worker.channel, worker.pidfd):
            if source in self._selector.get_map():
                self._selector.unregister(source)
        worker.kill()
        worker.close()
        self._dying.append(worker)

    def _reap(self) -> bool:
        """Take note of the dead; True when some are still dying (a process that waits for a dead mount cannot be killed)."""
        self._dying = [worker for worker in self._dying if worker.process.poll() is None]
        return bool(self._dying)

    def _patience_s(self, timeout_s: float | None) -> float:
        now = time.monotonic()
        waits = [worker.deadline - now for worker, task in self._workers.items() if task is not None]
        if now < self._alone_until and self._n_workers > 1:
            waits.append(self._alone_until - now)  # then `n_free` is more
        if timeout_s is not None:
            waits.append(timeout_s)
        return max(0.0, min(waits))
