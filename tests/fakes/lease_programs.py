"""Programs that take leases, for tests that stop, kill and race them; `start` runs one, its output is its answer."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from processes import is_dead

from video_assets.storage.leases import LeaseHeldError, LeaseLostError, acquire


def start(name, folder, stale_after_s, *arguments):
    """The program `name` below, its input and output pipes."""
    command = [sys.executable, __file__, name, str(folder), str(stale_after_s), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def tell(answer):
    """One line to whoever started this program."""
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def hold(folder, stale_after_s, run_id="abc"):
    """Take the lease, say so, and answer each line of input with whether it is still held."""
    with acquire(folder, stale_after_s=stale_after_s, run_id=run_id) as lease:
        tell("held")
        for _line in sys.stdin:
            try:
                lease.ensure()
                tell("held")
            except LeaseLostError as error:
                tell(error)


def take_turns(folder, stale_after_s, inside, n_turns, n_deaths):
    """Take the lease again and again; two at once in `inside` would be seen. Dies in the first `n_deaths` turns instead."""
    inside = Path(inside)
    for turn in range(int(n_turns)):
        with acquire(folder, stale_after_s=stale_after_s, patience_s=600) as lease:
            lease.ensure()
            if is_alone(inside) and turn >= int(n_deaths):
                inside.unlink()
            else:
                os.kill(os.getpid(), signal.SIGKILL)


def is_alone(inside):
    """Enter; a marker of somebody who lives is a violation, one of somebody who was killed is replaced."""
    try:
        with inside.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        other = inside.read_text()
        if not other or not is_dead(int(other)):
            sys.exit(f"two at once: {other} and {os.getpid()}")
        inside.write_text(str(os.getpid()))
    time.sleep(0.0005)
    return inside.read_text() == str(os.getpid())


def try_once(folder, stale_after_s, start_at):
    """At the moment `start_at` try to take the lease; keep it until the input ends."""
    time.sleep(max(0.0, float(start_at) - time.time()))
    try:
        lease = acquire(folder, stale_after_s=stale_after_s)
    except LeaseHeldError:
        tell("refused")
        return
    tell("held")
    sys.stdin.read()
    lease.release()


if __name__ == "__main__":
    _, program, place, seconds, *rest = sys.argv
    globals()[program](Path(place), float(seconds), *rest)
