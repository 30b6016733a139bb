"""Captions tables: CSV, TSV, JSON, Parquet, compressed or not; row by row, in bounded memory where the format allows it.

Belongs here: opening tables. Does not belong here: their formats (`sources.own_clips.csv_tables`,
`sources.own_clips.json_tables`, `sources.own_clips.parquet_tables`, `sources.own_clips.line_pairs`), columns
(`sources.own_clips.table_rows`), which file a row means (`sources.own_clips.places`).

A table that is not what it claims to be is refused as a whole with a `SourceError`: a guess would pair captions with wrong clips.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from video_assets.core.captions import CaptionRow
from video_assets.core.errors import SourceError
from video_assets.settings.sources import OwnClips
from video_assets.sources.fetching.csv_rows import in_groups, opened_unchanging
from video_assets.sources.own_clips.csv_tables import read_csv, read_csv_blocks
from video_assets.sources.own_clips.json_tables import read_json
from video_assets.sources.own_clips.line_pairs import read_line_pair
from video_assets.sources.own_clips.parquet_tables import read_parquet
from video_assets.sources.own_clips.scan import Scan
from video_assets.sources.own_clips.table_rows import CaptionBlock, TableOptions, TableStart

_GROUP = 16_384
_NO_ROWS = "the table has no rows; list at least one clip in it, or leave it away"
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def read_captions(path: Path, *, options: TableOptions, notes: list[str]) -> Iterator[CaptionRow]:
    """The rows of a captions table; what the user should know about how it was read is appended to `notes`.

    Raises:
        SourceError: missing, not readable, not of the format its name says, no such column, a broken row, no row at all.
        OSError: the storage failed.
    """
    reader, compression = _reader(path)
    n_rows = 0
    with _opened(path) as file, _decompressed(file, path, compression) as plain:
        for row in reader(plain, path, options, notes):
            n_rows += 1
            yield row
    if n_rows == 0:
        raise SourceError(f"{path}: {_NO_ROWS}")


def read_caption_blocks(
    path: Path, *, options: TableOptions, notes: list[str], start: TableStart | None = None
) -> Iterator[CaptionBlock | list[CaptionRow]]:
    """The rows of `read_captions` in their order, many at once; as columns where the format allows it, then from `start` on.

    Raises:
        SourceError, OSError: as `read_captions`; rows before the one that is wrong may have come.
    """
    reader, compression = _reader(path)
    if reader is not read_csv or compression is not None:
        yield from in_groups(read_captions(path, options=options, notes=notes), _GROUP)
        return
    is_empty = True
    with _opened(path) as file:
        for block in read_csv_blocks(file, path, options, notes, start):
            is_empty = False
            yield block
    if is_empty and start is None:
        raise SourceError(f"{path}: {_NO_ROWS}")


def _reader(path: Path) -> tuple["_Reader", str | None]:
    """How to read a table by its name, and how it is compressed."""
    compression = _COMPRESSED.get(path.suffix.lower())
    reader = _READERS.get((Path(path.stem) if compression else path).suffix.lower())
    if reader is read_parquet and compression is not None:
        raise SourceError(f"{path}: Parquet is compressed inside, and not read through {compression}; unpack it to {path.stem}")
    if reader is None and path.is_dir():
        raise SourceError(f"{path}: a folder, not a captions table; a folder of clips goes into own_clips.folder")
    if reader is None:
        endings = f"{', '.join(_READERS)} (and {', '.join(_COMPRESSED)} behind it)"
        raise SourceError(f"{path}: a captions table ends in {endings}; convert it to one of them")
    return reader, compression


def is_table(name: str) -> bool:
    """True when a file of this name can be named as a captions table.

    >>> is_table("captions.csv.gz"), is_table("clip.mp4")
    (True, False)
    """
    path = Path(name)
    return (Path(path.stem) if path.suffix.lower() in _COMPRESSED else path).suffix.lower() in _READERS


def tables_of(settings: OwnClips, scan: Scan, *, notes: list[str]) -> list[Path]:
    """The captions tables that were named, else those of the folder, the nearest to the clips first.

    Raises:
        SourceError: no table fits, or two of one folder do.
    """
    if settings.captions is not None:
        return tables_named(settings.captions)
    return [] if settings.folder is None else tables_found(settings.folder, scan.tables, notes=notes)


def tables_named(path: Path) -> list[Path]:
    """The tables that own_clips.captions means: one, or all that a pattern as `captions-*.parquet` fits, in order.

    Raises:
        SourceError: a pattern that fits no file.
    """
    if path.exists() or not any(char in path.name for char in "*?["):
        return [path]
    found = sorted(one for one in path.parent.glob(path.name) if one.is_file())
    if not found:
        raise SourceError(f"{path}: no captions table fits this pattern (own_clips.captions)")
    return found


def tables_found(folder: Path, names: list[str], *, notes: list[str]) -> list[Path]:
    """The tables of a folder of clips, the nearest to the clips first: `metadata.*`, else `captions.json`, else a pair of lists.

    Raises:
        SourceError: two `metadata.*` in one folder.
    """
    per_folder: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (not _is_metadata(name), name)):
        parent = name.rpartition("/")[0]
        if parent in per_folder and _is_metadata(name):
            raise SourceError(
                f"{folder}: both {per_folder[parent]} and {name}; keep one, or name the right one in own_clips.captions"
            )
        if _is_metadata(name) or _is_usable(folder / name, notes):
            per_folder.setdefault(parent, name)
    return [folder / name for name in sorted(per_folder.values(), key=lambda name: (-name.count("/"), name))]


def _is_metadata(name: str) -> bool:
    return name.rpartition("/")[2].startswith("metadata.")


def _is_usable(path: Path, notes: list[str]) -> bool:
    """A file that is a table only by its name, and may well be something else."""
    try:
        next(read_captions(path, options=TableOptions(), notes=[]))
    except SourceError as error:
        notes.append(f"not used: {error}")
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with opened_unchanging(path) as file:
            yield file
    except FileNotFoundError:
        raise SourceError(f"{path}: no such captions table") from None
    except IsADirectoryError:
        raise SourceError(f"{path}: a folder, not a captions table; a folder of clips goes into own_clips.folder") from None
    except PermissionError:
        raise SourceError(f"{path}: the captions table may not be read (permission denied)") from None


# --- compressed ---------------------------------------------------------------------------------------------------------------


@contextmanager
def _decompressed(file: IO[bytes], path: Path, compression: str | None) -> Iterator[IO[bytes]]:
    if compression is None:
        yield file
        return
    try:
        with io.BufferedReader(_Unpacked(file, compression), 1 << 20) as plain:
            yield plain
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SourceError(f"{path}: not readable as {compression} ({error}); compress the table again") from None


class _Unpacked(io.RawIOBase):
    """What a compressed file holds, from its beginning as often as one asks for that."""

    def __init__(self, file: IO[bytes], compression: str) -> None:
        super().__init__()
        self._file, self._compression = file, compression
        self._position = 0
        self._stream = self._from_start()

    def _from_start(self) -> Any:
        self._file.seek(0)
        return pa.CompressedInputStream(pa.PythonFile(_Borrowed(self._file), mode="r"), self._compression)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """To the start, or nowhere: nothing else is asked for."""
        if whence == io.SEEK_SET and offset == 0:
            self._stream, self._position = self._from_start(), 0
        elif whence != io.SEEK_CUR or offset != 0:
            raise io.UnsupportedOperation("a compressed table can only be read from its start")
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class _Borrowed:
    """A file that stays open when pyarrow is done with it."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Not ours."""


_Reader = Callable[[IO[bytes], Path, TableOptions, list[str]], Iterator[CaptionRow]]
_READERS: dict[str, _Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json,
    ".json": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".txt": read_line_pair,
}
