"""Files on this disk as one seekable file: the pieces of an archive, without joining them.

Belongs here: positions. Does not belong here: pieces on the hub (`sources.hub.ranged_file`), archives
(`sources.openvid.zip_members`).
"""

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Self


class LocalPieces:
    """The files `paths` in this order, read-only. `read(n)` gives n bytes except at the end.

    Raises:
        OSError: a piece cannot be opened or read.
    """

    n_bytes_fetched = 0

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [path.open("rb", buffering=0) for path in paths]
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._starts = [0, *accumulate(sizes)][:-1]
        self.size = sum(sizes)
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes from the position on; all of them when negative."""
        n_left = max(0, self.size - self._position)
        n_left = n_left if size < 0 else min(size, n_left)
        parts = []
        while n_left > 0:
            piece = bisect_right(self._starts, self._position) - 1
            self._files[piece].seek(self._position - self._starts[piece])
            part = self._files[piece].read(n_left)
            if not part:  # cut off since it was opened
                break
            parts.append(part)
            self._position += len(part)
            n_left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a byte."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek value {base + offset}")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The byte that is read next."""
        return self._position

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Nothing to prepare: see `RangedFile.expect`."""

    def finish_hashes(self) -> None:
        """Nothing is hashed here: see `RangedFile.finish_hashes`."""

    def forget(self) -> None:
        """Nothing is read ahead: see `RangedFile.forget`."""

    def hash_of(self, _piece: int, /) -> str | None:
        """Never known."""
        return None

    def close(self) -> None:
        """Close all pieces."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
