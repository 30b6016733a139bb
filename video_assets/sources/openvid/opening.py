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
from typing import IO, Protocol

from video_assets.core.errors import SourceError
from video_assets.settings.sources import OpenVid
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.download import download
from video_assets.sources.hub.ranged_file import open_ranged
from video_assets.sources.openvid.listing import hub_repo
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.sources.openvid.zip_members import Readable
from video_assets.sources.seekable import SeekableReader
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
    layout: Layout,
    openvid: OpenVid,
    listing: Listing,
    archive: str,
    *,
    on_bytes: Callable[[int], None],
    connections: Connections | None = None,
) -> Iterator[ArchiveFile]:
    """The archive as one file; in mode "archive" it is downloaded and verified first (`on_bytes` is told how it goes).

    `connections` bounds how many requests are under way at once; None: one.

    Raises:
        FetchError: the hub does not give it; see the subclasses.
        SourceError: mode "local", and a piece is not in the folder.
    """
    pieces = listing.pieces(archive)
    repo = hub_repo(openvid).at(listing.revision)
    if openvid.mode == "stream":
        with open_ranged(repo, pieces, connections=connections) as ranged:
            yield ranged
        return
    if openvid.mode == "archive":
        folder = layout.archives_folder(openvid.source_name)
        paths = [
            download(repo, piece, folder / Path(piece.path).name, on_bytes=on_bytes, connections=connections).path
            for piece in pieces
        ]
    else:
        paths = [Path(openvid.folder or "") / piece.path for piece in pieces]
    if missing := [path for path in paths if not path.is_file()]:
        raise SourceError(f"{missing[0]} was listed and is not there any more: put it back, or materialize openvid_listing again")
    with LocalPieces(paths) as local:
        yield local


class LocalPieces(SeekableReader):
    """The files `paths` in this order, read-only.

    Raises:
        OSError: a piece cannot be opened or read.
    """

    n_bytes_fetched = 0

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[IO[bytes]] = []  # close() looks at it, also when the next piece cannot be opened
        self._files.extend(path.open("rb", buffering=0) for path in paths)
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._starts = [0, *accumulate(sizes)][:-1]
        super().__init__(sum(sizes))

    def _read_some(self, n_bytes: int) -> bytes:
        piece = bisect_right(self._starts, self._position) - 1
        self._files[piece].seek(self._position - self._starts[piece])
        return self._files[piece].read(n_bytes)

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
        super().close()
