"""The decode check of whole shards: one stream of clips for all of them, one run at a time in each.

All shards of a run share the stream, so no core is idle while the last clip of a shard decodes. Verdicts are durable within
seconds (`storage.parts`), whatever kills the run. A clip that the storage does not deliver gets no verdict: its shard is not
written.

Who works on a shard holds its lease (`storage.leases`). A run that finds another at work does its other shards first, then waits
for that one's end, and finds every clip decided: so nothing is decoded twice and no partition turns red because two runs met.
When the other dies, this run takes over and goes on from its verdicts.
Belongs here: that order of things. Does not belong here: what is done with one shard (`pipeline.shard`).
"""

from collections.abc import Iterator
from contextlib import closing

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.results import ClipVerdict
from video_assets.pipeline.board import Board
from video_assets.pipeline.shard import HeldShard, Shard, ShardOutcome, unchanged
from video_assets.pipeline.taking_turns import RunLeases
from video_assets.progress import Advance, Progress
from video_assets.settings.steps import Decode
from video_assets.storage.layout import Layout
from video_assets.storage.leases import LeaseLostError
from video_assets.storage.stages import StageError
from video_assets.storage.tables import count_rows
from video_assets.workers.stopping import stop_on_sigterm

__all__ = ["CHECK", "ShardOutcome", "check_shards", "require_lists"]

CHECK = "decode_check"


def check_shards(
    layout: Layout,
    shards: list[str],
    *,
    settings: Decode,
    progress: Progress,
    run_id: str = "",
    is_waiting: bool = True,
    board: Board | None = None,
) -> Iterator[ShardOutcome]:
    """Decode what has no verdict yet in `shards` and yield each shard's outcome as it is finished.

    `board` is kept up to date with how far each shard is.

    Told to stop by SIGTERM, it lets the clips in flight end for some seconds, keeps every verdict, and stops. Shards that others
    work on come last, when those are done; unless `is_waiting`, they come as `HeldShard` instead.

    Raises:
        StageError: a shard list is missing.
        WorkerError: workers cannot start at all.
        KeyboardInterrupt: this process was told to stop; the next run goes on from here.
    """
    require_lists(layout, shards)
    board = board or Board()
    with stop_on_sigterm(settings.stop_grace_s) as stop:
        leases = RunLeases(layout, CHECK, unit="shard", stale_after_s=settings.lease_stale_s, run_id=run_id)
        with closing(leases):
            while shards and not stop.is_asked:
                total = sum(count_rows(layout.shard_list(name)) for name in shards)
                board.begin(len(shards), total)
                with (
                    progress("decode check", total, "clips") as advance,
                    closing(_Work(layout, shards, settings, leases, advance=advance, board=board)) as work,
                ):
                    for task, verdict in decode_clips(work.tasks(), settings=settings, stop=stop):
                        work.record(task, verdict)
                        yield from work.take_finished()
                    yield from work.take_finished()
                shards = work.taken_by_others
                if shards and not is_waiting:
                    yield from (_held(shard, leases.holder(shard)) for shard in shards)
                    break
                if shards:
                    leases.wait_for(shards[0], stop=stop, progress=progress)


class _Work:
    """The stream of clips over all shards, and which shard each clip in flight belongs to."""

    def __init__(
        self, layout: Layout, shards: list[str], settings: Decode, leases: RunLeases, *, advance: Advance, board: Board
    ) -> None:
        self._layout, self._shards, self._settings, self._leases, self._advance = layout, shards, settings, leases, advance
        self._board = board
        self._n_known = self._n_decoded = 0
        self._owners: dict[str, Shard] = {}
        self._open: list[Shard] = []
        self._finished: list[ShardOutcome] = []
        self.taken_by_others: list[str] = []

    def tasks(self) -> Iterator[ClipTask]:
        """Clips without a verdict, shard after shard; a shard is opened when the one before has given out its last clip."""
        for name in self._shards:
            if self._is_unchanged(name):
                continue
            lease = self._leases.take(name)
            if lease is None:
                self.taken_by_others.append(name)
            elif self._is_unchanged(name):  # by whoever held the lease a moment ago
                self._leases.release(name)
            else:
                yield from self._tasks_of(Shard(self._layout, name, self._settings, lease))

    def record(self, task: ClipTask, verdict: ClipVerdict) -> None:
        """Take one clip's verdict; the last one finishes its shard."""
        shard = self._owners.pop(task.clip_key)
        shard.record(task.clip_key, verdict)
        if not verdict.is_unreadable:
            self._n_decoded += 1
            self._board.decide(shard.name, verdict.file_size or 0)
        self._advance(1, self._words())
        if shard.is_done:
            self._finish(shard)

    def take_finished(self) -> list[ShardOutcome]:
        """Outcomes since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Make every verdict durable, whatever ends the run."""
        for shard in self._open:
            shard.close()

    def _is_unchanged(self, name: str) -> bool:
        outcome = unchanged(self._layout, name, self._settings)
        if outcome:
            self._count_known(outcome.n_clips)
            self._board.complete(outcome.n_clips)
            self._finished.append(outcome)
        return outcome is not None

    def _tasks_of(self, shard: Shard) -> Iterator[ClipTask]:
        self._open.append(shard)
        self._board.open(shard.name, clips=shard.n_clips, known=shard.n_known)
        self._count_known(shard.n_known)
        for task in shard.tasks():
            self._owners[task.clip_key] = shard
            yield task
        if shard.is_done:
            self._finish(shard)

    def _count_known(self, n_clips: int) -> None:
        self._n_known += n_clips
        if n_clips:
            self._advance(n_clips, self._words(), is_known=True)

    def _words(self) -> str:
        """What of the count was decided before; nothing to say where that is none."""
        return f"{self._n_known:,} known, {self._n_decoded:,} decoded" if self._n_known else ""

    def _finish(self, shard: Shard) -> None:
        self._board.close(shard.name)
        try:
            self._finished.append(shard.finish())
        except LeaseLostError:
            shard.close()
            self.taken_by_others.append(shard.name)
        self._open.remove(shard)
        self._leases.release(shard.name)


def _held(shard: str, holder: str) -> HeldShard:
    return HeldShard(shard, failure=f"held by {holder}", holder=holder)


def require_lists(layout: Layout, shards: list[str]) -> None:
    """Nothing happens when all of these shards have a list.

    Raises:
        StageError: one has none.
    """
    for shard in shards:
        path = layout.shard_list(shard)
        if not path.exists():
            raise StageError(
                f"{path} is missing: materialize shard_lists, partition {shard}, or type: video-assets run --prepare-only"
            )
