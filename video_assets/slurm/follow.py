"""The decode check of shards by Slurm: the same as `pipeline.decode_check.check_shards`, on as many nodes as there are.

The head (this process) submits one array for the shards that are not current, one or several per task, and reports every shard
when it has ended. What a shard has come to is read from the shared storage; Slurm's queue only tells whether somebody is still
at work. A head that begins while tasks of another array are at work on its shards follows those: so a head may be killed, and
two may begin at once. Told to stop by Ctrl-C or in the UI it cancels its tasks; by SIGTERM it leaves them to the next head.

Belongs here: that order of things. Does not belong here: what became of one task (`slurm.watch`), files (`slurm.arrays`).
"""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from video_assets.pipeline.decode_check import require_lists
from video_assets.pipeline.shard import ShardOutcome, unchanged
from video_assets.progress import Progress
from video_assets.settings.model import Settings
from video_assets.slurm.client import SlurmDownError
from video_assets.slurm.watch import TaskOutcome
from video_assets.slurm.words import End, queue_words
from video_assets.slurm.work import Work
from video_assets.storage.layout import Layout
from video_assets.workers.stopping import Stop, stop_on_sigterm

if TYPE_CHECKING:
    from video_assets.slurm.arrays import Array

_PATIENCE_S = 1800.0  # with a controller that does not answer: an upgrade takes some minutes
_NOTICE_S = 0.5
_log = logging.getLogger(__name__)


def check_shards_on_slurm(
    layout: Layout, shards: list[str], *, settings: Settings, progress: Progress, run_id: str = ""
) -> Iterator[ShardOutcome]:
    """Have `shards` checked by Slurm and yield each shard's outcome as its task ends.

    Raises:
        StageError: a shard list is missing.
        SlurmError: Slurm refuses the array, or does not answer for half an hour (its tasks go on).
        KeyboardInterrupt: this process got SIGTERM; the tasks go on, and the next run follows them.
    """
    require_lists(layout, shards)
    with stop_on_sigterm(0.0) as stop:
        work = Work(layout, shards, settings, run_id)
        try:
            yield from _Head(layout, work, settings).outcomes(stop, progress)
        except BaseException as error:
            if not isinstance(error, Exception) and not stop.is_asked:
                work.cancel()
            raise
        finally:
            work.close()


class _Head:
    """One process that follows tasks until no shard is open."""

    def __init__(self, layout: Layout, work: Work, settings: Settings) -> None:
        self._layout, self._work, self._settings = layout, work, settings
        self._heard_at, self._due_at = 0.0, 0.0
        self._is_heard = False
        self._seen: dict[Array, set[int]] = {}
        self._n_done, self._n_failed = 0, 0

    def outcomes(self, stop: Stop, progress: Progress) -> Iterator[ShardOutcome]:
        """Every shard once, as it ends."""
        with progress("decode check by Slurm", len(self._work.open), "shards") as advance:
            while not stop.is_asked:
                for outcome in self._ended():
                    advance(1, self._words())
                    yield outcome
                if not self._work.open:
                    return
                if time.monotonic() >= self._due_at:
                    self._look_after_tasks()
                    advance(0, self._words())
                self._wait(stop)
        _log.warning("told to stop: job %s goes on, the next run follows it", self._work.jobs or "(none)")

    def _look_after_tasks(self) -> None:
        """Ask Slurm how they are, and give work to shards that have none. A controller that is down is waited for."""
        try:
            self._work.ask()
            self._work.give()
            self._heard_at, self._is_heard = time.monotonic(), True
        except SlurmDownError as error:
            if time.monotonic() - self._heard_at > _PATIENCE_S or not self._heard_at:
                raise
            self._is_heard = False
            _log.warning("Slurm does not answer, and is asked again: %s", error)
        self._due_at = time.monotonic() + self._settings.slurm.poll_s

    def _ended(self) -> Iterator[ShardOutcome]:
        self._seen = self._work.results()
        for shard, watch in list(self._work.open.items()):
            if watch is None:
                outcome = unchanged(self._layout, shard, self._settings.decode)
            else:
                watch.has_result = watch.place in self._seen[watch.array]
                outcome = watch.outcome(is_slurm_heard=self._is_heard)
            if isinstance(outcome, End):
                outcome = self._work.again(shard, outcome)
                self._due_at = 0.0
            if isinstance(outcome, TaskOutcome) and outcome.is_undelivered and self._work.goes_elsewhere(shard, outcome.node):
                _log.warning("%s: it is tried once on another node: %s", shard, outcome.failure)
                outcome, self._due_at = None, 0.0
            if outcome is not None:
                del self._work.open[shard]
                self._n_done, self._n_failed = self._n_done + (not outcome.failure), self._n_failed + bool(outcome.failure)
                yield outcome

    def _wait(self, stop: Stop) -> None:
        """Until it is time to ask Slurm, or a task has told something."""
        while time.monotonic() < self._due_at and not stop.is_asked and self._work.results() == self._seen:
            time.sleep(_NOTICE_S)

    def _words(self) -> str:
        jobs = self._work.jobs
        tasks = [watch.task for watch in self._work.open.values() if watch and watch.task]
        return f"job {jobs}: " * bool(jobs) + queue_words(tasks, n_done=self._n_done, n_failed=self._n_failed)
