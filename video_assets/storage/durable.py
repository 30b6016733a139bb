"""Files that survive: every write is draft, fsync, rename. Whoever names the drafts also removes those that a kill left behind.

Belongs here: bytes on disk, under one name while they are being written. Does not belong here: Parquet (`storage.tables`), which
file lies where (`storage.layout`).
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import xxhash

from video_assets.storage.layout import Layout

_DRAFT = ".draft-"
_FOLDERS = ("raw", "metadata", "filter", "decode", "training", "takedown", "listings")


def draft_of(path: Path) -> Path:
    """A name beside `path` that nobody else uses, for what will become `path`."""
    return path.with_name(f"{_DRAFT}{path.name}-{os.getpid()}-{secrets.token_hex(4)}")


def is_draft(name: str) -> bool:
    """True for the name of a file or folder that was being written."""
    return name.startswith(_DRAFT)


@contextmanager
def durable_write(path: Path, *, is_same_kept: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` whole (fsynced, renamed) when the block ends without an exception, or not at all.

    With `is_same_kept` a file that has these bytes already stays as it is: nothing reaches the disk, its time does not change.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            if is_same_kept and _is_same(draft, path):
                draft.unlink()
                return
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def _is_same(draft: Path, path: Path) -> bool:
    try:
        return draft.stat().st_size == path.stat().st_size and hash_file(draft) == hash_file(path)
    except FileNotFoundError:
        return False


def fsync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small UTF-8 file durably; one that says so already stays as it is."""
    with durable_write(path, is_same_kept=True) as file:
        file.write(text.encode())


def hash_file(path: Path) -> str:
    """xxh3-128 of a file's bytes, 32 hex digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def identity(stat: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from another one under its name: inode, bytes, time of the last change."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def remove_old_drafts(layout: Layout, *, older_than_s: float = 24 * 3600.0) -> int:
    """Delete draft files that nobody has written to for a day; returns how many. Draft folders are `publish.versions`' own."""
    doomed = [path for path, age_s in _drafts(layout) if age_s > older_than_s]
    for path in doomed:
        path.unlink(missing_ok=True)
    return len(doomed)


def n_drafts(layout: Layout) -> int:
    """How many files are being written now, or were when a run was killed."""
    return sum(1 for _ in _drafts(layout))


def _drafts(layout: Layout) -> Iterator[tuple[Path, float]]:
    """Draft files, and the seconds since the last change."""
    for path in [path for folder in _FOLDERS for path in (layout.root / folder).rglob(f"{_DRAFT}*")]:
        with suppress(FileNotFoundError):  # renamed by whoever writes it
            if path.is_file():
                yield path, time.time() - path.stat().st_mtime
