"""One worker as its parent sees it: start, send, receive, kill, last words.

Belongs here: descriptors and signals of one child. Does not belong here: which task goes where and what a death means
(`workers.pool`), what the child does (`workers.child`).
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from video_assets.workers.messages import Answer, Call, Hello, ProtocolError, line_of, read_answer

_MAX_ANSWER_BYTES = 4 << 20
_SEND_TIMEOUT_S = 10.0
_MARKER = "VIDEO_ASSETS_WORKER"
# All that a decoder needs of the environment; credentials stay here.
_ENVIRONMENT = {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV"}
_ENVIRONMENT_PREFIXES = ("COVERAGE_", "LC_", "PYTHON")


class WorkerProcess:
    """A child in a session of its own: nothing of the terminal, no descriptor but its channel, no working directory of ours."""

    def __init__(self, hello: Hello, *, marker: str, start_timeout_s: float) -> None:
        self.marker = marker
        self.is_ready = False
        self.n_tasks = 0
        self.first_rss_bytes: int | None = None
        self.started = time.monotonic()
        self.deadline = self.started + start_timeout_s
        self._received = bytearray()
        with contextlib.ExitStack() as resources:
            self._stderr = os.memfd_create("worker-output")
            resources.callback(os.close, self._stderr)
            lifeline, ours = os.pipe()
            resources.callback(os.close, ours)
            self.channel, theirs = socket.socketpair()
            resources.callback(self.channel.close)
            self.send(hello)  # waits in the channel: a child that dies at once cannot break it
            try:
                self.process = self._start(theirs.fileno(), lifeline)
            finally:
                theirs.close()
                os.close(lifeline)
            self.pidfd = os.pidfd_open(self.process.pid)
            resources.callback(os.close, self.pidfd)
            self._resources = resources.pop_all()

    def _start(self, channel: int, lifeline: int) -> subprocess.Popen[bytes]:
        module = "video_assets.workers.child"
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(channel), str(lifeline), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            cwd="/",
            env={"OPENBLAS_NUM_THREADS": "1", **_environment(), _MARKER: self.marker},  # see `interpreter`
            pass_fds=(channel, lifeline),
            start_new_session=True,
        )

    def send(self, message: Hello | Call) -> None:
        """Send one message and forget what the worker said on standard error before.

        Raises:
            OSError: the worker is gone or does not read.
        """
        os.ftruncate(self._stderr, 0)
        os.lseek(self._stderr, 0, os.SEEK_SET)
        self.channel.settimeout(_SEND_TIMEOUT_S)
        self.channel.sendall(line_of(message))
        self.channel.setblocking(False)

    def receive(self) -> tuple[list[Answer], bool]:
        """Messages that have arrived whole, and whether more can come.

        Raises:
            ProtocolError: what came is no message, or has no end.
        """
        is_open = True
        try:
            while is_open and len(self._received) <= _MAX_ANSWER_BYTES:
                block = self.channel.recv(1 << 16)
                self._received += block
                is_open = bool(block)
        except BlockingIOError:
            pass
        except ConnectionResetError:
            is_open = False
        *lines, self._received = self._received.split(b"\n")
        if len(self._received) > _MAX_ANSWER_BYTES:
            raise ProtocolError(f"answered more than {_MAX_ANSWER_BYTES} bytes")
        return [read_answer(line) for line in lines], is_open

    def last_words(self, max_bytes: int = 500) -> str:
        """The end of what the worker wrote to standard output and error since the last message to it."""
        start = max(0, os.fstat(self._stderr).st_size - max_bytes)
        return os.pread(self._stderr, max_bytes, start).decode(errors="replace").strip()

    def exit_code(self) -> int:
        """How a dead worker ended, negative for a signal; it stays a zombie, so that the number of its group stays ours."""
        end = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOWAIT)
        if end is None:
            raise RuntimeError(f"process {self.process.pid} is still running")
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def kill(self) -> None:
        """Kill the worker and all that it started, also what left its process group; do not wait (a dead mount can hold it)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        kill_marked(self.marker)

    def close(self) -> None:
        """Close all descriptors."""
        self._resources.close()


def kill_marked(marker: str) -> None:
    """Kill every process whose environment carries `marker`: children that fled from their group with setsid(2)."""
    needle = f"{_MARKER}={marker}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # Processes end while we look, and those of other users cannot be read: none of them is ours.
        with contextlib.suppress(OSError):
            if needle in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)}
