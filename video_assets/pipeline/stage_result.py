"""What the stages that work on whole tables give back.

Belongs here: that value. Does not belong here: making it (`pipeline.enrich`, `pipeline.size_filter`), describing it
(`report.about`).
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StageResult:
    """A stage that is on disk and current: where, its hash, and how many clips were measured for it (0: nothing had changed)."""

    path: Path
    content_hash: str
    n_new: int = 0
