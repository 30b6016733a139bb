"""What a user may demand of the pictures of a good clip, and what it is called when a clip does not give it.

Belongs here: those demands, as values. Does not belong here: how they are looked for (`media.stillness`, `media.sinks`), dropping
clips (`core.filters`), pandas (settings read this).
"""

from dataclasses import dataclass
from typing import Literal

Refused = Literal["static", "black"]

REASONS = {
    "black_video": "there is nothing to see but black (decode.refused_pictures)",
    "static_video": "the picture hardly ever changes (decode.refused_pictures)",
    "late_start": "the first picture comes later after the clip's start than decode.max_start_gap_s",
    "missing_pictures": "without a picture at start and end for longer than decode.max_missing_s",
}
"""In the order in which they are looked for: the first that holds is the clip's."""


@dataclass(frozen=True)
class PictureDemands:
    """Kinds of pictures that are refused, and limits in seconds; by default nothing is."""

    refused: tuple[Refused, ...] = ()
    max_start_gap_s: float | None = None
    max_missing_s: float | None = None

    @property
    def flags(self) -> dict[str, str]:
        """By reason, the column of CHECKED that must not be true."""
        return {f"{kind}_video": f"is_{kind}" for kind in ("black", "static") if kind in self.refused}

    @property
    def limits(self) -> dict[str, tuple[str, float]]:
        """By reason, the column of CHECKED that must not be larger, and the limit, seconds."""
        wanted = {"late_start": ("starts_at_s", self.max_start_gap_s), "missing_pictures": ("missing_s", self.max_missing_s)}
        return {reason: (column, limit) for reason, (column, limit) in wanted.items() if limit is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that must be known to decide.

        >>> PictureDemands(refused=("black",), max_missing_s=1.0).columns
        ('is_black', 'missing_s')
        """
        return (*self.flags.values(), *(column for column, _ in self.limits.values()))
