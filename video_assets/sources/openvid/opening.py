"""Where the bytes of an OpenVid archive come from, by `openvid.mode`: the hub by ranges, zips that are kept, zips that are here.

Belongs here: opening, and local pieces as one file. Does not belong here: reading archives (`sources.openvid.zip_members`),
connections (`sources.hub.stream`).
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from video_assets.core.errors import SourceError
from video_assets.settings.sources import OpenVid
from video_assets.sources.hub.download import download
from video_assets.sources.hub.ranged_file import open_ranged
from video_assets.sources.openvid.listing import hub_repo
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.sources.openvid.zip_members import Readable
from video_assets.storage.layout import Layout


class ArchiveFile(Readable, Protocol):
    """An archive, in as many pieces as it has. See `RangedFile`."""

    @property
    def n_bytes_fetched(self) -> int:
        """Bytes that came over the wire."""
        ...

    def expect(self, ranges: Sequence[tuple[int, int]], /) -> None:
        """Say what will be read."""
        ...

    def finish_hashes(self) -> None:
        """Read what is left of pieces that were read in order."""
        ...

    def forget(self) -> None:
        """Keep nothing that was read ahead."""
        ...

    def hash_of(self, piece: int, /) -> str | None:
        """sha256 of a piece that was read without a gap."""
        ...


@contextmanager
def open_archive(
    layout: Layout, openvid: OpenVid, listing: Listing, archive: str, *, on_bytes: Callable[[int], None]
) -> Iterator[ArchiveFile]:
    """The archive as one file; in mode "archive" it is downloaded and verified first (`on_bytes` is told how it goes).

    Raises:
        FetchError: the hub does not give it; see the subclasses.
        SourceError: mode "local", and a piece is not in the folder.
    """
    pieces = listing.pieces(archive)
    repo = hub_repo(openvid).at(listing.revision)
    if openvid.mode == "stream":
        with open_ranged(repo, pieces) as ranged:
            yield ranged
        return
    if openvid.mode == "archive":
        folder = layout.archives_folder(openvid.source_name)
        paths = [download(repo, piece, folder / Path(piece.path).name, on_bytes=on_bytes).path for piece in pieces]
    else:
        paths = [Path(openvid.folder or "") / piece.path for piece in pieces]
    if missing := [path for path in paths if not path.is_file()]:
        raise SourceError(f"{missing[0]} was listed and is not there any more: put it back, or materialize openvid_listing again")
    with LocalPieces(paths) as local:
        yield local


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
