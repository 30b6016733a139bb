"""A worker process: takes one task at a time from the pool that started it, under limits that the kernel keeps.

Belongs here: what runs inside the child. Does not belong here: the pool (`workers.pool`), what the tasks do (the function that
the pool names). Imports only the standard library (and `workers.messages`): whatever else a worker needs comes with its function.

An exception of the function ends the worker: its traceback goes to the file that is standard error, where the pool reads it.
"""

import ctypes
import errno
import fcntl
import importlib
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_assets.workers.messages import Answer, line_of, read_call, read_hello

if TYPE_CHECKING:
    from video_assets.core.json_values import JsonObject

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# When memory runs out the kernel shall take a worker, not the program that started it. A container's processes can start with any
# score (a burstable pod's with up to 999), and without rights no process gets below the one that it was given.
_MIN_OOM_SCORE, _MORE_OOM_SCORE, _MAX_OOM_SCORE = 500, 100, 1000
_PAGE_BYTES = resource.getpagesize()


def main(arguments: list[str]) -> None:
    """Serve tasks until the pool closes the channel; arguments: descriptor of the channel, of the lifeline, pid of the parent."""
    channel_fd, lifeline_fd, parent_pid = (int(argument) for argument in arguments)
    _die_with_parent(parent_pid, lifeline_fd)
    channel = socket.socket(fileno=channel_fd)
    lines = channel.makefile("rb")
    hello = read_hello(lines.readline())
    _limit_process(hello.memory_bytes, hello.max_file_bytes)
    function = _load(hello.function, hello.sys_path)
    channel.sendall(line_of(Answer()))
    for line in lines:
        call = read_call(line)
        _limit_cpu(hello.cpu_s)
        channel.sendall(line_of(replace(_answer(function, call.kwargs), id=call.id, rss_bytes=_rss_bytes())))


def _answer(function: Callable[..., Any], kwargs: "JsonObject") -> Answer:
    pid = os.getpid()
    try:
        result = function(**kwargs)
    except MemoryError as error:
        return Answer(status="out_of_memory", detail=f"no more memory within the limit: {error}".rstrip(": "))
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        return Answer(status="out_of_memory", detail=f"no more memory within the limit: {error}")
    if os.getpid() != pid:
        os._exit(0)  # a copy that the function forked and let return: it must not answer for the worker
    if _has_children():
        return Answer(status="crashed", detail="left a process running")
    return Answer(status="done", result=result)


def _has_children() -> bool:
    """True when a process that the function started lives on; dead ones are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def _die_with_parent(parent_pid: int, lifeline_fd: int) -> None:
    """Let the kernel kill this worker, and all that it forks, when the parent dies in whatever way.

    Two ways, since each has a hole: the death signal is for this process alone; the lifeline (a pipe that hangs up when its last
    writer is gone, see F_SETSIG in fcntl(2)) takes the whole process group, but not while a fork of the parent holds the pipe.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGKILL)), (_PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if os.getppid() != parent_pid:
        raise SystemExit("the parent died before this worker was ready")


def _limit_process(memory_bytes: int, max_file_bytes: int | None) -> None:
    _lower(resource.RLIMIT_CORE, 0)
    if max_file_bytes is not None:
        _lower(resource.RLIMIT_FSIZE, max_file_bytes)
    _lower(resource.RLIMIT_AS, memory_bytes)
    score = Path("/proc/self/oom_score_adj")
    wanted = max(_MIN_OOM_SCORE, int(score.read_text(encoding="ascii")) + _MORE_OOM_SCORE)
    score.write_text(str(min(_MAX_OOM_SCORE, wanted)), encoding="ascii")


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def _limit_cpu(cpu_s: float) -> None:
    """Allow `cpu_s` more CPU seconds (rounded up to whole ones by the kernel's clock); then SIGXCPU ends the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(usage.ru_utime + usage.ru_stime + cpu_s)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _load(name: str, sys_path: Iterable[str]) -> Callable[..., Any]:
    sys.path.extend(entry for entry in sys_path if entry not in sys.path)
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _rss_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - once per task, and pathlib costs as much as the read
        return int(statm.read().split()[1]) * _PAGE_BYTES


if __name__ == "__main__":
    main(sys.argv[1:])
