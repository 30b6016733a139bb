"""Dagster's migrations, read once by a process.

Dagster gives each run a database of its own, and Alembic reads all of its 70 scripts for each: 20 ms, and a first
`video-assets run` has it done 16 times.
Belongs here: reading them once. Does not belong here: when a history is migrated (`dagster_home`).
"""

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.sql import get_alembic_config

_read = ScriptDirectory.from_config
_known: dict[str | None, ScriptDirectory] = {}


def read_once() -> None:
    """From now on the scripts of a folder are read when they are asked for the first time."""
    ScriptDirectory.from_config = _from_config  # type: ignore[method-assign]


def read_now() -> None:
    """For forks, which are to find them read."""
    read_once()
    ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__)).get_current_head()


def _from_config(config: Config) -> ScriptDirectory:
    folder = config.get_main_option("script_location")
    if folder not in _known:
        _known[folder] = _read(config)
    return _known[folder]
