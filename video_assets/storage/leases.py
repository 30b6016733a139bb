"""Leases: one run at a time works on a shard, an archive or a batch, on storage that several machines share.

The holder gives a sign of life every few seconds. A lease whose holder has been silent for `stale_after_s`, by the storage's own
clock, is taken over; at once when the holder was a process of this machine that is gone. A holder that was stopped or cut off for
longer notices at `Lease.ensure`, which it calls before each write. What is left is the moment between `ensure` and the rename of
that write: stages name the hashes of what they were made from, so a late writer is noticed, not believed.
Belongs here: taking, keeping, losing, giving back. Does not belong here: the files (`storage.lease_files`), what is protected.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from video_assets.core.errors import MendableError
from video_assets.storage.lease_files import (
    Claim,
    find_claim,
    is_dead_here,
    make_claim,
    release_claim,
    renew_claim,
    storage_now_ns,
)

_BEATS = 6  # signs of life within `stale_after_s`: five may get lost


class LeaseHeldError(MendableError):
    """Another run that is alive holds the lease; the message says who, since when, and what to do."""


class LeaseLostError(MendableError):
    """This run held the lease and does no more: it was stopped or cut off for too long, and must not write."""


class Lease:
    """A lease that this process holds until `release`. A thread of its own gives the signs of life."""

    def __init__(self, path: Path, number: int, *, stale_after_s: float) -> None:
        self.path, self._number, self._stale_after_s = path, number, stale_after_s
        self._why_lost = ""
        self._is_ended = threading.Event()
        self._renewed_at = _now_s()
        self._thread = threading.Thread(target=self._beat, name=f"lease {path.name}", daemon=True)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        """True when it is known that another may work on this now. Costs nothing; `ensure` asks the storage."""
        return bool(self._why_lost) or _now_s() - self._renewed_at > self._stale_after_s

    def ensure(self) -> None:
        """Return when this process holds the lease now and for the next seconds; call it before each write.

        Raises:
            LeaseLostError: another run took over.
            OSError: the storage does not take signs of life, so soon another may.
        """
        self._renew()
        if self._why_lost:
            raise LeaseLostError(
                f"{self.path.name}: {self._why_lost}, so this run stops writing there. Nothing that was decided is lost; "
                "materialize it again"
            )

    def release(self) -> None:
        """Give it back; the next taker need not wait."""
        self._is_ended.set()
        self._thread.join()
        # A claim that cannot be given back, or is another's by now, needs nothing: it goes stale, or is not touched.
        with suppress(OSError):
            release_claim(self.path, self._number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _beat(self) -> None:
        while not self._is_ended.wait(self._stale_after_s / _BEATS) and not self._why_lost:
            try:
                self._renew()
            except OSError:  # a storage that fails for a moment; `is_lost` says so when it goes on
                continue

    def _renew(self) -> None:
        if not self._why_lost and not renew_claim(self.path, self._number):
            silent_s = _now_s() - self._renewed_at
            self._why_lost = f"another run took over after {silent_s:,.0f} s without a sign of life of this one"
        if not self._why_lost:
            self._renewed_at = _now_s()


@contextmanager
def hold(path: Path, *, stale_after_s: float, patience_s: float = 0.0, run_id: str = "") -> Iterator[Lease]:
    """Hold the lease `path` (a small folder) in the block.

    Raises:
        LeaseHeldError: see `acquire`.
    """
    with acquire(path, stale_after_s=stale_after_s, patience_s=patience_s, run_id=run_id) as lease:
        yield lease


def acquire(path: Path, *, stale_after_s: float, patience_s: float | None = 0.0, run_id: str = "") -> Lease:
    """Take the lease `path`. Waits until its holder has proved to be alive or dead, and then for a living one `patience_s`.

    Args:
        path: The lease's folder, on the storage that is protected; its parent need not exist.
        stale_after_s: Seconds of silence after which a holder counts as dead; the same for all takers.
        patience_s: Seconds to wait for a living holder; None: do not wait at all, not even for a proof.
        run_id: Dagster's run, for the messages of others.

    Raises:
        LeaseHeldError: a living process holds it.
        OSError: the storage does not take the claim.
    """
    watch, started = _Watch(path, stale_after_s), _now_s()
    while True:
        claim = find_claim(path)
        if claim is None or claim.is_released or watch.is_dead(claim):
            number = make_claim(path, after=claim, run_id=run_id)
            if number is not None:
                return Lease(path, number, stale_after_s=stale_after_s)
        elif patience_s is None or (watch.has_seen_life and _now_s() - started >= patience_s):
            raise LeaseHeldError(_why_held(path, claim, stale_after_s))
        else:
            time.sleep(min(1.0, stale_after_s / _BEATS / 2))


def holder_of(path: Path) -> str:
    """Who holds a lease, for a message; empty when nobody does."""
    claim = find_claim(path)
    return "" if claim is None or claim.is_released else claim.who


class _Watch:
    """What one waiter has seen of the holder."""

    def __init__(self, path: Path, stale_after_s: float) -> None:
        self._path, self._stale_after_s = path, stale_after_s
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None
        self._last_at = 0.0

    def is_dead(self, claim: Claim) -> bool:
        """Silent for too long by the storage's clock, or, should that clock have been set back, while we looked on."""
        sign = (claim.number, claim.mtime_ns)
        self._first = self._first or sign
        if self._last != sign:
            self._last, self._last_at = sign, _now_s()
        return max(_silent_s(self._path, claim), _now_s() - self._last_at) > self._stale_after_s or is_dead_here(claim)

    @property
    def has_seen_life(self) -> bool:
        """A sign of life came while we looked on."""
        return self._first != self._last


def _silent_s(path: Path, claim: Claim) -> float:
    return max(0.0, (storage_now_ns(path) - claim.mtime_ns) / 1e9)


def _why_held(path: Path, claim: Claim, stale_after_s: float) -> str:
    since = f" since {claim.holder.since}" if claim.holder.since else ""
    return (
        f"{path.name} is being worked on by {claim.who}{since} (last sign of life {_silent_s(path, claim):,.0f} s ago). Wait for "
        f"its end, or cancel it; when its machine is gone, this is taken over {stale_after_s:,.0f} s after its last sign of life"
    )


def _now_s() -> float:
    """Seconds that go on while the machine is suspended, unlike `time.monotonic`."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
