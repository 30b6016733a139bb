"""Runs that work on the same shards take turns: one takes what is free, and waits for the rest when it has nothing else to do.

Belongs here: which leases this run holds. Does not belong here: how a lease is kept or lost (`storage.leases`).
"""

from video_assets.progress import Progress
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease, LeaseHeldError, acquire, holder_of
from video_assets.workers.stopping import Stop


class RunLeases:
    """Leases of one `kind` that this run holds; `unit` is what a message calls one of them."""

    def __init__(self, layout: Layout, kind: str, *, unit: str, stale_after_s: float, run_id: str) -> None:
        self._layout, self._kind, self._unit = layout, kind, unit
        self._stale_after_s, self._run_id = stale_after_s, run_id
        self._held: dict[str, Lease] = {}

    def take(self, name: str) -> Lease | None:
        """The lease, or None when somebody else holds it now."""
        try:
            return self._held.get(name) or self._acquire(name, patience_s=None)
        except LeaseHeldError:
            return None

    def holder(self, name: str) -> str:
        """Who else has it, for a message."""
        return holder_of(self._layout.lease(self._kind, name)) or "another run, a moment ago"

    def wait_for(self, name: str, *, stop: Stop, progress: Progress) -> None:
        """Until its holder is done or dead, or this run was told to stop."""
        who = holder_of(self._layout.lease(self._kind, name)) or "another run"
        with progress(f"wait for {who}, at work on {self._unit} {name}", 1, self._unit) as advance:
            while not stop.is_asked:
                try:
                    self._acquire(name, patience_s=0.0)
                except LeaseHeldError:
                    continue
                advance(1)
                return

    def release(self, name: str) -> None:
        """Give it back."""
        self._held.pop(name).release()

    def close(self) -> None:
        """Give all back."""
        for name in list(self._held):
            self.release(name)

    def _acquire(self, name: str, *, patience_s: float | None) -> Lease:
        path = self._layout.lease(self._kind, name)
        lease = acquire(path, stale_after_s=self._stale_after_s, patience_s=patience_s, run_id=self._run_id)
        self._held[name] = lease
        return lease
