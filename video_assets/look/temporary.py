"""A folder for files of one running page, in the machine's temporary folder; those of pages that were killed go.

At a million clips such a folder is nearly a gigabyte, and a page that is killed cannot remove its own.
Belongs here: making and removing it. Does not belong here: what lies in it (`look.catalogue`).
"""

import fcntl
import logging
import shutil
import tempfile
from pathlib import Path

_PREFIX = "video-assets-look-"
_LOCK = "in-use"
log = logging.getLogger(__name__)


class TemporaryFolder:
    """One folder, locked as long as this process lives; the kernel opens the lock, however the process ends."""

    def __init__(self) -> None:
        """Remove what dead processes left, then make one."""
        remove_left_over()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = (self.path / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove it with all that lies in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_left_over() -> None:
    """Remove folders that nobody holds; those of other users stay, and one whose lock is not there yet is being made."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)
        except BlockingIOError:
            continue
        except OSError as error:
            log.info("%s stays: %s", lock.parent, error)
