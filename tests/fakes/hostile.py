"""Functions that worker processes run in tests: each does to its worker what a hostile or broken clip could do."""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_KEPT = []


def behave(how="echo", **kwargs):
    """Run the function named `how`."""
    return globals()[how](**kwargs)


def echo(**kwargs):
    return {**kwargs, "pid": os.getpid()}


def segfault():
    ctypes.string_at(0)


def spin():
    while True:
        pass


def sleep(seconds=3600.0):
    time.sleep(seconds)
    return {"slept_s": seconds}


def burn(cpu_s):
    end = time.process_time() + cpu_s
    while time.process_time() < end:
        pass
    return {"pid": os.getpid()}


def fork_and_wait():
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    time.sleep(3600)


def allocate_64_gb():
    return {"size": len(bytearray(64 << 30))}


def allocate_step_by_step():
    blocks = []
    while True:
        blocks.append(bytearray(16 << 20))


def fail_with_enomem():
    raise OSError(12, "Cannot allocate memory")


def leave():
    os._exit(7)


def leave_politely():
    sys.exit("good bye")


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_with_odd_signal():
    os.kill(os.getpid(), 40)


def abort():
    os.write(2, b"Assertion size > 0 failed at somewhere.c:12\n")
    os.abort()


def raise_error():
    raise ValueError("this clip is\nnot what it seems")


def fork_and_stay():
    """The child holds the worker's channel and never ends."""
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    return {}


def fork_and_flee(pid_file):
    """The grandchild leaves session and group, and its parent dies."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(pid_file).write_text(str(os.getpid()))
            time.sleep(3600)
        os._exit(0)
    while not Path(pid_file).exists():
        time.sleep(0.01)
    return {}


def fork_and_die(pid_file):
    """The grandchild leaves session and group and holds the channel; then the worker dies."""
    fork_and_flee(pid_file)
    os._exit(9)


def fork_and_return():
    """Both return."""
    os.fork()
    return {"pid": os.getpid()}


def run_a_command():
    return {"exit_code": subprocess.run(["true"], check=True).returncode}


def print_much():
    os.write(1, b"to standard output\n")
    os.write(2, b"to standard error\n")
    return {"stdin": sys.stdin.read()}


def write_much():
    """One file beyond the limit that workers have."""
    descriptor = os.memfd_create("much")
    try:
        while True:
            os.write(descriptor, bytes(1 << 20))
    finally:
        os.close(descriptor)


def _descriptors():
    """Descriptors beyond standard error and what they are."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists the folder
            found[int(entry.name)] = str(entry.readlink())
    return {number: target for number, target in found.items() if number > 2 and not target.endswith("/fd")}


def _channel():
    return next(number for number, target in _descriptors().items() if target.startswith("socket:"))


def close_channel():
    os.close(_channel())
    time.sleep(3600)


def answer_nonsense(text):
    os.write(_channel(), text.encode() + b"\n")
    time.sleep(3600)


def answer_endlessly():
    channel = socket.socket(fileno=_channel())
    while True:
        channel.sendall(b"x" * 65536)


def answer_half():
    os.write(_channel(), b'{"id": ')
    os._exit(3)


def grow(n_bytes):
    _KEPT.append(bytearray(n_bytes))
    return {"pid": os.getpid()}


def describe():
    """What a decoder that was taken over would find."""
    return {
        "descriptors": sorted(target.split(":")[0] for target in _descriptors().values()),
        "environment": dict(os.environ),
        "cwd": str(Path.cwd()),
        "core_bytes": resource.getrlimit(resource.RLIMIT_CORE),
        "session": os.getsid(0),
        "pid": os.getpid(),
        "modules": sorted(sys.modules),
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
    }


def work(step, path, **_options):
    """Stands in for the work with a clip: the file's text says how to behave; a fingerprint is what it is."""
    if step == "fingerprint":
        status = Path(path).stat()
        return {"trouble": "", "file_size": status.st_size, "mtime_ns": status.st_mtime_ns, "ffmpeg_versions": "none"}
    return behave(**json.loads(Path(path).read_text()))


def answer(answer):
    return answer


def answer_later(seconds, answer):
    time.sleep(seconds)
    return answer


def need_memory(n_bytes, answer):
    return answer if bytearray(n_bytes) else {}


def die_once(marker, first, answer):
    """Behave badly the first time only."""
    if not Path(marker).exists():
        Path(marker).touch()
        behave(first)
    return answer


def remove_and_die(path):
    Path(path).unlink()
    os._exit(1)
