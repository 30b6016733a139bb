"""Told to stop (SIGTERM: a spot node is taken back, a pod is deleted): what is in flight may end, nothing new begins.

Belongs here: noticing the signal. Does not belong here: what to do about it (`checking.check`, `pipeline.decode_check`).
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether this process was told to stop, and how long what is in flight may still take."""

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self._deadline: float | None = None

    @property
    def is_asked(self) -> bool:
        """True when nothing new shall begin."""
        return self._deadline is not None

    @property
    def is_over(self) -> bool:
        """True when what is in flight shall be given up."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def ask(self, _number: int = 0, _frame: object = None) -> None:
        """The signal handler: the first time starts the grace, the second time does not wait for its end.

        Raises:
            KeyboardInterrupt: asked before.
        """
        if self._deadline is not None:
            raise KeyboardInterrupt("told to stop (SIGTERM) for the second time")
        self._deadline = time.monotonic() + self.grace_s


@contextmanager
def stop_on_sigterm(grace_s: float) -> Iterator[Stop]:
    """Within the block, SIGTERM asks to stop instead of interrupting; at the end of the block it becomes an interrupt.

    Signals come to the main thread only: in another thread nobody is ever asked.

    Raises:
        KeyboardInterrupt: this process was told to stop. Dagster takes that for what it is: no user's failure, so the run is
            retried elsewhere.
    """
    stop = Stop(grace_s)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = signal.signal(signal.SIGTERM, stop.ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)
    if stop.is_asked:
        raise KeyboardInterrupt("told to stop (SIGTERM)")
