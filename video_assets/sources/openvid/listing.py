"""What OpenVid, or a data set of its shape, offers at one commit: `listings/<source>/<commit>.json`, and which one is current.

Belongs here: making, keeping and finding listings. Does not belong here: asking the hub (`sources.hub.repo`), recognizing
archives (`sources.openvid.rules.archive_names`), fetching anything.
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import NotOnHubError
from video_assets.settings.sources import OpenVid
from video_assets.sources.fetching.current import Listings
from video_assets.sources.hub.hub_file import HubFile, natural
from video_assets.sources.hub.repo import HubRepo, Patience
from video_assets.sources.openvid.replaced import refuse_another
from video_assets.sources.openvid.rules.archive_names import plan_archives
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

_log = logging.getLogger(__name__)


def hub_repo(openvid: OpenVid) -> HubRepo:
    """The data set that the settings name, at their revision; `.at(listing.revision)` for downloads."""
    return HubRepo(openvid.repo, revision=openvid.revision)


def head_commit(openvid: OpenVid) -> str:
    """The revision that a listing would have now: one request of one attempt, for sensors; in mode "local" a look at the folder.

    Raises:
        FetchError: no answer; the next tick asks again.
        SourceError: the local folder cannot be listed.
    """
    if openvid.mode == "local":
        return _revision_of(_local_files(openvid))
    return replace(hub_repo(openvid), patience=Patience(attempts=1), timeout_s=15.0).head_commit()


def refresh_listing(layout: Layout, openvid: OpenVid) -> Listing:
    """The listing of the newest commit, written to the disk and made the current one; asks nothing twice about one commit.

    Raises:
        FetchError: the hub did not answer, or has no such data set or no archive; the current listing stays.
        SourceError: the local folder cannot be listed, or has no archive; archives of another data set would replace those here.
    """
    listing = look_at_listing(layout, openvid)
    listings = _listings(layout, openvid)
    listings.write(listing.revision, listing.to_json())
    listed_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    listings.make_current(listing.revision, repo=listing.repo, listed_at=listed_at)
    return listing


def look_at_listing(layout: Layout, openvid: OpenVid) -> Listing:
    """As `refresh_listing`, and writes nothing."""
    listing = _list_folder(openvid) if openvid.mode == "local" else _list_hub(layout, openvid)
    if not listing.archives:
        raise _no_archive(listing)
    if openvid.mode != "local":
        refuse_another(layout, openvid.source_name, listing, _listings(layout, openvid))
    return listing


def read_listing(layout: Layout, openvid: OpenVid, revision: str | None = None) -> Listing:
    """The listing at `revision`, or the current one.

    Raises:
        StageError: not there, or not of the data set that the settings name.
    """
    listings = _listings(layout, openvid)
    listing = listings.read(revision or listings.current_revision(), Listing.from_json)
    wanted = str(openvid.folder) if openvid.mode == "local" else openvid.repo
    if (listing.repo, listing.pattern) != (wanted, openvid.archives_named):
        raise StageError(f"the listing of openvid is that of {listing.repo}, not of {wanted}: materialize openvid_listing")
    return listing


def _listings(layout: Layout, openvid: OpenVid) -> Listings:
    return Listings(layout, openvid.source_name, asset="openvid_listing")


def _list_hub(layout: Layout, openvid: OpenVid) -> Listing:
    repo = hub_repo(openvid)
    commit = repo.head_commit()
    if (known := _known(layout, openvid, commit)) is not None:
        return known
    files = repo.list_files(commit)
    return _listing(openvid, name=openvid.repo, revision=commit, files=files)


def _known(layout: Layout, openvid: OpenVid, commit: str) -> Listing | None:
    """A listing of this commit that an earlier run has written; anything else that lies there is written anew."""
    try:
        listing = read_listing(layout, openvid, commit)
    except StageError:
        return None
    return listing if listing.captions == _captions(openvid, listing.files) else None


def _listing(openvid: OpenVid, *, name: str, revision: str, files: Mapping[str, HubFile]) -> Listing:
    plan = plan_archives(files, pattern=openvid.archives_named)
    captions = _captions(openvid, files)
    warnings = plan.warnings if captions else (*plan.warnings, _no_captions(openvid, files))
    for warning in warnings:
        _log.warning("%s: %s", name, warning)
    return Listing(
        repo=name,
        revision=revision,
        pattern=openvid.archives_named,
        files=files,
        archives=plan.archives,
        unusable=plan.unusable,
        captions=captions,
        warnings=warnings,
    )


def _captions(openvid: OpenVid, files: Mapping[str, HubFile]) -> tuple[str, ...]:
    return (openvid.captions_path,) if openvid.captions_path in files else ()


def _no_captions(openvid: OpenVid, files: Mapping[str, HubFile]) -> str:
    tables = [path for path in files if path.endswith((".csv", ".csv.gz", ".parquet"))]
    return (
        f"no table of captions {openvid.captions_path}; name one in openvid.captions (there is {', '.join(tables[:5]) or 'none'})"
    )


def _no_archive(listing: Listing) -> NotOnHubError:
    zips = sorted((path for path in listing.files if ".zip" in path), key=natural)
    problem = next(iter(listing.unusable.values()), f"its {len(listing.files)} files match no {listing.pattern}.zip")
    return NotOnHubError(
        f"{listing.repo} at {listing.revision[:12]} has no archive that can be used: {problem}. Correct openvid.repo, family or "
        f"archive_pattern (zips that are there: {', '.join(zips[:3]) or 'none'})"
    )


# --- mode "local" ---------------------------------------------------------------------------------------------------------------


def _list_folder(openvid: OpenVid) -> Listing:
    files = _local_files(openvid)
    return _listing(openvid, name=str(openvid.folder), revision=_revision_of(files), files=files)


def _local_files(openvid: OpenVid) -> dict[str, HubFile]:
    """Files below the folder, known by size and time: hashing terabytes only to list them would take hours."""
    folder = Path(openvid.folder or "")
    if not folder.is_dir():
        raise SourceError(f"{folder}: openvid.folder is not a folder that can be read")
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found = path.stat()
            name = path.relative_to(folder).as_posix()
            files[name] = HubFile(path=name, size=found.st_size, sha256=None, git_oid=f"{found.st_size}-{found.st_mtime_ns}")
    return files


def _revision_of(files: Mapping[str, HubFile]) -> str:
    text = json.dumps([[path, file.git_oid] for path, file in files.items()])
    return "local-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:34]
