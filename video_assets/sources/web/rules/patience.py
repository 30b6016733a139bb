"""How long to go on with a site: tries per cause, the wait between them, and when a site must be left alone.

Belongs here: decisions as values. Does not belong here: waiting and asking (`sources.miradata.video`), causes
(`sources.web.rules.faults`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from video_assets.core.addresses import youtube_id
from video_assets.sources.web.rules.faults import cause_of

_LONGEST_WAIT_S = 300.0


def site_of(url: str) -> str:
    """What counts as one site: a host; all addresses of YouTube are one.

    >>> site_of("https://youtu.be/abcdefghijk"), site_of("https://cdn.example.org/a.mp4")
    ('youtube.com', 'cdn.example.org')
    """
    return "youtube.com" if youtube_id(url) else (urlsplit(url).hostname or "")


def wait_before_retry(reason: str, *, n_tries: int, first_wait_s: float, asked_s: float | None) -> float | None:
    """Seconds to wait before the next try; None when there shall be none in this run.

    >>> wait_before_retry("network", n_tries=1, first_wait_s=5, asked_s=None), wait_before_retry("private", n_tries=1,
    ...     first_wait_s=5, asked_s=None)
    (5, None)
    """
    if n_tries >= cause_of(reason).max_tries:
        return None
    wait_s = asked_s if asked_s is not None else first_wait_s * 2 ** (n_tries - 1)
    return wait_s if wait_s <= _LONGEST_WAIT_S else None


@dataclass
class Breaker:
    """Counts alarms in a row by site, and knows which sites are left alone until when (seconds since 1970)."""

    max_alarms: int
    pause_s: float
    until: dict[str, float] = field(default_factory=dict)
    alarms: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Mapping[str, Any], *, max_alarms: int, pause_s: float) -> "Breaker":
        """With the pauses that an earlier run has noted."""
        return cls(max_alarms, pause_s, until={str(site): float(until) for site, until in state.items()})

    def remaining_s(self, site: str, *, now_s: float) -> float:
        """Seconds for which the site is still left alone; a clock that was set back does not make it longer than a pause."""
        return max(0.0, min(self.until.get(site, 0.0) - now_s, self.pause_s))

    def take(self, site: str, reason: str, *, now_s: float, asked_s: float | None = None) -> bool:
        """Count one outcome ("" is success); True when the site must be left alone from now on."""
        if not reason or not cause_of(reason).is_alarm:
            # Videos that are gone say nothing about us; one that came says that we are welcome.
            self.alarms.pop(site, None) if not reason else None
            return False
        self.alarms[site] = self.alarms.get(site, 0) + 1
        if self.alarms[site] < self.max_alarms:
            return False
        self.until[site] = now_s + max(self.pause_s, asked_s or 0.0)
        return True
