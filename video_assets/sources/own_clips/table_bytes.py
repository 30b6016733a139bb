"""What captions tables are by their bytes. A table of a gigabyte is read once for all who ask during a listing.

Belongs here: hashes of tables and of what they begin with. Does not belong here: what follows from them
(`sources.own_clips.unchanged`, `sources.own_clips.grown`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import xxhash

from video_assets.storage.durable import identity

_BLOCK = 1 << 22


@dataclass(frozen=True)
class Contents:
    """Hash and number of lines of some bytes; `is_whole` when they end with a line feed."""

    content: str
    n_lines: int
    is_whole: bool


@dataclass(frozen=True)
class TableContents:
    """A table as it was read: which file it was then, all of its bytes, and those up to the mark; None: it is shorter."""

    seen: tuple[int, int, int]
    every: Contents
    head: Contents | None


class TableBytes:
    """Tables by path. What was read stays as it was; whoever needs to know compares `seen` with the file of now.

    `mark`: so many bytes from the beginning are hashed by themselves, too.
    """

    def __init__(self, mark: int = 0) -> None:
        self._mark = mark
        self._known: dict[Path, TableContents] = {}

    def of(self, path: Path) -> TableContents:
        """What the table was when it was asked for first.

        Raises:
            OSError: it cannot be read.
        """
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: Path) -> TableContents:
        digest, n_lines, left, last = xxhash.xxh3_128(), 0, self._mark, b""
        head = None
        with path.open("rb") as file:
            seen = identity(os.fstat(file.fileno()))
            while block := file.read(min(left, _BLOCK) if left else _BLOCK):
                digest.update(block)
                n_lines += block.count(b"\n")
                last = block[-1:]
                if left:
                    left -= len(block)
                    head = None if left else Contents(digest.hexdigest(), n_lines, last == b"\n")
        return TableContents(seen, Contents(digest.hexdigest(), n_lines, last == b"\n"), head)
