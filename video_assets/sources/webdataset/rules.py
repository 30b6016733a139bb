"""What the members of a shard are: keys by WebDataset's rules, names that may be written, members of one key that go together.

Belongs here: decisions about names. Does not belong here: reading tar files (`sources.webdataset.unpack`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from video_assets.core.text import is_storable

# As WebDataset splits names: folders and all up to the first dot of the base name are the key.
_SAMPLE = re.compile(r"((?:.*/|)[^./][^./]*)\.([^/]+)")


class SampleName(NamedTuple):
    """A member's key (with folders) and its ending (without the dot, as written; may have dots itself)."""

    key: str
    ending: str

    @property
    def suffix(self) -> str:
        """The last part of the ending, lower case, with its dot.

        >>> SampleName("0001", "left.MP4").suffix
        '.mp4'
        """
        return f".{self.ending.rpartition('.')[2].lower()}"

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return f"{self.key}.{self.ending}".rpartition(".")[0]


def plain_name(name: str) -> str:
    """A member's name without `./` before it, which some programs write.

    >>> plain_name("./a/0001.mp4")
    'a/0001.mp4'
    """
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def sample_name(name: str) -> SampleName | None:
    """Key and ending; None for what is no part of a sample: no ending, hidden, or about the shard (`__name__`).

    >>> sample_name("a/0001.left.mp4")
    SampleName(key='a/0001', ending='left.mp4')
    >>> sample_name("README"), sample_name("a/.hidden"), sample_name("__meta__.json")
    (None, None, None)
    """
    match = _SAMPLE.fullmatch(name)
    if match is None:
        return None
    base = match[1].rpartition("/")[2]
    is_about_shard = base.startswith("__") and base.endswith("__")
    return None if is_about_shard else SampleName(match[1], match[2])


def name_problem(name: str) -> str:
    """Why a file may not be written under this name below a folder; empty when it may.

    >>> name_problem("a/0001.mp4"), name_problem("../0001.mp4")
    ('', "the name leads out of the shard's folder")
    """
    if not is_storable(name) or "\\" in name or any(ord(char) < 32 for char in name):
        return "the name has characters that no table or file system takes"
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        return "the name leads out of the shard's folder"
    if any(part in ("", ".") or part.startswith(".") for part in parts):
        return "the name has an empty or hidden folder"
    return "" if all(len(part.encode()) <= 255 for part in parts) else "the name is longer than a file's name may be"


@dataclass
class Samples:
    """The samples of a shard while its members come, in the order of the shard.

    A key that comes back after another key is a second sample by WebDataset's rules. It adds to the first only what that lacks, a
    clip or captions: two clips of one key, each with captions, could otherwise swap them.
    """

    clips: dict[str, list[SampleName]] = field(default_factory=dict)
    captions: dict[str, list[SampleName]] = field(default_factory=dict)
    _names: set[SampleName] = field(default_factory=set)
    _closed: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    _current: str | None = None

    def problem_of(self, name: SampleName, *, is_clip: bool) -> str:
        """Why the next clip or caption of the shard is not taken; empty when it is. Ask in the order of the shard."""
        key = name.key
        if key != self._current:
            if self._current is not None:
                self._closed[self._current] = (self._current in self.clips, self._current in self.captions)
            self._current = key
        if name in self._names:
            return f"the shard has a member of this name already ({name.key}.{name.ending})"
        if self._closed.get(key, (False, False))[0 if is_clip else 1]:
            return f"the shard has a sample of key {key} already; the first one counts"
        return ""

    def add(self, name: SampleName, *, is_clip: bool) -> None:
        """A clip or a caption that was taken."""
        self._names.add(name)
        (self.clips if is_clip else self.captions).setdefault(name.key, []).append(name)

    def n_without_caption(self) -> int:
        """Clips whose sample has no caption."""
        return sum(len(names) for key, names in self.clips.items() if key not in self.captions)

    def copies(self) -> Iterable[tuple[str, str]]:
        """Captions of samples whose clips are not called by the bare key: (file as it came, file beside the clip)."""
        for key, clips in self.clips.items():
            captions = self.captions.get(key, ())
            for clip in clips:
                beside = {f"{clip.stem}{caption.suffix}" for caption in captions if caption.stem == clip.stem}
                for caption in captions:
                    target = f"{clip.stem}{caption.suffix}"
                    if target not in beside:
                        beside.add(target)
                        yield f"{key}.{caption.ending}", target
