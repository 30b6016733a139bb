"""One clip as libav reads it: a Python file object that hashes what passes and remembers what the storage did wrong.

Belongs here: bytes of one open file. Does not belong here: what the bytes mean (`decode`, `probe`).
"""

import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

import xxhash

MAX_WINDOW_BYTES = 1 << 20
_MIN_WINDOW_BYTES = 1 << 15


class StorageError(Exception):
    """The storage did not deliver the file; says nothing about the clip. The message names errno and path."""


class NotAFileError(Exception):
    """The path is a folder, a pipe, a socket or a device."""


class ClipFile:
    """A regular file, read at most once in sequence, for `av.open`.

    `read` and `seek` are called by libav. Reads start small after a jump and double while they stay in sequence (32 KiB to
    1 MiB), so that a badly interleaved clip does not make us read a megabyte per packet.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.trouble: str = ""
        self.name = "clip" + _harmless_suffix(path)
        self._position = 0
        self._last_end = -1
        self._window = _MIN_WINDOW_BYTES
        self._hash = xxhash.xxh3_128()
        self._hashed = 0
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            self.status = os.fstat(self._descriptor)
        except (OSError, ValueError) as error:
            self.close()
            if _is_socket(error, path):
                raise NotAFileError(f"{path}: not a regular file") from error
            raise StorageError(_words(error, path)) from error
        if not stat.S_ISREG(self.status.st_mode):
            self.close()
            raise NotAFileError(f"{path}: not a regular file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes when the file was opened."""
        return self.status.st_size

    def close(self) -> None:
        """Give the descriptor back; harmless when done twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, n_bytes: int) -> bytes:
        """Up to `n_bytes` from the current position; b"" at the end of the file."""
        is_sequential = self._position == self._last_end
        self._window = min(self._window * 2, MAX_WINDOW_BYTES) if is_sequential else _MIN_WINDOW_BYTES
        data = self._pread(min(n_bytes, self._window), self._position)
        self._digest(data)
        self._position += len(data)
        self._last_end = self._position
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; returns the new position in bytes from the start, or a negative errno when that would be before it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            return -errno.EINVAL  # libav's way to hear of an error: a broken clip asked for it, the storage is innocent
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Current position, bytes from the start."""
        return self._position

    def peek(self, n_bytes: int, position: int = 0) -> bytes:
        """Bytes from anywhere in the file (fewer at its end), without moving.

        Raises:
            StorageError: the storage did not deliver them.
        """
        try:
            return self._pread(n_bytes, position)
        except OSError as error:
            raise StorageError(self.trouble) from error

    def content_hash(self) -> str:
        """Xxh3-128 of the whole file, 32 hex digits; reads only what was not read in sequence before.

        Raises:
            StorageError: the storage did not deliver the rest.
        """
        self._position = self._hashed
        try:
            while self._hashed < self.size and self.read(MAX_WINDOW_BYTES):
                pass
        except OSError as error:
            raise StorageError(self.trouble) from error
        return self._hash.hexdigest()

    def check_unchanged(self) -> None:
        """Make sure that what was read is what the path still leads to; links are followed.

        Raises:
            StorageError: a read failed or was short; or, while it was read, the file's size or modification time changed, it was
                deleted, or another file took its place.
        """
        self.trouble = self.trouble or self._change()
        if self.trouble:
            raise StorageError(self.trouble)

    def _change(self) -> str:
        """What happened to the file since it was opened; "" for nothing."""
        try:
            open_one = os.fstat(self._descriptor)
            named = os.stat(self.path)  # noqa: PTH116 - see _harmless_suffix
        except (FileNotFoundError, NotADirectoryError):
            return f"{self.path}: deleted or moved while it was read"
        except OSError as error:
            return _words(error, self.path)
        if not os.path.samestat(open_one, named):
            return f"{self.path}: replaced by another file while it was read"
        if (open_one.st_size, open_one.st_mtime_ns) != (self.size, self.status.st_mtime_ns):
            return f"{self.path}: changed while it was read (it had {self.size} bytes, now {open_one.st_size})"
        return ""

    def _pread(self, n_bytes: int, position: int) -> bytes:
        wanted = max(min(n_bytes, self.size - position), 0)
        try:
            data = os.pread(self._descriptor, wanted, position)
            while 0 < len(data) < wanted and (more := os.pread(self._descriptor, wanted - len(data), position + len(data))):
                data += more
        except OSError as error:
            self.trouble = self.trouble or _words(error, self.path)
            raise
        if len(data) < wanted:
            self.trouble = f"{self.path}: the storage delivered {position + len(data)} of {self.size} bytes"
            raise OSError(errno.EIO, self.trouble)
        return data

    def _digest(self, data: bytes) -> None:
        start = self._hashed - self._position
        if 0 <= start < len(data):
            self._hash.update(memoryview(data)[start:])
            self._hashed += len(data) - start


def _harmless_suffix(path: str) -> str:
    suffix = os.path.splitext(path)[1][1:]  # noqa: PTH122 - Path() refuses names with NUL, which must become a verdict
    return f".{suffix}" if suffix.isascii() and suffix.isalnum() and len(suffix) <= 10 else ""


def _is_socket(error: OSError | ValueError, path: str) -> bool:
    """True for what is no file and cannot even be opened."""
    return isinstance(error, OSError) and error.errno == errno.ENXIO and Path(path).is_socket()


def _words(error: OSError | ValueError, path: str) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"{errno.errorcode.get(error.errno, error.errno)}: {os.strerror(error.errno)}: {path}"
    return f"{error}: {path!r}"
