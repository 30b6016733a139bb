"""What a listing of clips gives, and what is said of its clips, whatever the source.

Belongs here: that value and that vocabulary. Does not belong here: making one (`sources.ledgers`, `sources.hub_dataset.listing`).
"""

from dataclasses import dataclass
from pathlib import Path

# What `why` says of every source; `docs/results.md` has it in its table.
REASONS = {
    "source_off": "its source is not enabled (`is_enabled`, `openvid.family`; own clips: `own_clips.folder`): its clips are in "
    "no table, their files stay",
}


@dataclass(frozen=True)
class Listing:
    """A ledger that is on disk and current: where, its hash, its rows, and sentences that the user should read."""

    path: Path
    content_hash: str
    n_rows: int
    notes: list[str]
