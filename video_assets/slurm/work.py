"""Which task is at work on which shard: submitted by this head, or found at work.

Belongs here: submitting, finding, cancelling. Does not belong here: reporting shards (`slurm.follow`).
"""

import logging

from video_assets.pipeline.recipes import decode_check_recipe
from video_assets.pipeline.shard import ShardOutcome, unchanged
from video_assets.settings.model import Settings
from video_assets.settings.steps import Decode
from video_assets.slurm import client
from video_assets.slurm.arrays import Array, arrays_at_work, remove_old_arrays
from video_assets.slurm.submission import submit_array
from video_assets.slurm.watch import Watch
from video_assets.slurm.words import End, Task, why_idle
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease, LeaseHeldError, acquire, hold

_LEASE_PATIENCE_S = 600.0  # whoever submits needs seconds, or minutes with a controller that is busy
_MAX_IDLE_TRIES = 2
_log = logging.getLogger(__name__)


class Work:
    """The open shards of one head: `open` has the watch of each, None as long as no task is for it."""

    def __init__(self, layout: Layout, shards: list[str], settings: Settings, run_id: str) -> None:
        self._layout, self._settings, self._run_id = layout, settings, run_id
        self._stale_after_s = settings.decode.lease_stale_s
        self.open: dict[str, Watch | None] = dict.fromkeys(shards)
        self._owned: dict[Array, Lease] = {}
        self._idle_tries: dict[str, tuple[int, int]] = {}
        self._not_on: dict[str, str] = {}
        self._max_array_size = 0

    @property
    def jobs(self) -> str:
        """Slurm's ids of the arrays that are followed."""
        return ", ".join(dict.fromkeys(array.job for array in self._arrays()))

    def results(self) -> dict[Array, set[int]]:
        """Places of shards that have come to something, by array."""
        return {array: array.places_with_result() for array in self._arrays()}

    def ask(self) -> None:
        """Ask Slurm how the tasks are.

        Raises:
            SlurmDownError: no answer.
        """
        if arrays := self._arrays():
            queue = client.queue([array.name for array in arrays])
            for watch in self._watches():
                watch.task = queue.get((watch.array.name, watch.task_number))

    def give(self) -> None:
        """See to it that every open shard has a task. What did not fit into an array waits until no task is queued any more.

        Raises:
            SlurmError: Slurm refuses.
            SlurmDownError: no answer.
        """
        idle = self._idle()
        if not idle or any(watch.task and watch.task.is_waiting for watch in self._watches()):
            return
        lease = self._layout.lease("slurm", "submit")
        with hold(lease, stale_after_s=self._stale_after_s, patience_s=_LEASE_PATIENCE_S, run_id=self._run_id):
            self._find(set(idle))
            if idle := [s for s in self._idle() if unchanged(self._layout, s, self._settings.decode) is None]:
                self._submit(idle)

    def again(self, shard: str, end: End) -> ShardOutcome | None:
        """Its task has handed it back, or was lost: it gets another one, unless the last ones have decided no clip at all."""
        n_decided = _bytes_decided(self._layout, shard)
        before, n_idle = self._idle_tries.get(shard, (-1, 0))
        n_idle = n_idle + 1 if n_decided == before and not end.is_before_it else 0
        self._idle_tries[shard] = n_decided, n_idle
        if n_idle >= _MAX_IDLE_TRIES:
            return ShardOutcome(shard, failure=why_idle(end))
        self.open[shard] = None
        return None

    def goes_elsewhere(self, shard: str, node: str) -> bool:
        """The storage of `node` did not deliver it: once, it gets a task on another node."""
        if shard in self._not_on or not node:
            return False
        self._not_on[shard] = node
        self.open[shard] = None
        return True

    def cancel(self) -> None:
        """Cancel the tasks, unless another living head follows them too and was there before."""
        for array in self._arrays():
            tasks = {watch.task_number for watch in self._watches() if watch.array == array}
            if self._owns(array):
                _log.warning(
                    "told to stop: %d tasks of job %s are cancelled; what they have decoded stays", len(tasks), array.job
                )
                client.cancel(array.job, tasks, name=array.name)
            else:
                _log.warning("told to stop: job %s is left to the run that has submitted it", array.job)

    def close(self) -> None:
        """Another head may take over."""
        for lease in self._owned.values():
            lease.release()

    def _find(self, idle: set[str]) -> None:
        """Follow tasks of other heads that are at work on `idle` shards, or wait for a node."""
        arrays = list(arrays_at_work(self._layout))
        queue = client.queue([array.name for array in arrays]) if arrays else {}
        for array in arrays:
            tasks = {place: queue.get((array.name, array.task_of(place))) for place in range(len(array.shards))}
            alive = {place: task for place, task in tasks.items() if task and not task.is_over}
            if not alive:
                array.note_over()
            elif _is_same_check(array.decode, self._settings.decode):
                known = array if array.job else array.with_job(next(iter(alive.values())).job)
                self._follow(known, {place: task for place, task in alive.items() if array.shards[place] in idle})

    def _submit(self, shards: list[str]) -> None:
        self._max_array_size = self._max_array_size or client.max_array_size()
        remove_old_arrays(self._layout, keep_days=self._settings.automation.keep_runs_days)
        shards = shards[: self._max_array_size * self._settings.slurm.shards_per_task]
        not_on = {node for shard, node in self._not_on.items() if shard in shards}
        array = submit_array(self._layout, shards, slurm=self._settings.slurm, decode=self._settings.decode, not_on=not_on)
        _log.info("submitted job %s: %d tasks, their logs are in %s", array.job, array.n_tasks, array.folder)
        self._follow(array, {place: Task(array.job, "PENDING") for place in range(len(shards))})

    def _follow(self, array: Array, tasks: dict[int, Task]) -> None:
        for place, task in tasks.items():
            shard = array.shards[place]
            if self.open.get(shard, task) is None:
                self.open[shard] = Watch(self._layout, shard, self._settings.decode, array, place, task)
        if tasks:
            self._owns(array)

    def _owns(self, array: Array) -> bool:
        """True when this head has submitted the array, or whoever has is dead."""
        if array not in self._owned:
            try:
                lease = acquire(array.lease, stale_after_s=self._stale_after_s, patience_s=None, run_id=self._run_id)
            except LeaseHeldError:
                return False
            self._owned[array] = lease
        return True

    def _watches(self) -> list[Watch]:
        return [watch for watch in self.open.values() if watch]

    def _arrays(self) -> list[Array]:
        return list(dict.fromkeys(watch.array for watch in self._watches()))

    def _idle(self) -> list[str]:
        return [shard for shard, watch in self.open.items() if watch is None]


def _bytes_decided(layout: Layout, shard: str) -> int:
    return sum(path.stat().st_size for path in layout.verdict_parts(shard).glob("*.jsonl"))


def _is_same_check(submitted: str, decode: Decode) -> bool:
    """True when the settings of a submitted array (JSON) make the same results as these."""
    return decode_check_recipe(Decode.model_validate_json(submitted)) == decode_check_recipe(decode)
