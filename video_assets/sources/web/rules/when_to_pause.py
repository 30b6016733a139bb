"""How long to go on with a site: tries per cause, the wait between them, and when a site must be left alone.

Belongs here: decisions as values. Does not belong here: waiting and asking (`sources.miradata.video`), keeping them on the disk
(`sources.web.pause_file`), causes (`sources.web.rules.faults`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Limits:
    """After how many alarms, or refusals, in a row a site is left alone, and for how many seconds."""

    alarms: int
    refusals: int
    pause_s: float


@dataclass(frozen=True)
class SiteState:
    """What a site has done since it gave us its last video.

    `alarms`: bot checks and rate limits. `refusals`: answers that a site also gives to robots (403, a page instead of a video).
    `until`: it is left alone until then, seconds since 1970. All 0 when nothing speaks against it.
    """

    alarms: int = 0
    refusals: int = 0
    until: float = 0.0

    @classmethod
    def of(cls, noted: Any) -> "SiteState":
        """What a file says; earlier versions noted `until` alone."""
        if isinstance(noted, Mapping):
            return cls(int(noted.get("alarms", 0)), int(noted.get("refusals", 0)), float(noted.get("until", 0.0)))
        return cls(until=float(noted))

    def after(self, reason: str, limits: Limits, *, now_s: float, asked_s: float | None = None) -> "SiteState":
        """The state after one more answer; `reason` is empty when a video came, `asked_s` is how long the site wants us to wait.

        Videos that are gone say nothing about us. Counts go on after a pause, so that one more refusal begins the next.
        """
        if not reason:
            return SiteState()
        cause = cause_of(reason)
        counted = replace(self, alarms=self.alarms + cause.is_alarm, refusals=self.refusals + cause.is_refusal)
        is_over = counted.alarms >= limits.alarms or counted.refusals >= limits.refusals
        if counted == self or not is_over:
            return counted
        return replace(counted, until=now_s + max(limits.pause_s, asked_s or 0.0))

    def remaining_s(self, limits: Limits, *, now_s: float) -> float:
        """Seconds for which the site is still left alone; a clock that was set back does not make it longer than a pause."""
        return max(0.0, min(self.until - now_s, limits.pause_s))

    def decides(self, reason: str, *, attempts: int) -> bool:
        """True when a permanent `reason` may be believed, in the state after it.

        Nothing is decided for good while alarms stand. A page instead of a video is believed when it came three times, in
        different runs, and no other refusal is open: the first of a row may be the first that every robot gets.
        """
        return not self.alarms and (not cause_of(reason).is_refusal or (self.refusals <= 1 and attempts >= 3))
