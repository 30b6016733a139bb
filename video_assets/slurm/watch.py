"""One shard that a task of an array is at work on, as its head sees it.

Belongs here: whether the shard is done, has failed, or needs another task. Does not belong here: the order of things
(`slurm.follow`), what Slurm's words mean (`slurm.words`).
"""

import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from video_assets.pipeline.shard import ShardOutcome, unchanged
from video_assets.settings.steps import Decode
from video_assets.slurm import client
from video_assets.slurm.arrays import Array, Result
from video_assets.slurm.words import END_OF_TIME, STOPPED_BY_HAND, End, Task, is_out_of_memory, why_failed
from video_assets.storage.layout import Layout

# Network storage shows a file of another machine when its memory of the folder has run out: half a minute, rarely more.
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class TaskOutcome(ShardOutcome):
    """A shard that a task of Slurm checked; times are seconds, `cpu_s` that of the task with its workers.

    `is_undelivered` says that the storage of its node did not deliver: another node may have a better mount.
    """

    job: str = ""
    node: str = ""
    log: Path = Path()
    cpu_s: float = 0.0
    wall_s: float = 0.0
    queue_s: float | None = None
    is_undelivered: bool = False

    @property
    def facts(self) -> dict[str, str | int | float | Path]:
        """As the UI shows them."""
        told: dict[str, str | int | float | Path] = {"slurm_job": self.job, "node": self.node or "unknown", "log": self.log}
        told |= {"task_cpu_seconds": round(self.cpu_s, 3), "task_seconds": round(self.wall_s, 3)}
        if self.wall_s:
            told["clips_per_second"] = round(self.n_decoded / self.wall_s, 3)
        if self.queue_s is not None:
            told["queue_seconds"] = self.queue_s
        return told


@dataclass
class Watch:
    """A task of `array` is to check `shard`, which is at `place` in it.

    `task` is what Slurm said of it last; None when it does not know it (any more).
    """

    layout: Layout
    shard: str
    decode: Decode
    array: Array
    place: int
    task: Task | None = None
    has_result: bool = False
    _over_since: float | None = field(default=None, init=False)

    @property
    def job(self) -> str:
        """The task as people name it to Slurm."""
        return f"{self.array.job}_{self.task_number}"

    @property
    def task_number(self) -> int:
        """The task's index in Slurm's array."""
        return self.array.task_of(self.place)

    def outcome(self, *, is_slurm_heard: bool) -> ShardOutcome | End | None:
        """What the shard has come to; an `End` when it needs another task; None as long as the task may go on.

        `is_slurm_heard` says that `task` is of this moment: only then is a task over that Slurm does not know.
        """
        result = self.array.result(self.place) if self.has_result else None
        if result and result.status == "done":
            return self._done(result) or self._not_yet_visible(End(state="COMPLETED"))
        if self.task and self.task.why_never:
            return self._never(self.task, result)
        if not is_slurm_heard or (self.task and not self.task.is_over):
            return None
        return self._over(result)

    def _never(self, task: Task, result: Result | None) -> ShardOutcome | End:
        """It will not start: cancelled, so that nobody waits for it. A launch that failed is tried again, by another task."""
        client.cancel(self.array.job, [self.task_number], name=self.array.name)
        return End(reason=task.reason) if task.is_launch_failed else self._failed(task.why_never, result)

    def _over(self, result: Result | None) -> ShardOutcome | End | None:
        if done := self._done(result):
            return done
        if result and result.status in {"incomplete", "undelivered", "error"}:
            failed = self._failed(result.failure, result, is_log_told=result.status == "error")
            return replace(failed, is_undelivered=result.status == "undelivered")
        end = client.end_of(self.array.job, self.task_number, name=self.array.name)
        if bool(end.state) and not Task("", end.state).is_over:  # requeued since the queue was asked
            return None
        return self._told_nothing(end) if result is None else self._ended(end, result)

    def _told_nothing(self, end: End) -> ShardOutcome | End | None:
        """Its task left no result of this shard: it had not come to it, the result is not visible yet, or there is none."""
        if self.array.is_left_over(self.place) and end.state not in STOPPED_BY_HAND:
            return replace(end, is_before_it=True)
        if end.is_own and self._waits():
            return None
        return self._ended(end, None)

    def _ended(self, end: End, result: Result | None) -> ShardOutcome | End:
        words = self.array.last_words(self.task_number)
        # A controller that is killed forgets what it has not saved: no failure.
        is_forgotten = not end.state and not is_out_of_memory(words)
        if is_forgotten or (result and end.state in END_OF_TIME):
            return end
        return self._failed(why_failed(end, words), result, is_log_told=True)

    def _not_yet_visible(self, end: End) -> End | None:
        """The task says that its shard is done, and this machine does not see it: it will, or the list is another by now."""
        return None if self._waits() else end

    def _waits(self) -> bool:
        now = time.monotonic()
        self._over_since = self._over_since or now
        return now - self._over_since < _PATIENCE_S

    def _done(self, result: Result | None) -> TaskOutcome | None:
        known = unchanged(self.layout, self.shard, self.decode)
        if known is None:
            return None
        if result:
            known = replace(known, n_decoded=result.n_decoded, decode_seconds=result.decode_seconds)
        return self._told(known, result)

    def _failed(self, why: str, result: Result | None, *, is_log_told: bool = False) -> TaskOutcome:
        words = self.array.last_words(self.task_number) if is_log_told else ""
        node = (result and result.node) or (self.task and self.task.node)
        where = f"Slurm job {self.job}" + (f" on {node}" if node else "")
        said = f"\n{self.array.log(self.task_number)} ends with:\n{words}" if words else ""
        return self._told(ShardOutcome(self.shard, failure=f"{where}: {why}{said}"), result)

    def _told(self, outcome: ShardOutcome, result: Result | None) -> TaskOutcome:
        result, task = result or Result("error"), self.task or Task(self.array.job, "")
        return TaskOutcome(
            **{known.name: getattr(outcome, known.name) for known in fields(ShardOutcome)},
            job=self.job,
            node=result.node or task.node,
            log=self.array.log(self.task_number),
            cpu_s=result.cpu_s,
            wall_s=result.wall_s,
            queue_s=task.queue_s,
        )
