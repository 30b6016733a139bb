"""Parquet files that the disk has torn or changed, told from a storage that fails.

Pages have Parquet's own checksums, which Arrow compares when it is asked to. The footer has none, so files of ours have its hash
before it, where readers of Parquet do not look.
Belongs here: what damage is. Does not belong here: what is done about it (each stage knows).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

_SEAL = b"xxh3"
_SEAL_BYTES = len(_SEAL) + 8
_END_BYTES = 8  # the footer's length and the magic


class DamagedTableError(ValueError):
    """A file is no whole Parquet table; the message names it and what to do."""

    def __init__(self, path: Path, why: str) -> None:
        self.why = why
        super().__init__(f"{path}: not a readable table ({why}); delete it and materialize its asset again")


def seal_of(footer: bytes) -> bytes:
    """What is written before a footer, so that a change in it is noticed."""
    return _SEAL + xxhash.xxh3_64_digest(footer)


@contextmanager
def whole_table(path: Path) -> Iterator[None]:
    """Make sure of the footer of `path`; what Arrow says of its bytes inside the block is a `DamagedTableError` too.

    Arrow says `OSError` of bytes that it cannot parse or decompress, without a number; a storage that fails gives one.

    Raises:
        FileNotFoundError: nothing there.
        DamagedTableError: see above.
    """
    _refuse_other_footer(path)
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
            raise
        raise DamagedTableError(path, " ".join(str(error).split())) from error


@contextmanager
def open_whole(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file whose damage is noticed, also in what is read later in the block.

    Raises:
        FileNotFoundError, DamagedTableError: as `whole_table`.
    """
    with whole_table(path), pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
        yield file


def _refuse_other_footer(path: Path) -> None:
    """Files without a seal are of other programs and earlier versions; of what is no Parquet file Arrow says so."""
    with path.open("rb") as file:
        end = file.seek(0, 2) - _END_BYTES
        file.seek(max(end, 0))
        (n_bytes,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
        if end - n_bytes < _SEAL_BYTES:
            return
        file.seek(end - n_bytes - _SEAL_BYTES)
        seal, footer = file.read(_SEAL_BYTES), file.read(n_bytes)
    if seal.startswith(_SEAL) and seal != seal_of(footer):
        raise DamagedTableError(path, "its footer is not the one that was written")
