"""What sites have done lately, and which are left alone until when, in a file that all runs share.

Belongs here: that file. Does not belong here: the rules (`sources.web.rules.when_to_pause`).
"""

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

from video_assets.sources.web.rules.when_to_pause import Limits, SiteState
from video_assets.storage.durable import write_text

_log = logging.getLogger(__name__)


_VIA = " via "


class Pauses:
    """Sites by name, on each of the ways to them. Without the file nothing speaks against a site: it is asked, and says so."""

    def __init__(self, path: Path, limits: Limits, n_ways: int = 1) -> None:
        self._path, self._limits, self._n_ways = path, limits, n_ways

    def sites(self) -> set[str]:
        """The sites against which something speaks, on some way."""
        return {name.partition(_VIA)[0] for name in self._noted()}

    def _noted(self) -> dict[str, SiteState]:
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(site): SiteState.of(state) for site, state in noted.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            _log.warning("%s: not readable (%s); all sites count as not paused", self._path, error)
            return {}

    def remaining_s(self, site: str) -> float:
        """Seconds for which it is still left alone on every way."""
        noted, now_s = self._noted(), time.time()
        return min(self._remaining_s(noted, site, way, now_s) for way in range(self._n_ways))

    def _remaining_s(self, noted: dict[str, SiteState], site: str, way: int, now_s: float) -> float:
        return noted.get(_key(site, way), SiteState()).remaining_s(self._limits, now_s=now_s)

    def next_way(self, site: str, last: int | None) -> int | None:
        """The way after `last` on which the site may be asked, in turn; None when it is left alone on all of them."""
        noted, now_s, first = self._noted(), time.time(), 0 if last is None else last + 1
        ways = (way % self._n_ways for way in range(first, first + self._n_ways))
        return next((way for way in ways if not self._remaining_s(noted, site, way, now_s)), None)

    def paused(self) -> dict[str, float]:
        """The sites that are left alone now on every way, each with the time until which, seconds since 1970."""
        noted, now_s = self._noted(), time.time()
        found = {}
        for site in {name.partition(_VIA)[0] for name in noted}:
            states = [noted.get(_key(site, way), SiteState()) for way in range(self._n_ways)]
            if all(state.remaining_s(self._limits, now_s=now_s) for state in states):
                found[site] = min(state.until for state in states)
        return found

    def take(self, site: str, reason: str, *, asked_s: float | None = None, way: int = 0) -> SiteState:
        """Note one answer ("" is a video) that came on a way, see `SiteState.after`; returns the site's state there."""
        sites, name = self._noted(), _key(site, way)
        before = sites.pop(name, SiteState())
        state = before.after(reason, self._limits, now_s=time.time(), asked_s=asked_s)
        if state != before:
            told = sites | ({name: state} if state != SiteState() else {})
            write_text(self._path, json.dumps({key: asdict(each) for key, each in told.items()}, indent=1, sort_keys=True))
        return state


def _key(site: str, way: int) -> str:
    """A way is known by its number: proxies and accounts are secrets."""
    return f"{site}{_VIA}{way + 1}" if way else site
