"""What this project's programs ask of the Python interpreter that runs them.

Belongs here: settings of the whole process. A library has no business with those, so only programs call this: the command line,
a task of Slurm, Dagster's processes for this code location. Does not belong here: limits of worker processes (`workers`).
"""

import atexit
import gc
import os

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


def all_is_loaded() -> None:
    """What is there now stays until the end of the process: the collector no longer looks through it."""
    gc.freeze()
