"""What became of archives, as values.

Belongs here: those values. Does not belong here: fetching (`sources.openvid.archive`, `sources.openvid.fetch`).
"""

from dataclasses import dataclass, field

from video_assets.core.errors import MendableError
from video_assets.sources.fetching.fetches import FetchSummary


class StoppedError(MendableError):
    """The run ended while an archive was fetched."""


@dataclass
class Transfer:
    """What a run did: clips fetched, clips that were there without a line, clips fetched again by label."""

    fetched: int = 0
    adopted: int = 0
    repaired: dict[str, int] = field(default_factory=dict)
    warned: int = 0
    is_repeated: bool = False  # bytes were read twice, since they did not fit the first time


@dataclass(frozen=True)
class ArchiveResult:
    """An archive whose ledger was written. `sha256` says whether the archive as a whole was verified, in words."""

    summary: FetchSummary
    transfer: Transfer
    n_bytes_fetched: int
    sha256: str
    content_hash: str


@dataclass(frozen=True)
class ArchiveOutcome:
    """What became of one archive; `failure` is why its ledger was not written, and what to do; `seconds` is wall time."""

    archive: str
    revision: str = ""
    failure: str = ""
    result: ArchiveResult | None = None
    seconds: float = 0.0
