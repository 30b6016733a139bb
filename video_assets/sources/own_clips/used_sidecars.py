"""Caption files of clips that go: `a.txt` is the caption of `a.mp4` and, when that is there too, of `a.mov`.

Belongs here: which caption files lie beside a clip, and who else uses them. Does not belong here: reading captions
(`sources.own_clips.sidecars`), taking clips down (`takedown.files`).
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from video_assets.sources.own_clips.scan import BY_NAME
from video_assets.sources.own_clips.sidecars import CLIP_FOLDERS, LABEL_FOLDERS, SUFFIXES


class UsedSidecar(NamedTuple):
    """A caption file, and another clip that is there, stays and uses it, too; None: nobody else does."""

    path: Path
    user: Path | None


class UsedSidecars:
    """Looks in each folder once, however many of its clips go."""

    def __init__(self, gone: Iterable[Path], suffixes: tuple[str, ...], *, tables: Collection[Path] = ()) -> None:
        """Take all clips that go, the endings of clips, and captions tables, which are never the caption of one clip."""
        self._gone = {os.fspath(path) for path in gone}
        self._stems = {_parts(os.path.basename(path))[0] for path in self._gone}  # noqa: PTH119 - text
        self._suffixes, self._tables = suffixes, set(tables)
        self._names: dict[Path, dict[str, list[str]]] = {}

    def of(self, clip: Path) -> Iterator[UsedSidecar]:
        """The caption files of one of the clips that go, as the listing pairs them.

        Raises:
            OSError: a folder cannot be read.
        """
        stem = _parts(clip.name)[0]
        folders = [clip.parent]
        if clip.parent.name.lower() in CLIP_FOLDERS:
            folders += [clip.parent.with_name(name) for name in LABEL_FOLDERS]
        for folder in folders:
            for path in self._files(folder, stem, SUFFIXES):
                if path.name != BY_NAME and path not in self._tables:
                    yield UsedSidecar(path, self._user(path, clip, stem))

    def _user(self, sidecar: Path, clip: Path, stem: str) -> Path | None:
        folders = [sidecar.parent, clip.parent]
        if sidecar.parent.name in LABEL_FOLDERS:
            folders += [sidecar.parent.with_name(name) for name in sorted(CLIP_FOLDERS)]
        others = (path for folder in dict.fromkeys(folders) for path in self._files(folder, stem, self._suffixes))
        return next((path for path in others if os.fspath(path) not in self._gone), None)

    def _files(self, folder: Path, stem: str, suffixes: tuple[str, ...]) -> Iterator[Path]:
        """Files of that stem that are there now, with one of these endings in upper or lower case."""
        if folder not in self._names:
            self._names[folder] = self._read(folder)
        for name in self._names[folder].get(stem, ()):
            path = folder / name
            if _parts(name)[1].lower() in suffixes and path.is_file():
                yield path

    def _read(self, folder: Path) -> dict[str, list[str]]:
        """Names in a folder by stem, of clips that go."""
        names: dict[str, list[str]] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    stem = _parts(entry.name)[0]
                    if stem in self._stems:
                        names.setdefault(stem, []).append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {stem: sorted(found) for stem, found in names.items()}


def remove_with_sidecars(clips: Iterable[Path], suffixes: tuple[str, ...]) -> None:
    """Delete clips that came back although they must not, with the caption files that are theirs alone.

    Raises:
        OSError: one cannot be deleted.
    """
    gone = list(clips)
    sidecars = UsedSidecars(gone, suffixes)
    for clip in gone:
        for sidecar in sidecars.of(clip):
            if sidecar.user is None:
                sidecar.path.unlink(missing_ok=True)
        clip.unlink(missing_ok=True)


def _parts(name: str) -> tuple[str, str]:
    """Stem and ending, as the listing tells them."""
    stem, dot, ending = name.rpartition(".")
    return (stem, f".{ending}") if dot else (name, "")
