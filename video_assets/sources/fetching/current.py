"""Listings of a source on the disk, one file per revision, and `current.json`, which says which of them counts.

Belongs here: that pointer, and errors that name the asset to materialize. Does not belong here: their contents (the sources).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

T = TypeVar("T")
_CURRENT = "current"


@dataclass(frozen=True)
class Listings:
    """The listings of `source`, which the asset `asset` writes."""

    layout: Layout
    source: str
    asset: str

    def write(self, revision: str, text: str) -> None:
        """Keep the listing of a revision; which one is current stays as it was."""
        write_text(self.layout.listing(self.source, revision), text)

    def has(self, revision: str) -> bool:
        """There is a listing of this revision."""
        return self.layout.listing(self.source, revision).exists()

    def revisions(self) -> list[str]:
        """The revisions that have a listing, in the order of their names."""
        paths = self.layout.listing(self.source, _CURRENT).parent.glob("*.json")
        return sorted(path.stem for path in paths if path.stem != _CURRENT)

    def read(self, revision: str, parse: Callable[[str], T]) -> T:
        """The listing of a revision.

        Raises:
            StageError: not there, or `parse` cannot read it (ValueError, KeyError, TypeError).
        """
        path = self.layout.listing(self.source, revision)
        try:
            return parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StageError(f"{path} is missing: materialize {self.asset}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise StageError(f"{path}: not readable ({error}): materialize {self.asset}") from None

    def make_current(self, revision: str, **about: str) -> None:
        """Let the listing of this revision count from now on; `about` is for people who look into the file."""
        pointer = json.dumps({"revision": revision, **about}, indent=1, sort_keys=True)
        write_text(self.layout.listing(self.source, _CURRENT), pointer)

    def current_revision(self) -> str:
        """The revision whose listing counts.

        Raises:
            StageError: there is none yet.
        """
        return self.read(_CURRENT, lambda text: str(json.loads(text)["revision"]))
