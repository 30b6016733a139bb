"""What libav says about one clip: its error log, taken without Python in the way.

Belongs here: catching libav's log. Does not belong here: judging it (`core.ffmpeg_messages`).
FFmpeg's default callback writes to descriptor 2, which points to a file in memory while a clip is in flight: no lock on the
interpreter, no Python per line, and nothing lost. PyAV's own callback hides an error that equals the last one of the clip before
and costs 35-47 % CPU with many lines.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

_MAX_LOG_BYTES = 1 << 18


class LibavLog:
    """The log of one clip at a time in this process. Not for threads: descriptor 2 belongs to the whole process."""

    def __init__(self) -> None:
        os.environ["AV_LOG_FORCE_NOCOLOR"] = "1"
        av.logging.restore_default_callback()
        av.logging.set_libav_level(av.logging.ERROR)
        self._memory = os.memfd_create("libav-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._memory, _MAX_LOG_BYTES)
        # A clip that provokes gigabytes of errors must not fill the memory: the file cannot grow, further lines are lost.
        fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)

    @contextmanager
    def capture(self) -> Iterator[None]:
        """What libav writes inside the block can be had from `lines` until the next block."""
        sys.stderr.flush()
        os.lseek(self._memory, 0, os.SEEK_SET)
        saved = os.dup(2)
        os.dup2(self._memory, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)

    @property
    def is_silent(self) -> bool:
        """True when nothing was written so far."""
        return not os.lseek(self._memory, 0, os.SEEK_CUR)

    def lines(self) -> list[str]:
        """The lines so far (of the first 256 KiB), valid UTF-8, without line ends and empty ones."""
        n_bytes = os.lseek(self._memory, 0, os.SEEK_CUR)
        text = os.pread(self._memory, n_bytes, 0).decode("utf-8", errors="backslashreplace")
        return [line for line in text.split("\n") if line.strip()]


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the block libav says nothing, as what is done there is not about the clip."""
    av.logging.set_libav_level(av.logging.PANIC)
    try:
        yield
    finally:
        av.logging.set_libav_level(av.logging.ERROR)


_LOG: LibavLog | None = None


def libav_log() -> LibavLog:
    """This process's log."""
    global _LOG  # noqa: PLW0603 - descriptor 2 and libav's callback exist once per process, and so does this
    if _LOG is None:
        _LOG = LibavLog()
    return _LOG
