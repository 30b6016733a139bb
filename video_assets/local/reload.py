"""The web server reads the settings again when their file has changed, as the daemon does by itself.

Belongs here: asking it to, as the button of the UI does. Does not belong here: the daemon (`daemon`).
"""

import json
import threading
import urllib.request
from collections.abc import Callable

from video_assets.local.settings_file import stamp
from video_assets.settings.model import settings_file
from video_assets.settings.problems import problems_now

_TIMEOUT_S = 120.0
_RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "video_assets") { __typename } }'


class Reloader:
    """Looks at the settings file; `say` tells a person that it has changed, and what is wrong with it."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url, self._say = url, say
        self._seen = stamp(settings_file())

    def look(self) -> None:
        """Return at once; the web server is asked in a thread, since it takes some seconds."""
        found = stamp(settings_file())
        if found == self._seen:
            return
        self._seen = found
        problems = problems_now()
        for problem in problems:
            self._say(f"settings changed and cannot be used: {problem}. Nothing is started until that is mended")
        if not problems:
            self._say("settings changed: UI and daemon take them up")
        threading.Thread(target=self._reload, name="reload", daemon=True).start()

    def _reload(self) -> None:
        body = json.dumps({"query": _RELOAD}).encode()
        request = urllib.request.Request(f"{self._url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is this machine: no proxy in between
        try:
            with direct.open(request, timeout=_TIMEOUT_S):
                pass
        except OSError as error:  # it ends, or has more to do than it can
            self._say(f'the web server did not take the settings up ({error}): press "Reload" under Deployment in the UI')
