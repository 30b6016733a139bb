"""How long work tells that it goes on.

Belongs here: the interface and the log lines. Does not belong here: terminal bars (`cli`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Opens one count: `with progress("decode check", 500, "clips") as advance: advance(1)`."""

    def __call__(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """Start counting `total` units of work."""
        ...


class LogProgress:
    """A line at the start, every `interval_s` seconds and at the end."""

    def __init__(self, log: Callable[[str], None], *, interval_s: float = 10.0) -> None:
        self._log, self._interval_s = log, interval_s

    @contextmanager
    def __call__(self, label: str, total: int, unit: str) -> Iterator[Advance]:
        """See `Progress`."""
        start = told = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, told
            done += count
            now = time.monotonic()
            if now - told >= self._interval_s:
                told = now
                self._log(_line(label, done, total, unit, now - start))

        self._log(f"{label}: {total:,} {unit}")
        yield advance
        self._log(_line(label, done, total, unit, time.monotonic() - start))


def _line(label: str, done: int, total: int, unit: str, elapsed_s: float) -> str:
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f", about {(total - done) / rate:,.0f} s left" if rate > 0 and done < total else ""
    share = f" ({done / total:.0%})" if total else ""
    return f"{label}: {done:,} of {total:,} {unit}{share}, {rate:,.1f} {unit}/s{left}"


@contextmanager
def no_progress(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Tells nobody."""
    del label, total, unit
    yield lambda _count: None
