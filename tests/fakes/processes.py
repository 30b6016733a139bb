"""Whether processes are dead. A zombie is: who reaps it, and when, is not ours to say."""

import time

import psutil


def is_dead(pid):
    """True when no such process runs any more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def survivors(pids, *, timeout_s=2.0):
    """Those of `pids` that still run after `timeout_s` seconds; returns as soon as there are none."""
    deadline = time.monotonic() + timeout_s
    while alive := [pid for pid in pids if not is_dead(pid)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return alive
