"""A program on a terminal of its own, with somebody at its keyboard: keys, Ctrl-C included, come through the terminal."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CTRL_C = "\x03"
_PATIENCE_S = 300.0
# It hands on what is written to it, as a terminal's window does, and ends with the program's exit code.
_WINDOW = """
import os, pty, sys
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:]))
sys.exit(code if code >= 0 else 128 - code)  # as a shell says it of a program that a signal ended
"""


class Terminal:
    """The window."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.shown = ""

    def type(self, keys: str) -> None:
        """Press these keys."""
        self._process.stdin.write(keys.encode())
        self._process.stdin.flush()

    def wait_for(self, pattern: str) -> str:
        """Everything that was shown, as soon as the pattern is in it; what comes next is looked at anew."""
        end = time.monotonic() + _PATIENCE_S
        while not re.search(pattern, self.shown):
            more = self._more(end)
            assert more, f"{pattern!r} was not shown, but: {self.shown}"
            self.shown += more
        shown, self.shown = self.shown, ""
        return shown

    def ended(self) -> tuple[int, str]:
        """The exit code, and what was shown since the last pattern."""
        end = time.monotonic() + _PATIENCE_S
        while more := self._more(end):
            self.shown += more
        return self._process.wait(timeout=_PATIENCE_S), self.shown

    def _more(self, end: float) -> str:
        """What is shown next; empty when the program has ended."""
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"nothing more was shown than: {self.shown}"
        return os.read(self._process.stdout.fileno(), 65_536).decode(errors="replace")


@contextmanager
def terminal(line: Sequence[str | Path], **options: object) -> Iterator[Terminal]:
    """A terminal in which this command runs (`cwd` and `env` as for a process); it is gone at the end."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([sys.executable, "-c", _WINDOW, *map(str, line)], **pipes, **options) as process:
        try:
            yield Terminal(process)
        finally:
            process.kill()
