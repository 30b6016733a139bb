"""Room on a disk, checked before it is needed.

Belongs here: free bytes and the error with the numbers. Does not belong here: how many bytes something takes.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from video_assets.core.fetch_errors import NoSpaceError

HEADROOM_BYTES = 256 << 20  # for tables and parts that are written meanwhile


def require_space(folder: Path, n_bytes: int, *, purpose: str, headroom_bytes: int = HEADROOM_BYTES) -> None:
    """Nothing when `n_bytes` and some headroom are free where `folder` lies or will lie.

    Raises:
        NoSpaceError: with the numbers.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < n_bytes + headroom_bytes:
        raise NoSpaceError(
            f"{purpose} takes {_gb(n_bytes)} and should leave {_gb(headroom_bytes)}, but {folder} has only {_gb(free)} free. "
            f"Free {_gb(n_bytes + headroom_bytes - free)}, ask for fewer clips, or put data_root on another disk"
        )


@contextmanager
def explained_space(folder: Path, *, purpose: str) -> Iterator[None]:
    """A disk that fills up inside the block is a `NoSpaceError`; `folder` lies on it."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        what = "the disk is full" if error.errno == errno.ENOSPC else "the quota is used up"
        free = shutil.disk_usage(folder).free
        raise NoSpaceError(f"{purpose}: {what} ({folder}, {_gb(free)} free). Free some; a later run goes on here") from error


def _gb(n_bytes: int) -> str:
    """Bytes for people, in powers of 1000, as disks are sold.

    >>> _gb(31_573_970_175), _gb(2_000)
    ('31.6 GB', '2.0 kB')
    """
    size, units = float(max(0, n_bytes)), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.1f} {units[0]}" if units[0] != "B" else f"{size:.0f} B"
