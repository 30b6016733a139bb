"""What sites have done lately, and which are left alone until when, in a file that all runs share.

Belongs here: that file. Does not belong here: the rules (`sources.web.rules.patience`).
"""

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

from video_assets.sources.web.rules.patience import Limits, SiteState
from video_assets.storage.durable import write_text

_log = logging.getLogger(__name__)


class Pauses:
    """Sites by name. Without the file nothing speaks against any site: it is asked, and says so again."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits

    def sites(self) -> dict[str, SiteState]:
        """The sites against which something speaks."""
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(site): SiteState.of(state) for site, state in noted.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            _log.warning("%s: not readable (%s); all sites count as not paused", self._path, error)
            return {}

    def state(self, site: str) -> SiteState:
        """One site."""
        return self.sites().get(site, SiteState())

    def remaining_s(self, site: str) -> float:
        """Seconds for which it is still left alone."""
        return self.state(site).remaining_s(self._limits, now_s=time.time())

    def paused(self) -> dict[str, float]:
        """The sites that are left alone now, each with the time until which, seconds since 1970."""
        now_s = time.time()
        return {site: state.until for site, state in self.sites().items() if state.remaining_s(self._limits, now_s=now_s)}

    def take(self, site: str, reason: str, *, asked_s: float | None = None) -> SiteState:
        """Note one answer ("" is a video), see `SiteState.after`; returns the site's state."""
        sites = self.sites()
        before = sites.pop(site, SiteState())
        state = before.after(reason, self._limits, now_s=time.time(), asked_s=asked_s)
        if state != before:
            told = sites | ({site: state} if state != SiteState() else {})
            write_text(self._path, json.dumps({name: asdict(each) for name, each in told.items()}, indent=1, sort_keys=True))
        return state
