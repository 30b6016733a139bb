"""The folder that an export is written into: files that know their hash, links to clips, and what was done to rows.

Belongs here: bytes and names on disk. Does not belong here: formats (`exports.targets`), the order of things (`exports.export`).
"""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from video_assets.exports.rules.names import clip_name, handed_on_name, is_repaired
from video_assets.publish.product_files import HashedFile
from video_assets.publish.versions import Version
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

MADE = "export.made.txt"
"""Names of the files that an export made besides those in its manifest, one a line."""

Links = Literal["hard", "symbolic", "copy"]
_NEXT: dict[Links, tuple[Links, ...]] = {
    "hard": ("hard", "symbolic", "copy"),
    "symbolic": ("symbolic", "copy"),
    "copy": ("copy",),
}
_REFUSED = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}


@dataclass(frozen=True)
class Options:
    """What a user can choose. `min_frames`: clips with fewer are left out. `allowed`: reasons that leave nothing out."""

    links: Links = "hard"
    shard_mib: int = 1024
    min_frames: int = 0
    allowed: tuple[str, ...] = ()

    @property
    def as_record(self) -> dict[str, Any]:
        """JSON-able, for the manifest."""
        return {**vars(self), "allowed": sorted(self.allowed)}


@dataclass(frozen=True)
class Origin:
    """What is exported, and the data root that it is of."""

    layout: Layout
    settings: Settings
    version: Version


class Output:
    """A draft folder.

    The manifest has `files`, `links`, `repaired`, and `foreseen`: names of files that another program makes of ours.
    """

    def __init__(self, folder: Path, final: Path, options: Options, *, name: str, origin: Origin) -> None:
        self.folder, self._final, self.options, self.name, self.origin = folder, final, options, name, origin
        self.is_bound = False
        self.files: dict[str, dict[str, Any]] = {}
        self.links: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.foreseen: list[str] = []
        self._made: HashedFile | None = None

    def bind(self) -> Path:
        """Where it will lie, for files that name paths: that binds the export to the place, and it is made again elsewhere."""
        self.is_bound = True
        return self._final

    @contextmanager
    def noting(self) -> Iterator[None]:
        """In the block, the name of every file that is placed goes into `MADE`: those of another program are all the rest."""
        with self.open(MADE) as self._made:
            yield
        self._made = None

    def made(self, name: str) -> None:
        """Note a file inside that is not made by `open`.

        Raises:
            RuntimeError: not in a `noting` block; a fault of the caller.
        """
        if self._made is None:
            raise RuntimeError(f"{self.name}: {name} is made where nobody notes it")
        self._made.write(f"{name}\n".encode())
        self._made.n_rows += 1

    def foresee(self, name: str) -> None:
        """Note a file that another program will make of ours: it is of no use to the next export, and goes with this one.

        Raises:
            RuntimeError: as `made`.
        """
        self.made(name)
        self.foreseen.append(name)

    @contextmanager
    def open(self, name: str) -> Iterator[HashedFile]:
        """A new file; its rows, bytes and hash are known to the manifest when the block has ended."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as raw:
            file = HashedFile(raw)
            yield file
            raw.flush()
            os.fsync(raw.fileno())
        self.files[name] = asdict(file.facts)

    @contextmanager
    def open_in_turn(self) -> Iterator[Callable[[str], HashedFile]]:
        """Any number of new files, by name. None is open between two writes, so much should be written at a time."""
        files: dict[str, HashedFile] = {}

        def named(name: str) -> HashedFile:
            if name not in files:
                files[name] = HashedFile(_Appended(self.folder / name))
            return files[name]

        yield named
        for name, file in files.items():
            with (self.folder / name).open("rb") as raw:
                os.fsync(raw.fileno())
            self.files[name] = asdict(file.facts)

    def write(self, name: str, text: str) -> None:
        """A small text file."""
        with self.open(name) as file:
            file.write(text.encode())

    def clip_name(self, path: str) -> str:
        """What the clip is called in this export; counted where its own name had to be repaired. To be asked once a clip."""
        self.repaired["names"] += is_repaired(path)
        return clip_name(path)

    def names_for_others(self, rows: pa.Table) -> pa.Array:
        """What people with other folders can find the clips by (columns path, source)."""
        layout, own = self.origin.layout, self.origin.settings.own_clips.folder
        sources = rows.column("source").to_pylist()
        folders = {source: str(own if source == "own_clips" and own else layout.unpacked(source)) for source in set(sources)}
        pairs = zip(rows.column("path").to_pylist(), sources, strict=True)
        return pa.array([handed_on_name(path, source, folders[source]) for path, source in pairs], pa.string())

    def place(self, clip: str, name: str) -> None:
        """The clip under another name: as a link, or as a copy where the file system refuses links.

        Raises:
            OSError: nothing of that is possible; names the clip and what was tried last.
        """
        target = self.folder / name
        # Of a symbolic link, the file behind it: a hard link to a link would be a link.
        source = os.path.realpath(clip)
        for kind in _NEXT[self.options.links]:
            try:
                _PLACE[kind](source, target)
            except OSError as error:
                if error.errno not in _REFUSED or kind == "copy":
                    raise
                continue
            self.links[kind] += 1
            self.made(name)
            return

    def make_folder(self, name: str) -> Path:
        """A folder inside."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True)
class _Appended:
    """A new file that is open only while something is written to it."""

    path: Path

    def write(self, data: bytes) -> int:
        """Put it at the end."""
        with self.path.open("ab") as file:
            return file.write(data)


def _copy(source: str, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


_PLACE = {"hard": os.link, "symbolic": os.symlink, "copy": _copy}
