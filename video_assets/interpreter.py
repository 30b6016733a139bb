"""What this project's programs ask of the Python interpreter that runs them.

Belongs here: settings of the whole process. A library has no business with those, so only programs call this: the command line,
a task of Slurm, Dagster's processes for this code location. Does not belong here: limits of worker processes (`workers`).
"""

import atexit
import gc
import os
import sys

# Objects made before the youngest are looked through, and how many times that before older ones are. Python's own 700, 10, 10
# take a quarter of the CPU time of a command that loads Dagster: half a million objects of its modules, again and again.
_THRESHOLDS = 50_000, 10, 50


def settle() -> None:
    """Less work for the garbage collector, and no threads for linear algebra.

    A numpy that was imported before has its threads; those of processes started later have none.
    """
    gc.set_threshold(*_THRESHOLDS)
    # At the end Python would look through everything once more, only to free what the system is about to take back.
    atexit.register(gc.freeze)
    # Nothing here multiplies matrices; numpy's threads for it turn idly for a while in every process that imports it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def open_streams() -> None:
    """Standard streams that the caller has closed (`>&-`) lead nowhere from now on.

    Otherwise the next file that is opened would take their number, and what is started later would write its log into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: that of this stream
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def all_is_loaded() -> None:
    """What is there now stays until the end of the process: the collector no longer looks through it."""
    gc.freeze()
