"""How long-running work reports its progress.

Belongs here: the interface and the log lines. Does not belong here: terminal bars (`cli`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from video_assets.core import units

_MB = 1_000_000


class Advance(Protocol):
    """Counts on; `note` is what is said beside the count from now on, for example how many clips its megabytes were.

    `is_known`: it was done before this work began, so it says nothing of how fast this is.
    """

    def __call__(self, count: int, note: str = "", /, *, is_known: bool = False) -> None:
        """Add `count` to what is done."""
        ...


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
        done = known = 0
        said = ""

        def advance(count: int, note: str = "", /, *, is_known: bool = False) -> None:
            nonlocal done, known, said, told
            done += count
            known += count * is_known
            said = note or said
            now = time.monotonic()
            if now - told >= self._interval_s:
                told = now
                self._log(_line(label, done, total, unit, rate=(done - known) / max(now - start, 1e-9), note=said))

        self._log(f"{label}: {units.count(total, unit)}")
        yield advance
        rate = (done - known) / max(time.monotonic() - start, 1e-9)
        self._log(_line(label, done, total, unit, rate=rate, note=said))


@contextmanager
def megabytes(progress: Progress, label: str, total_bytes: int) -> Iterator[Advance]:
    """A count that is given bytes and tells MB (1,000,000 bytes), rounded to whole ones."""
    n_bytes = 0
    with progress(label, round(total_bytes / _MB), "MB") as advance:

        def advance_bytes(count: int, note: str = "", /, *, is_known: bool = False) -> None:
            nonlocal n_bytes
            before = round(n_bytes / _MB)
            n_bytes += count
            advance(round(n_bytes / _MB) - before, note, is_known=is_known)

        yield advance_bytes


def _line(label: str, done: int, total: int, unit: str, *, rate: float, note: str) -> str:
    fast = f", {rate:,.1f} {unit}/s" if rate else ""
    left = f", about {(total - done) / rate:,.0f} s left" if rate and done < total else ""
    share = f" ({done / total:.0%})" if total else ""
    return f"{label}: {done:,} of {total:,} {unit}{share}{fast}{left}" + (f"; {note}" if note else "")


@contextmanager
def no_progress(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Tells nobody."""
    del label, total, unit
    yield _advance_nothing


def _advance_nothing(_count: int, _note: str = "", /, *, is_known: bool = False) -> None:
    del is_known
