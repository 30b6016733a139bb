"""What a listing of clips gives, whatever the source.

Belongs here: that value. Does not belong here: making one (`sources.ledgers`, `sources.hub_dataset.listing`).
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Listing:
    """A ledger that is on disk and current: where, its hash, its rows, and sentences that the user should read."""

    path: Path
    content_hash: str
    n_rows: int
    notes: list[str]
