"""A folder of clips with everything below it.

Belongs here: walking, and what each name is for. Does not belong here: what a single path is (`sources.own_clips.judge_path`),
captions (`sources.own_clips.caption_tables`, `sources.own_clips.sidecars`), what makes a ledger (`sources.own_clips.listing`).
"""

import errno
import gc
import heapq
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from video_assets.core.text import escape, is_storable
from video_assets.sources.own_clips import sidecars
from video_assets.sources.own_clips.found_clips import FoundClips
from video_assets.sources.own_clips.judge_path import TOO_LONG, look_at_entry, look_at_usual
from video_assets.sources.own_clips.line_pairs import PROMPT_LISTS, VIDEO_LISTS
from video_assets.sources.own_clips.other_videos import OtherVideos
from video_assets.sources.own_clips.sidecars import Sidecar
from video_assets.sources.own_clips.statuses import FOLDER_MARK, Finding

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
BY_NAME = "captions.json"
SHARD_SUFFIX = ".tar"

# Names that downloaders, browsers and copy tools give to files they have not finished.
_TEMPORARY_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".download", ".incomplete", ".filepart", ".aria2")
_CLOSED_FOLDER = Finding("unreadable", "permission denied: the clips in this folder cannot be listed")
_DEEP_FOLDER = Finding("unreadable", f"the clips in this folder cannot be listed: {TOO_LONG}")


@dataclass
class Scan:
    """What lies in a folder; names are relative to it, with slashes."""

    clips: FoundClips = field(default_factory=FoundClips)
    faults: dict[str, Finding] = field(default_factory=dict)
    sidecars: dict[str, Sidecar] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    other_suffixes: Counter[str] = field(default_factory=Counter)
    other_videos: OtherVideos = field(default_factory=OtherVideos)
    n_known_folders: int = 0
    shards: dict[str, Finding] = field(default_factory=dict)
    unpacked: dict[str, str] = field(default_factory=dict)
    """Where the contents of shards lie, whose names are `SHARD.tar/...`."""
    notes: list[str] = field(default_factory=list)
    others: dict[str, Finding] = field(default_factory=dict)
    """What a row is told that names a file which may lie there and is none of these clips; without a row there is no line."""

    def path_of(self, root: str, below: str) -> str:
        """Where a name lies: below `root`, or where its shard was unpacked."""
        at = below.find("/") if self.unpacked else -1
        while at >= 0:
            folder, rest = self.unpacked.get(below[:at]), below[at + 1 :]
            if folder is not None and rest:
                return f"{folder}/{rest}"
            at = below.find("/", at + 1)
        return f"{root}/{below}"


def scan_folder(
    folder: Path,
    *,
    suffixes: tuple[str, ...],
    ignore: tuple[Path, ...],
    is_with_sidecars: bool = True,
    is_with_shards: bool = False,
) -> Scan:
    """All clips below `folder`, hidden names left out.

    Real folders are walked first, then linked ones in the order of their names, each folder once: so a link never renames a clip.

    Args:
        folder: where to look; may itself be a link.
        suffixes: endings of clips, lower case.
        ignore: folders to leave out when met below `folder` (the data root).
        is_with_sidecars: look for caption files beside the clips.
        is_with_shards: note tar files.

    Raises:
        OSError: `folder` cannot be read, or the storage failed.
    """
    walk = _Walk(os.fspath(folder), frozenset(suffixes), ignore, is_with_sidecars=is_with_sidecars, is_with_shards=is_with_shards)
    return walk.run()


class _Walk:
    def __init__(
        self, folder: str, suffixes: frozenset[str], ignore: tuple[Path, ...], *, is_with_sidecars: bool, is_with_shards: bool
    ) -> None:
        self.scan = Scan()
        self._clips = self.scan.clips
        self._root = folder.rstrip("/") + "/"
        self._suffixes = suffixes
        self._endings = frozenset(suffix.removeprefix(".") for suffix in suffixes)
        self._shard_suffixes = (SHARD_SUFFIX,) if is_with_shards else ()
        self._sidecar_suffixes = sidecars.SUFFIXES if is_with_sidecars else ()
        self._ignored = {_identity(path.stat()) for path in ignore if path.exists()}
        self._visited = {_identity(os.stat(self._root))}  # noqa: PTH116 - text, not a path
        self._folders: list[str] = [""]
        self._links: list[str] = []
        self._unpaired: dict[str, list[tuple[str, str]]] = {}
        self._labels: dict[str, _Folder] = {}

    def run(self) -> Scan:
        """Walk. Nothing of a million findings is garbage: looking for some among them would be a quarter of the time."""
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return self._run()
        finally:
            if was_enabled:
                gc.enable()

    def _run(self) -> Scan:
        while self._folders:
            self._read(self._folders.pop(), is_linked=False)
        while self._links:
            self._follow(heapq.heappop(self._links))
            while self._folders:
                self._read(self._folders.pop(), is_linked=True)
        self._pair_across()
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
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            self._add_fault(prefix, _DEEP_FOLDER)
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
                if not (entry.name.startswith(".") or self._is_usual_clip(folder, entry)):
                    self._sort_in(folder, entry)
        self._take_line_pair(folder)
        unpaired = [(stem, name) for stem, name in folder.clips if not self._pair(folder, stem, name)]
        base = prefix[:-1].rpartition("/")[2].lower()
        if unpaired and base in sidecars.CLIP_FOLDERS and self._sidecar_suffixes:
            self._unpaired[prefix] = unpaired
        if base in sidecars.LABEL_FOLDERS:
            self._labels[prefix] = folder
        else:
            self._count_others(folder)

    def _take_line_pair(self, folder: "_Folder") -> None:
        pair = [next((name for name in names if name in folder.sidecars), "") for names in (VIDEO_LISTS, PROMPT_LISTS)]
        stems = {stem for stem, _ in folder.clips}
        is_of_clips = any(name.removesuffix(".txt") in stems for name in pair)  # the captions of single clips called so
        if all(pair) and not is_of_clips:
            self.scan.tables.append(folder.prefix + pair[0])
            for name in pair:
                del folder.sidecars[name]

    def _count_others(self, folder: "_Folder") -> None:
        for name in folder.sidecars.keys() - folder.paired:
            self.scan.other_suffixes[os.path.splitext(name)[1]] += 1  # noqa: PTH122 - text

    def _pair_across(self) -> None:
        """Clips in `videos/` have their captions in `labels/` beside it."""
        for prefix, clips in self._unpaired.items():
            above = prefix[:-1].rpartition("/")[0]
            for name in sidecars.LABEL_FOLDERS:
                if folder := self._labels.get(f"{above}/{name}/".lstrip("/")):
                    clips = [(stem, clip) for stem, clip in clips if not self._pair(folder, stem, clip)]  # noqa: PLW2901
        for folder in self._labels.values():
            self._count_others(folder)

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

    def _is_usual_clip(self, folder: "_Folder", entry: os.DirEntry[str]) -> bool:
        """Take a clip that leaves no doubt, as nearly all of a million do: what is done for each of them is most of a walk."""
        name = entry.name
        stem, dot, ending = name.rpartition(".")
        if not dot or ending not in self._endings or not (folder.is_storable and name.isascii()):
            return False
        if (found := look_at_usual(entry)) is None:
            return False
        self._clips.add(folder.prefix + name, found.st_size, found.st_mtime_ns)
        if self._sidecar_suffixes:
            folder.clips.append((stem, folder.prefix + name))
        return True

    def _sort_in(self, folder: "_Folder", entry: os.DirEntry[str]) -> None:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            self._enter(f"{folder.prefix}{name}/", is_linked=folder.is_linked)
            return
        stem, dot, ending = name.rpartition(".")  # as os.path.splitext splits names that are not hidden
        stem, suffix = (stem, f".{ending}".lower()) if dot else (name, "")
        if entry.is_symlink() and self._is_no_file(folder.prefix, entry, suffix):
            return
        if suffix in self._suffixes:
            self._add_clip(folder, entry, stem)
        elif suffix in _TEMPORARY_SUFFIXES:
            self._add_unfinished(folder.prefix, name, stem)
        else:
            self._sort_in_rest(folder, entry, stem, suffix)

    def _sort_in_rest(self, folder: "_Folder", entry: os.DirEntry[str], stem: str, suffix: str) -> None:
        name = entry.name
        if suffix in self._shard_suffixes:
            self._add_shard(folder.prefix + name, entry)
        elif name in METADATA_NAMES or (name == BY_NAME and self._sidecar_suffixes):
            self.scan.tables.append(folder.prefix + name)
        elif suffix in self._sidecar_suffixes:
            folder.sidecars[stem + suffix] = entry
        elif not self.scan.other_videos.look_at(escape(folder.prefix + name), entry.path, suffix):
            self.scan.other_suffixes[suffix] += 1

    def _is_no_file(self, prefix: str, link: os.DirEntry[str], suffix: str) -> bool:
        """Queue a link to a folder; note a link to nothing when a clip or a folder may be meant."""
        finding = look_at_entry(link)
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
        finding = look_at_entry(entry)
        if finding is None:
            return
        if not is_storable(name):
            detail = "the name is not UTF-8, so no table can hold it; rename the file"
            finding = Finding("unsupported_name", detail, finding.file_size, finding.mtime_ns)
        if finding.reason or finding.file_size is None or finding.mtime_ns is None:
            self._add_fault(name, finding)
            return
        self._clips.add(name, finding.file_size, finding.mtime_ns)
        if self._sidecar_suffixes:
            folder.clips.append((stem, name))

    def _add_shard(self, name: str, entry: os.DirEntry[str]) -> None:
        finding = look_at_entry(entry)
        if finding is None:
            return
        if not is_storable(name):
            finding = Finding("unsupported_name", "the name is not UTF-8, so no table can hold it; rename the file")
        if finding.reason:
            self._add_fault(name + FOLDER_MARK, finding)
        else:
            self.scan.shards[name] = finding

    def _add_unfinished(self, prefix: str, name: str, stem: str) -> None:
        if os.path.splitext(stem)[1].lower() in (*self._suffixes, *self._shard_suffixes):  # noqa: PTH122 - a million names
            self._add_fault(
                prefix + stem, Finding("still_being_copied", f"{escape(name)} is there: a copy or download not finished")
            )

    def _add_fault(self, name: str, finding: Finding) -> None:
        self.scan.faults[escape(name)] = finding

    def _pair(self, folder: "_Folder", stem: str, name: str) -> bool:
        """Note the sidecar of clip `name`; false when the folder has none."""
        for suffix in self._sidecar_suffixes:
            entry = folder.sidecars.get(stem + suffix)
            finding = entry and look_at_entry(entry)
            if entry and finding and finding.file_size is not None and finding.mtime_ns is not None:
                self.scan.sidecars[name] = Sidecar(folder.prefix + entry.name, finding.file_size, finding.mtime_ns)
                folder.paired.add(stem + suffix)
                return True
        return False


class _Folder:
    """A folder while it is read."""

    def __init__(self, prefix: str, is_linked: bool) -> None:
        self.prefix = prefix
        self.is_linked = is_linked
        self.is_storable = is_storable(prefix)
        self.clips: list[tuple[str, str]] = []
        self.sidecars: dict[str, os.DirEntry[str]] = {}
        self.paired: set[str] = set()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
