"""Whether archives of another data set would take the place of those whose clips are here.

Belongs here: that refusal. Does not belong here: a new commit of the same data set, whose archives do replace older ones
(`sources.openvid.plan`), listings (`sources.openvid.listing`).
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from video_assets.core.errors import SourceError
from video_assets.core.json_values import read_value
from video_assets.sources.fetching.current import Listings
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError


class _Archive(NamedTuple):
    """An archive: of which data set (or folder), by which pattern, and the sha256 of its pieces."""

    repo: str
    pattern: str
    sha256s: tuple[str | None, ...]


def refuse_another(layout: Layout, source: str, listing: Listing, listings: Listings) -> None:
    """Days of downloads are not deleted because a setting names other archives now, perhaps by mistake.

    Archives with the same bytes, as of a copy of the data set, are no others. Folders of mode "local" are not compared:
    nothing says whether they hold the same data set.

    Raises:
        SourceError: an archive of `listing` is called as one of another data set, or by another pattern, whose clips are here.
    """
    for archive in listing.archives:
        folder, now = layout.clips_folder(source, archive), _as_listed(listing, archive)
        if not folder.exists() or not any(folder.iterdir()):
            continue
        for before in _before(FetchLedger(layout, source, archive), archive, listings):
            if before[:2] == now[:2] or before.repo.startswith("/") or _had(before, now, archive, listings):
                continue
            raise SourceError(
                f"{archive} of {now.repo} ({now.pattern}) is not that of {before.repo} ({before.pattern}), whose clips lie in "
                f"{folder}: they would be deleted. Correct openvid.repo or openvid.archive_pattern, or use another data root; or "
                f"delete {folder.parent} and {layout.fetches(source, archive).parent.parent} first"
            )


def _as_listed(listing: Listing, archive: str) -> _Archive:
    sha256s = tuple(piece.sha256 for piece in listing.pieces(archive)) if archive in listing.archives else ()
    return _Archive(listing.repo, listing.pattern, sha256s)


def _had(before: _Archive, now: _Archive, archive: str, listings: Listings) -> bool:
    """The data set of now has just these bytes, or had them at an earlier commit: it is a copy of the one before."""
    known = (_read(listings, revision) for revision in listings.revisions())
    every = [now, *(_as_listed(one, archive) for one in known if one is not None)]
    return None not in before.sha256s and any(one[:2] == now[:2] and one.sha256s == before.sha256s for one in every)


def _read(listings: Listings, revision: str) -> Listing | None:
    with suppress(StageError):
        return listings.read(revision, Listing.from_json)
    return None


def _before(ledger: FetchLedger, archive: str, listings: Listings) -> Iterator[_Archive]:
    """The archives that the clips came from. Of a first run that was killed, as the listings of its lines say."""
    with suppress(ValueError):  # a torn ledger: the archive is not fetched, so nothing is deleted
        note = ledger.note()
        if "repo" in note:
            sha256s = read_value(list[str | None], note.get("archive"))
            yield _Archive(str(note["repo"]), str(note["pattern"]), tuple(sha256s))
            return
        revisions = [note["revision"]] if "revision" in note else ledger.read()["revision"].drop_duplicates().tolist()
        for revision in revisions:
            if (listing := _read(listings, str(revision))) is not None:
                yield _as_listed(listing, archive)
