"""One file of the hub onto the disk, resumable and verified.

Belongs here: drafts, hashes, room. Does not belong here: connections (`sources.hub.stream`), reading archives without storing
them (`sources.hub.ranged_file`).
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from video_assets.core.fetch_errors import ChecksumError, NoRangesError
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.parallel_stream import open_stream
from video_assets.sources.hub.repo import HubRepo
from video_assets.storage.durable import fsync_folder
from video_assets.storage.space import explained_space, require_space

_log = logging.getLogger(__name__)
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Download:
    """A verified file; `n_bytes_fetched` is 0 when it was there already."""

    path: Path
    n_bytes_fetched: int


def download(
    repo: HubRepo,
    file: HubFile,
    path: Path,
    *,
    on_bytes: Callable[[int], None] | None = None,
    connections: Connections | None = None,
) -> Download:
    """Bring `file` to `path`, whole and with the listed hash, or not at all.

    `repo.revision` must be the commit of the listing. What a killed download has left is checked and continued. Two writers of
    one `path` must be kept apart by the caller (`storage.leases`). `on_bytes` is told how many more bytes have arrived;
    a large file comes over several `connections` (None: over one).

    Raises:
        FetchError: see its subclasses; `ChecksumError` after a second download from the first byte.
        OSError: the disk failed.
    """
    if path.exists() and path.stat().st_size == file.size and _hash_of_file(path, file) == file.identity:
        return Download(path=path, n_bytes_fetched=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_path(path, file)
    _remove_other_drafts(draft)
    n_here = min(draft.stat().st_size, file.size) if draft.exists() else 0
    require_space(path.parent, file.size - n_here, purpose=f"the download of {file.path}")
    n_bytes_fetched = 0
    for is_last in (False, True):
        with explained_space(path.parent, purpose=f"the download of {file.path}"):
            found, n_bytes = _fetch(repo, file, draft, on_bytes, connections)
        n_bytes_fetched += n_bytes
        if found == file.identity:
            break
        draft.unlink()
        if is_last:
            raise ChecksumError(
                f"{file.path} of {repo}: arrived twice with other contents than listed (found {found[:12]}..., listed "
                f"{file.identity[:12]}...). Is there a proxy or mirror in between that changes files? Nothing was kept"
            )
        _log.warning("%s: the contents are not those of the listing; downloaded once more from the first byte", file.path)
    draft.replace(path)
    fsync_folder(path.parent)
    return Download(path=path, n_bytes_fetched=n_bytes_fetched)


def draft_path(path: Path, file: HubFile) -> Path:
    """Where an unfinished download of these contents lies: other contents, and other names, have another draft.

    Names may be as long as the disk allows, and begin alike: a draft has the first letters of one for people, and its hash.
    """
    name = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    return path.with_name(f".{path.name[:20]}.{name}.{file.identity[:16]}.part")


def _remove_other_drafts(draft: Path) -> None:
    """Delete what was begun of other contents under the same name; nobody will continue it."""
    start = draft.name[: -len(".0123456789abcdef.part")]
    for path in draft.parent.glob(".*.part"):
        if path != draft and re.fullmatch(re.escape(start) + r"\.[0-9a-f]{16}\.part", path.name):
            path.unlink(missing_ok=True)


def _fetch(
    repo: HubRepo, file: HubFile, draft: Path, on_bytes: Callable[[int], None] | None, connections: Connections | None
) -> tuple[str, int]:
    """Complete the draft; returns its hash and the bytes that came over the wire."""
    if connections is not None:
        with suppress(NoRangesError):  # such a server gives a file over one connection, from its first byte
            return _complete(repo, file, draft, on_bytes, connections)
    return _complete(repo, file, draft, on_bytes, None)


def _complete(
    repo: HubRepo, file: HubFile, draft: Path, on_bytes: Callable[[int], None] | None, connections: Connections | None
) -> tuple[str, int]:
    digest = _new_hash(file)
    with draft.open("ab") as target:
        if target.tell() > file.size:  # of no use, and appending would not mend it
            target.truncate(0)
        n_here = _hash_into(digest, draft)
        with open_stream(repo, file, connections, start=n_here, max_discard_bytes=0 if connections else None) as stream:
            while block := stream.read():
                target.write(block)
                digest.update(block)
                if on_bytes is not None:
                    on_bytes(len(block))
        _sync(target)
        return digest.hexdigest(), stream.n_bytes_fetched


def _sync(target: IO[bytes]) -> None:
    target.flush()
    os.fsync(target.fileno())


def _hash_of_file(path: Path, file: HubFile) -> str:
    digest = _new_hash(file)
    _hash_into(digest, path)
    return digest.hexdigest()


def _new_hash(file: HubFile) -> Any:
    """sha256 where the hub tells it; else git's own hash of a file."""
    if file.sha256 is not None:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)


def _hash_into(digest: Any, path: Path) -> int:
    n_bytes = 0
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
            n_bytes += len(block)
    return n_bytes
