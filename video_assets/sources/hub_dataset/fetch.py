"""Files of a data set on the hub into the data root: single files as they are, shards unpacked; none of them twice.

Belongs here: what is missing, fetching it, removing what the data set no longer has. Does not belong here: which files are wanted
(`sources.hub_dataset.rules`), requests (`sources.hub`), what clips and captions mean (`sources.hub_dataset.listing`).
"""

import json
import shutil
from collections.abc import Callable, Container, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from video_assets.core.errors import MendableError
from video_assets.core.fetch_errors import FetchError, OtherFileError, RateLimitedError, UnreachableError
from video_assets.core.units import count, size
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.download import download
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub_dataset.rules import Wanted
from video_assets.sources.webdataset.unpack import read_note, unpack
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.space import explained_space, require_space

_SAVED_EVERY = 200
_TOLD_EVERY = 500


@dataclass(frozen=True)
class Places:
    """Where things of this source lie."""

    files: Path
    shards: Path
    archives: Path
    memory: Path

    @classmethod
    def of(cls, layout: Layout) -> "Places":
        """Below the data root."""
        folder = layout.clips_folder
        return cls(folder("hub", "files"), folder("hub", "shards"), layout.archives_folder("hub"), layout.fetched("hub"))

    def has_files(self) -> bool:
        """Whether anything that was fetched is there."""
        return any(path.is_file() for folder in (self.files, self.shards) if folder.exists() for path in folder.rglob("*"))


@dataclass
class Fetched:
    """What became of one call: bytes that came, and why single files did not, by path."""

    n_bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetcher:
    """One data set at one commit."""

    repo: HubRepo
    places: Places
    clip_suffixes: tuple[str, ...]
    caption_suffixes: tuple[str, ...]
    n_connections: int
    is_keeping_shards: bool
    is_taken_down: Callable[[str], bool]
    info: Callable[[str], None]

    def fetch(self, wanted: Wanted) -> Fetched:
        """Bring what is wanted and not there. A file that alone cannot be had is noted; the others are fetched all the same.

        Raises:
            FetchError: no other file could be had either (no network, no access, a limit, no room); what came is kept.
            OSError: the disk failed.
        """
        done = Fetched()
        plain, due = self.due(wanted)
        self._fetch_plain(plain, done)
        for number, file in enumerate(due, start=1):
            self.info(f"{file.path}: shard {number:,} of {len(due):,}, {size(file.size)}")
            self._try(file, done, self._fetch_shard)
        return done

    # --- single files ---------------------------------------------------------------------------------------------------------

    def due(self, wanted: Wanted) -> tuple[list[HubFile], list[HubFile]]:
        """Single files and shards that are wanted and not here."""
        known = read_memory(self.places.memory)
        plain = [file for file in wanted.plain if not self.is_taken_down(file.path)]
        missing = [file for file in plain if (state := self._state(file)) is None or known.get(file.path) != state]
        return missing, [file for file in wanted.shards if not self.is_there(file)]

    def _fetch_plain(self, due: list[HubFile], done: Fetched) -> None:
        known = read_memory(self.places.memory)
        if not due:
            return
        n_bytes = sum(file.size for file in due)
        self.info(f"{count(len(due), 'files')} to fetch, {size(n_bytes)}")
        require_space(self.places.files, n_bytes, purpose=f"fetching {count(len(due), 'files')} of {self.repo.repo_id}")
        try:
            with ThreadPoolExecutor(self.n_connections, thread_name_prefix="hub-file") as workers:
                futures = {workers.submit(self._download, file): file for file in due}
                try:
                    for n_done, future in enumerate(as_completed(futures), start=1):
                        self._note(futures[future], future.result, done, known)
                        self._tell(n_done, len(due), known)
                finally:
                    workers.shutdown(cancel_futures=True)
        finally:
            self._save(known)

    def _note(self, file: HubFile, result: Callable[[], int], done: Fetched, known: dict[str, list[str | int] | None]) -> None:
        n_bytes = self._attempt(file, done, result)
        if n_bytes is not None:
            done.n_bytes += n_bytes
            known[file.path] = self._state(file)

    def _tell(self, n_done: int, n_due: int, known: dict[str, list[str | int] | None]) -> None:
        if n_done % _SAVED_EVERY == 0:
            self._save(known)
        if n_done % _TOLD_EVERY == 0:
            self.info(f"{n_done:,} of {count(n_due, 'files')}")

    def _save(self, known: dict[str, list[str | int] | None]) -> None:
        write_text(self.places.memory, json.dumps(known, sort_keys=True) + "\n")

    def _download(self, file: HubFile) -> int:
        return download(self.repo, file, self.places.files / file.path).n_bytes_fetched

    def _state(self, file: HubFile) -> list[str | int] | None:
        """What is remembered of a file that is there: whose contents it has, and what it looks like on the disk."""
        try:
            found = (self.places.files / file.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return [file.identity, found.st_size, found.st_mtime_ns]

    # --- shards ---------------------------------------------------------------------------------------------------------------

    def _shard_state(self, file: HubFile) -> str:
        return f"{file.identity}-1-{','.join(sorted(self.clip_suffixes))}"

    def is_there(self, file: HubFile) -> bool:
        """The shard is unpacked, as it is in this commit."""
        note = read_note(self.places.shards / file.path)
        return note is not None and note.state == self._shard_state(file)

    def _fetch_shard(self, file: HubFile) -> int:
        tar = self.places.archives / file.path
        require_space(self.places.shards, 2 * file.size, purpose=f"fetching and unpacking {file.path}")
        came = download(self.repo, file, tar, connections=Connections(self.n_connections))
        folder = self.places.shards / file.path
        folder.parent.mkdir(parents=True, exist_ok=True)
        with explained_space(self.places.shards, purpose=f"unpacking {file.path}"):
            unpack(
                tar,
                folder,
                state=self._shard_state(file),
                clip_suffixes=frozenset(self.clip_suffixes),
                caption_suffixes=frozenset(self.caption_suffixes),
            )
        if not self.is_keeping_shards:
            tar.unlink()
        return came.n_bytes_fetched

    # --- what goes wrong --------------------------------------------------------------------------------------------------------

    def _try(self, file: HubFile, done: Fetched, fetch: Callable[[HubFile], int]) -> None:
        done.n_bytes += self._attempt(file, done, lambda: fetch(file)) or 0

    @staticmethod
    def _attempt(file: HubFile, done: Fetched, result: Callable[[], int]) -> int | None:
        try:
            return result()
        except FetchError as error:
            if _is_for_all(error):
                raise
            done.failed[file.path] = str(error)
            return None


def _is_for_all(error: MendableError) -> bool:
    """The next file would fail in the same way."""
    if isinstance(error, OtherFileError):
        return False
    return isinstance(error, RateLimitedError | UnreachableError) or (isinstance(error, FetchError) and error.needs_person)


def read_memory(path: Path) -> dict[str, list[str | int] | None]:
    """What was fetched before, by path."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def remove_others(places: Places, offered: Container[str]) -> int:
    """Delete files and shards whose paths the data set no longer has, once the ledger no longer names them; returns how many.

    What is offered and not wanted stays: it was fetched once, and a setting that is changed back would fetch it again.
    """
    n_removed = 0
    for path in _all_files(places.files):
        if path.relative_to(places.files).as_posix() not in offered:
            path.unlink(missing_ok=True)
            n_removed += 1
    for note in sorted(places.shards.rglob(".shard.json")) if places.shards.exists() else ():
        if note.parent.relative_to(places.shards).as_posix() not in offered:
            shutil.rmtree(note.parent)
            n_removed += 1
    return n_removed


def _all_files(folder: Path) -> Iterable[Path]:
    """Files without drafts of downloads."""
    return (
        sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")) if folder.exists() else ()
    )
