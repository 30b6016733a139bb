"""Two runs make one table at once: a click beside the sensor, or `video-assets run` beside either.

The one that comes second finds another table than it has looked at. It begins anew, and finds most of the work done.
Belongs here: beginning anew. Does not belong here: noticing it (`storage.patching`, `storage.row_groups`), hours of work, at
which runs take turns (`pipeline.taking_turns`).
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from video_assets.core.errors import ReplacedError

_Asked = ParamSpec("_Asked")
_Made = TypeVar("_Made")
_TIMES = 10


def begun_anew(make: Callable[_Asked, _Made]) -> Callable[_Asked, _Made]:
    """`make`, called again when another run has written a table that it had looked at; at last `ReplacedError` is let through."""

    @wraps(make)
    def made(*args: _Asked.args, **kwargs: _Asked.kwargs) -> _Made:
        for _ in range(_TIMES):
            try:
                return make(*args, **kwargs)
            except ReplacedError:
                continue
        return make(*args, **kwargs)

    return made
