"""Where the bytes of an OpenVid archive come from, by `openvid.mode`: the hub by ranges, zips that are kept, zips that are here.

Belongs here: opening. Does not belong here: reading archives (`sources.openvid.zip_members`), connections (`sources.hub.stream`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from video_assets.core.errors import SourceError
from video_assets.settings.sources import OpenVid
from video_assets.sources.hub.download import download
from video_assets.sources.hub.ranged_file import open_ranged
from video_assets.sources.hub.rules import Listing
from video_assets.sources.openvid.listing import hub_repo
from video_assets.sources.openvid.local_pieces import LocalPieces
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
