"""Files of a hub's data set as values: what a commit says of each of them.

Belongs here: a file, and the order of names. Does not belong here: asking the hub (`sources.hub.repo`), what files mean together
(`sources.openvid.rules.listing`).
"""

import re
from typing import NamedTuple


class HubFile(NamedTuple):
    """One file of a commit.

    `size` in bytes. `sha256` is known for files in large-file storage, archives and big tables among them; all files have
    `git_oid`, the SHA-1 that git gives the contents (of the pointer, for files in large-file storage).
    """

    path: str
    size: int
    sha256: str | None
    git_oid: str
    xet_hash: str | None = None

    @property
    def identity(self) -> str:
        """Equal for equal contents."""
        return self.sha256 or self.git_oid


def natural(name: str) -> tuple[str | int, ...]:
    """Sort key in which part2 comes before part10.

    >>> sorted(["part10", "part2"], key=natural)
    ['part2', 'part10']
    """
    return tuple(int(part) if at % 2 else part for at, part in enumerate(re.split(r"([0-9]+)", name)))
