"""How many requests for contents are under way at once, on this machine: one number, and less of it when the hub asks for that.

Belongs here: taking turns, backing off. Does not belong here: requests (`sources.hub.stream`, `sources.hub.parallel_stream`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SEGMENT_BYTES = 16 << 20
"""Bytes of one request among several: enough that its round trip does not count, few enough to hold some in memory."""


_LOOK_S = 1.0  # how often those who wait look whether they are still wanted


class Connections:
    """At most `limit` transfers at a time, whoever asks; after a 429 nobody begins one until the wait is over, then fewer."""

    def __init__(self, limit: int, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.limit, self.segment_bytes = limit, segment_bytes
        self._allowed = limit
        self._in_use = 0
        self._closed_until = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, given_up: threading.Event | None = None) -> Iterator[None]:
        """Hold one of the connections during the block; when `given_up` is set nobody waits for one any more."""
        with self._changed:
            while (wait_s := self._wait_s()) != 0 and not (given_up and given_up.is_set()):
                self._changed.wait(_LOOK_S if wait_s is None else min(wait_s, _LOOK_S))
            self._in_use += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= 1
                self._changed.notify_all()

    def back_off(self, wait_s: float) -> None:
        """The hub limits requests: let nobody begin for that long, and half as many from then on."""
        with self._changed:
            self._allowed = max(1, self._allowed // 2)
            self._closed_until = max(self._closed_until, time.monotonic() + wait_s)

    def _wait_s(self) -> float | None:
        """Seconds to wait at most; 0: go on, None: until somebody is done."""
        closed_s = self._closed_until - time.monotonic()
        if closed_s > 0:
            return closed_s
        return 0 if self._in_use < self._allowed else None
