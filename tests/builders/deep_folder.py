"""Folders so deep that what lies in them has a longer path than the system allows."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = os.pathconf("/", "PC_PATH_MAX") - 1
_NAME = 99


@contextmanager
def deep_folder(folder: Path, n_chars: int) -> Iterator[int]:
    """A folder below `folder` whose path has `n_chars` characters, open; all of it is removed afterwards."""
    n_left = n_chars - len(str(folder))
    n_names = n_left // (_NAME + 1)
    sizes = [*[_NAME] * (n_names - 1), n_left - (n_names - 1) * (_NAME + 1) - 1]
    here = os.open(folder, os.O_RDONLY)
    try:
        for size in sizes:
            os.mkdir("d" * size, dir_fd=here)
            here, above = os.open("d" * size, os.O_RDONLY, dir_fd=here), here
            os.close(above)
        yield here
    finally:
        os.close(here)
        shutil.rmtree(folder)
