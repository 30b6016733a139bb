"""Looking at files: one path, or a folder with everything below it.

Belongs here: what lies on disk, as findings. Does not belong here: captions (`sources.own_clips.caption_tables`,
`sources.own_clips.sidecars`), which findings make a ledger (`sources.own_clips.listing`).

An error that is about one entry (permission denied, link to nothing, file gone since its folder was read) becomes a finding.
Every other `OSError` (EIO, ESTALE, ...) is about the storage and is raised: a listing that lacks half its clips must not look
like one.
"""

import errno
import heapq
import os
import stat
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from video_assets.core.text import escape, is_storable
from video_assets.sources.own_clips.rules import FOLDER_MARK, Finding

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SIDECAR_SUFFIXES = (".txt", ".json")

# Names that downloaders, browsers and copy tools give to files they have not finished.
_TEMPORARY_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".download", ".incomplete", ".filepart", ".aria2")
_READABLE_BY_ALL = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_CLOSED_FOLDER = Finding("unreadable", "permission denied: the clips in this folder cannot be listed")


class Sidecar(NamedTuple):
    """A caption file beside a clip: its path below the scanned folder, and its fingerprint."""

    name: str
    file_size: int
    mtime_ns: int


@dataclass
class Scan:
    """What lies in a folder; names are relative to it, with slashes."""

    clips: dict[str, Finding] = field(default_factory=dict)
    faults: dict[str, Finding] = field(default_factory=dict)
    sidecars: dict[str, Sidecar] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    other_suffixes: Counter[str] = field(default_factory=Counter)
    n_known_folders: int = 0


def look_at(path: str) -> Finding:
    """What one path is; symbolic links are followed.

    Raises:
        OSError: the storage failed.
    """
    try:
        return _judge(path, os.stat(path))  # noqa: PTH116 - a million paths
    except ValueError:  # NUL
        return Finding("unsupported_name", "the path holds a NUL character")
    except OSError as error:
        return _fault(path, error)


def _judge(path: str, found: os.stat_result) -> Finding:
    if not stat.S_ISREG(found.st_mode):
        return Finding("not_a_file", f"a {_kind(found.st_mode)}, not a file")
    is_open = found.st_mode & _READABLE_BY_ALL == _READABLE_BY_ALL
    if not is_open and not os.access(path, os.R_OK, effective_ids=True):
        return Finding("unreadable", "permission denied: the file may not be read", found.st_size, found.st_mtime_ns)
    return Finding("", "", found.st_size, found.st_mtime_ns)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


def _fault(path: str, error: OSError) -> Finding:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Finding("unreadable", "permission denied: a folder above it may not be entered")
    if error.errno == errno.ELOOP:
        return Finding("symlink_loop", f"symbolic links that lead back to themselves, first to {_target(path)}")
    if error.errno in _NOT_THERE:
        if os.path.islink(path):  # noqa: PTH114 - a million paths
            return Finding("broken_link", f"symbolic link to {_target(path)}, which is not there")
        return Finding("missing_file", f"no such file: {escape(path)}")
    raise error


def _target(path: str) -> str:
    try:
        return escape(os.readlink(path))  # noqa: PTH115 - text, not a path
    except OSError:  # the link is above this name, or gone
        return "an unknown place"


def scan_folder(folder: Path, *, suffixes: tuple[str, ...], ignore: tuple[Path, ...], is_with_sidecars: bool = True) -> Scan:
    """All clips below `folder`, hidden names left out.

    Real folders are walked first, then linked ones in the order of their names, each folder once: so a link never renames a clip.

    Args:
        folder: where to look; may itself be a link.
        suffixes: endings of clips, lower case.
        ignore: folders to leave out when met below `folder` (the data root).
        is_with_sidecars: look for caption files beside the clips.

    Raises:
        OSError: `folder` cannot be read, or the storage failed.
    """
    return _Walk(os.fspath(folder), frozenset(suffixes), ignore, is_with_sidecars=is_with_sidecars).run()


class _Walk:
    def __init__(self, folder: str, suffixes: frozenset[str], ignore: tuple[Path, ...], *, is_with_sidecars: bool) -> None:
        self.scan = Scan()
        self._root = folder.rstrip("/") + "/"
        self._suffixes = suffixes
        self._sidecar_suffixes = SIDECAR_SUFFIXES if is_with_sidecars else ()
        self._ignored = {_identity(path.stat()) for path in ignore if path.exists()}
        self._visited = {_identity(os.stat(self._root))}  # noqa: PTH116 - text, not a path
        self._folders: list[str] = [""]
        self._links: list[str] = []

    def run(self) -> Scan:
        while self._folders:
            self._read(self._folders.pop(), is_linked=False)
        while self._links:
            self._follow(heapq.heappop(self._links))
            while self._folders:
                self._read(self._folders.pop(), is_linked=True)
        return self.scan

    def _follow(self, prefix: str) -> None:
        path = self._root + prefix.rstrip("/")
        target, parent = os.path.realpath(path), os.path.realpath(os.path.dirname(path))  # noqa: PTH120 - text
        if f"{parent}/".startswith(f"{target.rstrip('/')}/"):
            self._add_fault(prefix, Finding("symlink_loop", f"symbolic link to a folder above it: {escape(target)}"))
        else:
            self._enter(prefix, is_linked=True)

    def _enter(self, prefix: str, *, is_linked: bool) -> None:
        try:
            identity = _identity(os.stat(self._root + prefix))  # noqa: PTH116 - text, not a path
        except FileNotFoundError:  # removed since its parent was read
            return
        except PermissionError:
            self._add_fault(prefix, _CLOSED_FOLDER)
            return
        if identity in self._ignored:
            return
        # Real folders make no loops; and some network file systems give two folders the same number.
        if is_linked and identity in self._visited:
            self.scan.n_known_folders += 1
            return
        self._visited.add(identity)
        self._folders.append(prefix)

    def _read(self, prefix: str, *, is_linked: bool) -> None:
        """List one folder; `prefix` is its name below the root, empty or with a slash at its end."""
        folder = _Folder(prefix, is_linked)
        with self._open(prefix) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    self._sort_in(folder, entry)
        paired = {self._pair(folder, stem, name) for stem, name in folder.clips}
        for name in folder.sidecars.keys() - paired:
            self.scan.other_suffixes[os.path.splitext(name)[1]] += 1  # noqa: PTH122 - text

    def _open(self, prefix: str) -> AbstractContextManager[Iterable[os.DirEntry[str]]]:
        try:
            return os.scandir(self._root + prefix)
        except PermissionError:
            if not prefix:
                raise
            self._add_fault(prefix, _CLOSED_FOLDER)
        except FileNotFoundError:  # removed since its parent was read
            if not prefix:
                raise
        return nullcontext(())

    def _sort_in(self, folder: "_Folder", entry: os.DirEntry[str]) -> None:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            self._enter(f"{folder.prefix}{name}/", is_linked=folder.is_linked)
            return
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a million names
        suffix = suffix.lower()
        if entry.is_symlink() and self._is_no_file(folder.prefix, entry, suffix):
            return
        if suffix in self._suffixes:
            self._add_clip(folder, entry, stem)
        elif suffix in _TEMPORARY_SUFFIXES:
            self._add_unfinished(folder.prefix, name, stem)
        elif name in METADATA_NAMES:
            self.scan.tables.append(folder.prefix + name)
        elif suffix in self._sidecar_suffixes:
            folder.sidecars[stem + suffix] = entry
        else:
            self.scan.other_suffixes[suffix] += 1

    def _is_no_file(self, prefix: str, link: os.DirEntry[str], suffix: str) -> bool:
        """Queue a link to a folder; note a link to nothing when a clip or a folder may be meant."""
        finding = _look_at_entry(link)
        if finding is None or finding.reason in ("broken_link", "symlink_loop"):
            if finding is not None and (suffix in self._suffixes or not suffix):
                self._add_fault(prefix + link.name + ("" if suffix else FOLDER_MARK), finding)
            return True
        if finding.reason == "not_a_file" and link.is_dir():
            heapq.heappush(self._links, f"{prefix}{link.name}/")
            return True
        return False

    def _add_clip(self, folder: "_Folder", entry: os.DirEntry[str], stem: str) -> None:
        name = folder.prefix + entry.name
        finding = _look_at_entry(entry)
        if finding is None:
            return
        if not is_storable(name):
            detail = "the name is not UTF-8, so no table can hold it; rename the file"
            finding = Finding("unsupported_name", detail, finding.file_size, finding.mtime_ns)
        if finding.reason:
            self._add_fault(name, finding)
        else:
            self.scan.clips[name] = finding
            folder.clips.append((stem, name))

    def _add_unfinished(self, prefix: str, name: str, stem: str) -> None:
        if os.path.splitext(stem)[1].lower() in self._suffixes:  # noqa: PTH122 - a million names
            self._add_fault(
                prefix + stem, Finding("still_being_copied", f"{escape(name)} is there: a copy or download not finished")
            )

    def _add_fault(self, name: str, finding: Finding) -> None:
        self.scan.faults[escape(name)] = finding

    def _pair(self, folder: "_Folder", stem: str, name: str) -> str | None:
        """Note the sidecar of clip `name`; returns which of the folder's sidecars it is."""
        for suffix in self._sidecar_suffixes:
            entry = folder.sidecars.get(stem + suffix)
            finding = entry and _look_at_entry(entry)
            if entry and finding and finding.file_size is not None and finding.mtime_ns is not None:
                self.scan.sidecars[name] = Sidecar(folder.prefix + entry.name, finding.file_size, finding.mtime_ns)
                return stem + suffix
        return None


class _Folder:
    """A folder while it is read."""

    def __init__(self, prefix: str, is_linked: bool) -> None:
        self.prefix = prefix
        self.is_linked = is_linked
        self.clips: list[tuple[str, str]] = []
        self.sidecars: dict[str, os.DirEntry[str]] = {}


def _look_at_entry(entry: os.DirEntry[str]) -> Finding | None:
    """As `look_at`; None when the entry went away since its folder was read."""
    try:
        return _judge(entry.path, entry.stat())
    except OSError as error:
        finding = _fault(entry.path, error)
    return None if finding.reason == "missing_file" else finding


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
