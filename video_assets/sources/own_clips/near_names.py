"""Names that mean a file without spelling it: other case or accents, blanks, `%20`, `file://`, backslashes, no ending.

Belongs here: which of the files that are there such a name can mean. Does not belong here: exact names, and where files may lie
(`sources.own_clips.places`).
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

_DRIVE = re.compile(r"[A-Za-z]:/")


def plain(cell: str) -> str:
    r"""A cell without what other systems put into paths: `file://`, backslashes, `%20`, blanks at both ends.

    >>> plain("file:///clips/my%20dog.mp4"), plain("clips\\a.mp4 "), plain("100%.mp4")
    ('/clips/my dog.mp4', 'clips/a.mp4', '100%.mp4')
    """
    text = cell.strip()
    text = text[7:] if text.lower().startswith("file://") else text
    return unquote(text).replace("\\", "/")


class NearNames:
    """Files by every spelling of their names; `names` are paths below one folder, which is called `folder`."""

    def __init__(self, names: Iterable[str], *, folder: str, suffixes: Iterable[str]) -> None:
        self._suffixes = tuple(suffixes)
        self._folder = folder.rpartition("/")[2]
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_id: dict[str, list[str]] = defaultdict(list)
        for name in names:
            folded = _fold(name)
            stem = os.path.splitext(folded)[0]  # noqa: PTH122 - a million names
            self._by_name[folded].append(name)
            self._by_stem[stem].append(name)
            self._by_id[stem.rpartition("/")[2]].append(name)

    def find(self, path: str) -> Sequence[str]:
        """Files that `path`, relative and plain, can mean: more than one is no answer.

        Without an ending it is an id: below the folder as a path without its ending, else in any folder below it.
        """
        if _DRIVE.match(path):
            return self._of_another_machine(path)
        folded = _fold(path)
        if found := self._by_name.get(folded):
            return found
        if folded.endswith(self._suffixes):
            return ()
        if found := self._by_stem.get(folded):
            return found
        return self._by_id.get(folded, ()) if "/" not in folded else ()

    def _of_another_machine(self, path: str) -> Sequence[str]:
        """`C:/data/clips/a/1.mp4` is `a/1.mp4` of a folder `clips`, or `clips/a/1.mp4` of any; `1.mp4` alone proves nothing."""
        parts = _fold(path).split("/")[1:]
        for at in range(len(parts) - 1):
            rest = "/".join(parts[at + 1 :])
            if parts[at] == _fold(self._folder) and (found := self._by_name.get(rest)):
                return found
            if found := self._by_name.get("/".join(parts[at:])):
                return found
        return ()


def names_in(folder: str, suffixes: frozenset[str]) -> NearNames:
    """Files directly in a folder; none when it cannot be listed."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - text, not paths
    except OSError:  # whoever looks for a single file there is told so
        names = []
    return NearNames(names, folder=folder, suffixes=suffixes)


def _fold(path: str) -> str:
    """One spelling for names that look the same."""
    parts = unicodedata.normalize("NFC", path).casefold().split("/")
    return unicodedata.normalize("NFC", "/".join(part.strip() for part in parts if part not in {"", "."}))
