"""Where clips may lie and what a path in a table means.

Belongs here: paths as written to (name below the root, absolute path, finding). Does not belong here: walking folders
(`sources.own_clips.scan`).
"""

import os
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.errors import SourceError
from video_assets.core.text import escape, is_storable
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.judge_path import MAX_OTHERS, look_at
from video_assets.sources.own_clips.near_names import NearNames, names_in, plain
from video_assets.sources.own_clips.scan import Scan
from video_assets.sources.own_clips.statuses import Finding

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NOT_PLAIN = re.compile(r"//|(^|/)\.{1,2}(/|$)|/$")


class Located(NamedTuple):
    """A path of a table: its name below the root (absolute when outside), where it lies, what is there.

    `is_near`: the file is not spelled like that; it is the only one that can be meant.
    """

    name: str
    path: str
    finding: Finding
    is_near: bool = False


class Places:
    """The folders that paths of a table refer to, and the one that clips may not leave."""

    def __init__(self, settings: OwnClips, scan: Scan) -> None:
        """Choose the root: `settings.root`, else `settings.folder`, else the folder of the captions table.

        Raises:
            SourceError: the root is not there, or `folder` is not in it.
        """
        root = settings.root or settings.folder or (settings.captions.parent if settings.captions else None)
        if root is None:
            raise SourceError("no clips are set: set own_clips.folder, own_clips.captions or both")
        if settings.root is not None and not root.is_dir():
            raise SourceError(f"{root}: no such folder (own_clips.root); is its disk mounted?")
        self.root = _fold(os.fspath(root))
        # A table on its own may name clips anywhere, as long as it does so by absolute paths.
        self._is_open = settings.root is None and settings.folder is None
        self._real_root = os.path.realpath(root)
        self._suffixes = frozenset(settings.suffixes)
        self._scan = scan
        self.others: dict[str, Finding] = {}
        """What was found at paths that the scan does not know."""
        self._folder = _fold(os.fspath(settings.folder)) if settings.folder else None
        self.folder_prefix = self._folder_prefix()
        self._folders_near: dict[str, NearNames] = {}
        self._strip, self._add = settings.strip_prefix, settings.add_prefix

    def _folder_prefix(self) -> str:
        """Name of the scanned folder below the root, with a slash at its end; empty when it is the root."""
        if self._folder is None or self._folder == self.root:
            return ""
        name = self._name_of(self._folder)
        if name is None:
            raise SourceError(f"own_clips.folder {self._folder} is not in own_clips.root {self.root}")
        return f"{name}/"

    def path_of_scanned(self, below: str) -> str:
        """Where a name of the scan lies."""
        return self._scan.path_of(f"{self.root}/{self.folder_prefix}".rstrip("/"), below)

    def path_of(self, name: str) -> str:
        """Where a name below the root lies; an absolute one is its own path."""
        if name.startswith("/"):
            return name
        if self._scan.unpacked and name.startswith(self.folder_prefix):
            return self.path_of_scanned(name.removeprefix(self.folder_prefix))
        return f"{self.root}/{name}"

    def label(self, table: Path) -> str:
        """Short name of a table for keys and origins: below the root, else its file name."""
        path = os.fspath(table)
        return escape(path[len(self.root) + 1 :] if path.startswith(f"{self.root}/") else table.name)

    def locate(self, cell: str, *, table_folder: str) -> Located:
        """The file that a table's cell names: absolute, else below the table's folder, the root or the clips folder.

        Raises:
            OSError: the storage failed.
        """
        if is_storable(cell) and (known := self._as_called(cell, table_folder)) is not None:
            return known
        if not cell.strip():
            return Located("", "", Finding("empty_path", "the row names no file"))
        cell = self._add + cell.removeprefix(self._strip)
        if _URL.match(cell) and not cell.lower().startswith("file://"):
            detail = "URLs are not read; download the clip and name the file"
            return Located(escape(cell), escape(cell), Finding("url", detail))
        if not is_storable(cell):
            return Located(escape(cell), escape(cell), Finding("unsupported_name", "the path is not valid Unicode text"))
        found = self._first_found(cell, list(self._candidates(cell, table_folder)))
        return found if found.finding.reason != "missing_file" else self._near(cell, table_folder, found)

    def below(self, cell: str, table_folder: str) -> str | None:
        """The name below the clips folder that `cell` is when it names a clip just as that is called; None: it is none such."""
        folder = self._folder
        if folder is None or self._strip or self._add:
            return None
        if cell.startswith(f"{folder}/"):
            return cell[len(folder) + 1 :]
        if cell.startswith("/"):
            return None
        if f"{table_folder}/".startswith(f"{folder}/"):
            return f"{table_folder[len(folder) + 1 :]}/{cell}".lstrip("/")
        if self.root == folder and self._name_of(f"{table_folder}/{cell}") is None:
            return cell
        return None

    def all_below(self, cells: pa.Array, table_folder: str) -> pa.Array:
        """`below` of many cells; null for None."""
        folder = self._folder
        is_inside = folder is not None and f"{table_folder}/".startswith(f"{folder}/") and not (self._strip or self._add)
        starts = pc.call_function("starts_with", [cells], pc.MatchSubstringOptions("/"))
        if not is_inside or pc.call_function("any", [starts]).as_py():
            return pa.array([self.below(cell, table_folder) for cell in cells.to_pylist()], pa.string())
        above = table_folder[len(folder or "") + 1 :]
        return pc.call_function("binary_join_element_wise", [pa.scalar(above), cells, pa.scalar("/")]) if above else cells

    def _as_called(self, cell: str, table_folder: str) -> Located | None:
        """The clip of the scan that `cell` names just as it is called: nearly every row of nearly every table, found at once."""
        below = self.below(cell, table_folder)
        finding = None if below is None else self._scan.clips.get(below)
        if below is None or finding is None:
            return None
        name = self.folder_prefix + below
        return Located(name, self.path_of(name), finding)

    def _near(self, cell: str, table_folder: str, missing: Located) -> Located:
        """The only file that `cell` can mean although it spells it otherwise; else `missing`, with the files that are near."""
        text = plain(cell)
        if text != cell and text and is_storable(text):  # %00 is a NUL
            found = self._first_found(text, list(self._candidates(text, table_folder)))
            if not found.finding.reason:
                return found._replace(is_near=True)
        names = sorted(self._names_near(text, table_folder))
        if not names:
            return missing
        if len(names) > 1:
            told = f"{missing.finding.detail}; near it are {len(names)} files: {', '.join(names[:3])}"
            return missing._replace(finding=Finding("missing_file", told))
        path = self.path_of(names[0])
        return Located(names[0], path, self._look(names[0], path), is_near=True)

    def _names_near(self, text: str, table_folder: str) -> set[str]:
        """Names below the root (or absolute) of the clips that `text` can mean."""
        if self._folder is not None:
            found = next((names for one in self._below(text, table_folder) if (names := self._clips_near.find(one))), ())
            return {self.folder_prefix + name for name in found}
        for path in self._candidates(text, table_folder):
            folder, _, base = path.rpartition("/")
            if folder not in self._folders_near:
                self._folders_near[folder] = names_in(folder, self._suffixes)
            if found := self._folders_near[folder].find(base):
                return {self._name_of(f"{folder}/{name}") or f"{folder}/{name}" for name in found}
        return set()

    def _below(self, text: str, table_folder: str) -> Iterator[str]:
        """What `text` can be below the clips folder."""
        folder = self._folder or self.root
        if text.startswith("/"):
            yield from (text[len(base) + 1 :] for base in dict.fromkeys((folder, self.root)) if text.startswith(f"{base}/"))
            return
        if table_folder.startswith(f"{folder}/"):
            yield f"{table_folder[len(folder) + 1 :]}/{text}"
        yield text

    @cached_property
    def _clips_near(self) -> NearNames:
        return NearNames(self._scan.clips.names.to_pylist(), folder=self._folder or "", suffixes=self._suffixes)

    def _candidates(self, cell: str, table_folder: str) -> Iterator[str]:
        if cell.startswith("/"):
            yield _fold(cell)
            return
        for folder in dict.fromkeys((table_folder, self.root, self._folder or self.root)):
            yield _fold(f"{folder}/{cell}")

    def _first_found(self, cell: str, paths: list[str]) -> Located:
        lost: list[tuple[str, str]] = []
        outside: list[str] = []
        for path in paths:
            name = self._name_of(path)
            if name is None and self._is_open and cell.startswith("/"):
                name = path
            if name is None:
                outside.append(path)
                continue
            finding = self._look(name, path)
            if finding.reason != "missing_file":
                return Located(name, self.path_of(name), finding)
            lost.append((name, path))
        if outside and not (lost and self._look_elsewhere(outside[0]).reason == "missing_file"):
            detail = f"{outside[0]} is not in {self.root}; set own_clips.root to a folder that holds all clips"
            return Located(outside[0], outside[0], Finding("outside_root", detail))
        name, path = lost[0]
        return Located(name, path, Finding("missing_file", f"no such file: {' or '.join(path for _, path in lost)}"))

    def _name_of(self, path: str) -> str | None:
        """Name below the root; None outside. Folders that are the same by another path (links) count as the same."""
        if path.startswith(f"{self.root}/"):
            return path[len(self.root) + 1 :]
        if self._is_open:
            return None
        folder, _, base = path.rpartition("/")
        real = f"{_real_folder(folder)}/{base}"
        return real[len(self._real_root) + 1 :] if real.startswith(f"{self._real_root}/") else None

    def _look_elsewhere(self, path: str) -> Finding:
        finding = look_at(path)
        if len(self.others) <= MAX_OTHERS:
            self.others[path] = finding
        return finding

    def _look(self, name: str, path: str) -> Finding:
        if name.startswith(self.folder_prefix):
            below = name[len(self.folder_prefix) :]
            if (clip := self._scan.clips.get(below)) is not None:
                return clip
            if (fault := self._scan.faults.get(below) or self._scan.others.get(below)) is not None:
                return fault
        finding = self._look_elsewhere(path)
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a million names
        if not finding.reason and suffix not in self._suffixes:
            detail = f"{suffix or 'no ending'} is not among own_clips.suffixes ({' '.join(sorted(self._suffixes))})"
            return Finding("unsupported_suffix", detail, finding.file_size, finding.mtime_ns)
        return finding


def _fold(path: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes, as text: links are not followed."""
    return "/" + os.path.normpath(path).lstrip("/") if _NOT_PLAIN.search(path) else path


@lru_cache(maxsize=4096)
def _real_folder(path: str) -> str:
    return os.path.realpath(path)
