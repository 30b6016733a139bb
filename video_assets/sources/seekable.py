"""Read-only files whose bytes come from elsewhere: the position, seeking and reading, once for all of them.

Belongs here: positions. Does not belong here: where bytes come from (`sources.hub`, `sources.web`, `sources.openvid.opening`).
"""

import errno
import io
from abc import abstractmethod
from typing import Any


class SeekableReader(io.RawIOBase):
    """A file of `size` bytes; a subclass says what the bytes are (`_read_some`)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._position = 0

    @abstractmethod
    def _read_some(self, n_bytes: int) -> bytes | memoryview:
        """At least one and at most `n_bytes` bytes from `_position` on; none only when the file ends before its `size`."""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The byte that is read next."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a byte; costs nothing until the next read.

        Raises:
            OSError: before the first byte, as of a file on the disk.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, f"no byte {base + offset}: before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill a part of `buffer`, at least one byte unless at the end."""
        n_left = min(len(buffer), self.size - self._position)
        part = self._read_some(n_left) if n_left > 0 else b""
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def read(self, size: int | None = -1, /) -> bytes:
        """Exactly `size` bytes (all when negative), fewer only at the end: zipfile takes fewer for a torn archive."""
        n_left = max(0, self.size - self._position)
        n_left = n_left if size is None or size < 0 else min(size, n_left)
        parts = []
        while n_left > 0 and (part := self._read_some(n_left)):
            parts.append(part)
            self._position += len(part)
            n_left -= len(part)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
