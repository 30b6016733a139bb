"""Clips cut out of longer videos: what is cheaper to download, and what was cut, as a sentence that can be read again.

Belongs here: arithmetic and words. Does not belong here: cutting (`media.cutting.span`), transfer (`sources.web.videos`).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

# One more request costs a second or two of waiting, and what a container has beside its frames.
_SECTION_OVERHEAD_BYTES = 1_500_000
# Frames before a clip's first one, back to a key frame, and what a reader takes too much.
_LEAD_S = 6.0


def plan_sections(
    spans: Sequence[tuple[float, float]], *, duration_s: float | None, n_bytes: int | None
) -> list[tuple[float, float]] | None:
    """Merged spans to read out of a web video, or None when downloading the whole of it costs no more.

    Args:
        spans: start and end of the clips, seconds.
        duration_s: how long the web video is, None when unknown.
        n_bytes: how large it is, None when unknown.

    >>> plan_sections([(100, 110), (105, 130)], duration_s=3600, n_bytes=900_000_000)
    [(94.0, 130)]
    >>> plan_sections([(0, 60)], duration_s=70, n_bytes=10_000_000) is None
    True
    """
    if not duration_s or not n_bytes:
        return None
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted((max(0.0, start - _LEAD_S), end) for start, end in spans):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    covered_s = sum(end - start for start, end in merged)
    cost = covered_s / duration_s * n_bytes + (1 + len(merged)) * _SECTION_OVERHEAD_BYTES
    return merged if cost < n_bytes else None


# --- what was cut ---------------------------------------------------------------------------------------------------------------


class Cut(NamedTuple):
    """A clip as it was cut.

    `method`: copy, smart (some frames encoded) or encode (all). `start_s`, `end_s`: where it really starts and ends, seconds of
    the source video. `n_frames` decode; `n_wanted` is what the source video has in the span that was wanted. `note` says how
    that span was found when not by its seconds.
    """

    method: str
    start_s: float
    end_s: float
    n_frames: int
    n_wanted: int
    note: str = ""

    def as_json(self) -> dict[str, str | float]:
        """For the clip's extras; no empty note."""
        return {name: value for name, value in self._asdict().items() if value != ""}

    def as_text(self) -> str:
        """A sentence for the ledger, which `parse_cut` reads."""
        place = f"{self.start_s:.6f} s to {self.end_s:.6f} s"
        said = f"{self.method}: {place}, {self.n_frames} frames decode, {self.n_wanted} were wanted"
        return f"{said} ({self.note})" if self.note else said


_CUT = re.compile(r"(\w+): ([\d.-]+) s to ([\d.]+) s, (\d+) frames decode, (\d+) were wanted(?: \(([^()]*)\))?")


def parse_cut(text: str) -> Cut | None:
    """What `Cut.as_text` wrote; None when it is something else.

    >>> parse_cut(Cut("copy", 20.5, 30.5, 300, 300).as_text())
    Cut(method='copy', start_s=20.5, end_s=30.5, n_frames=300, n_wanted=300, note='')
    """
    match = _CUT.search(text)
    if match is None:
        return None
    return Cut(match[1], float(match[2]), float(match[3]), int(match[4]), int(match[5]), match[6] or "")
