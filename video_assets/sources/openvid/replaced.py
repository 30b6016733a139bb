"""Whether archives of another data set would take the place of those whose clips are here.

Belongs here: that refusal. Does not belong here: a new commit of the same data set, whose archives do replace older ones
(`sources.openvid.plan`), listings (`sources.openvid.listing`).
"""

from contextlib import suppress

from video_assets.core.errors import SourceError
from video_assets.sources.fetching.current import Listings
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError


def refuse_another(layout: Layout, source: str, listing: Listing, listings: Listings) -> None:
    """Days of downloads are not deleted because a setting names other archives now, perhaps by mistake.

    Archives with the same bytes, as of a copy of the data set, are no others. Folders of mode "local" are not compared:
    nothing says whether they hold the same data set.

    Raises:
        SourceError: an archive of `listing` is called as one of another data set, or by another pattern, whose clips are here.
    """
    of_revision: dict[str, Listing | None] = {}
    for archive in listing.archives:
        folder = layout.clips_folder(source, archive)
        if not folder.exists() or not any(folder.iterdir()):
            continue
        for revision in _revisions(layout, source, archive):
            if revision not in of_revision:
                of_revision[revision] = _read(listings, revision)
            before = of_revision[revision]
            if before is not None and _is_other(archive, before, listing):
                raise SourceError(
                    f"{archive} of {listing.repo} ({listing.pattern}) is not that of {before.repo} ({before.pattern}), whose "
                    f"clips lie in {folder}: they would be deleted. Correct openvid.repo or openvid.archive_pattern, or use "
                    f"another data root; or delete {folder.parent} and {layout.fetches(source, archive).parent.parent} first"
                )


def _revisions(layout: Layout, source: str, archive: str) -> list[str]:
    """The revision that an archive's clips are of; of a first run that was killed, as its lines say."""
    ledger = FetchLedger(layout, source, archive)
    told = ledger.note().get("revision")
    return [told] if isinstance(told, str) else ledger.read()["revision"].drop_duplicates().tolist()


def _read(listings: Listings, revision: str) -> Listing | None:
    with suppress(StageError):
        return listings.read(revision, Listing.from_json)
    return None


def _is_other(archive: str, before: Listing, now: Listing) -> bool:
    if (before.repo, before.pattern) == (now.repo, now.pattern) or before.revision.startswith("local-"):
        return False
    return archive not in before.archives or before.data_version(archive) != now.data_version(archive)
