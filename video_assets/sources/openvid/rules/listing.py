"""What a data set offers at one commit: its files, which of them make up which archive, which hold captions.

Belongs here: the listing as a value, choosing from it. Does not belong here: how archives are recognized
(`sources.openvid.rules.archive_names`), asking the hub (`sources.hub.repo`), where listings lie (`sources.openvid.listing`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from video_assets.core.errors import UsageError
from video_assets.core.fetch_errors import IncompleteSetError, NotOnHubError
from video_assets.sources.hub.hub_file import HubFile, natural


@dataclass(frozen=True)
class Listing:
    """A data set at one commit, or a folder with the same files (its `revision` is made of names, sizes and times).

    `pattern`: how archives are recognized. `archives`: paths of the pieces in order (one for a whole zip) by partition key, in
    natural order. `unusable`: why, by the partition key of archives that cannot be used. `captions`: tables of captions.
    `warnings`: sentences for the user.
    """

    repo: str
    revision: str
    pattern: str
    files: Mapping[str, HubFile]
    archives: Mapping[str, tuple[str, ...]]
    unusable: Mapping[str, str] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def pieces(self, archive: str) -> tuple[HubFile, ...]:
        """Files of one archive, in order.

        Raises:
            IncompleteSetError: the archive is listed as unusable.
            NotOnHubError: there is no such archive at this commit.
        """
        if archive in self.unusable:
            raise IncompleteSetError(f"{archive} of {self.repo} at {self.revision[:12]}: {self.unusable[archive]}")
        if archive not in self.archives:
            raise NotOnHubError(
                f"{archive}: no such archive in {self.repo} at {self.revision[:12]} ({len(self.archives)} archives, "
                f"{_ends(list(self.archives))}); materialize the listing again if the data set has changed"
            )
        return tuple(self.files[path] for path in self.archives[archive])

    def size(self, archive: str) -> int:
        """Bytes of one archive."""
        return sum(file.size for file in self.pieces(archive))

    def data_version(self, archive: str) -> str:
        """Changes when the bytes of the archive change, and only then: 32 hex digits."""
        pieces = [[file.identity, file.size] for file in self.pieces(archive)]
        return hashlib.sha256(json.dumps(pieces).encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Text that `from_json` reads; the same listing gives the same text."""
        return json.dumps({**asdict(self), "files": [file._asdict() for file in self.files.values()]}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Listing":
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        raw = json.loads(text)
        files = [HubFile(**file) for file in raw.pop("files")]
        return cls(
            files={file.path: file for file in files},
            archives={key: tuple(paths) for key, paths in sorted(raw.pop("archives").items(), key=lambda item: natural(item[0]))},
            captions=tuple(raw.pop("captions")),
            warnings=tuple(raw.pop("warnings")),
            **raw,
        )


def choose_archives(listing: Listing, wanted: Iterable[str | int] | None) -> list[str]:
    """Partition keys of the wanted archives (all when None), in natural order; a number means the archive of that number.

    Raises:
        UsageError: something is wanted that is not there, or cannot be used.
    """
    if wanted is None:
        return list(listing.archives)
    by_number = {int(key[len(key.rstrip("0123456789")) :] or -1): key for key in (*listing.archives, *listing.unusable)}
    chosen = {by_number.get(int(name), str(name)) if str(name).isdigit() else str(name) for name in wanted}
    if broken := sorted(chosen & set(listing.unusable), key=natural):
        raise UsageError(f"openvid.archives: {broken[0]} cannot be used: {listing.unusable[broken[0]]}")
    if unknown := sorted(chosen - set(listing.archives), key=natural):
        raise UsageError(
            f"openvid.archives: {', '.join(unknown[:5])} not in {listing.repo} at {listing.revision[:12]}; "
            f"it has {len(listing.archives)} archives, {_ends(list(listing.archives))}"
        )
    return [key for key in listing.archives if key in chosen]


def _ends(keys: list[str]) -> str:
    return " ... ".join(dict.fromkeys((*keys[:1], *keys[-1:]))) or "none"
