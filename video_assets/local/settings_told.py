"""A person who has changed the settings hears whether they can be used; the code server takes them up by itself.

Belongs here: what is said at the terminal. Does not belong here: loading the definitions again (`code_server`).
"""

from collections.abc import Callable

from video_assets.local.settings_file import stamp
from video_assets.settings.model import settings_file
from video_assets.settings.problems import problems_now


class SettingsTold:
    """Looks at the settings file; `say` tells a person that it has changed, and what is wrong with it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._seen = say, stamp(settings_file())

    def look(self) -> None:
        """Costs a `stat` as long as nothing has changed."""
        found = stamp(settings_file())
        if found == self._seen:
            return
        self._seen = found
        problems = problems_now()
        for problem in problems:
            self._say(f"settings changed and cannot be used: {problem}. Nothing is started until that is mended")
        if not problems:
            self._say("settings changed: UI and daemon take them up")
