"""Whether a settings file may replace the one that is at work: what an upgrade on a cluster asks before it changes anything.

Belongs here: that question. Does not belong here: what a setting may be (`settings`), who asks (the chart's hooks).
"""

import os
import tomllib
from pathlib import Path

import dagster as dg

from video_assets.core.errors import UsageError
from video_assets.settings.model import load_settings
from video_assets.settings.steps import Decode


class AtWorkError(UsageError):
    """Not now: something is at work that the change would break."""


def check_settings(file: Path) -> None:
    """Load a settings file and build the whole graph with it.

    Raises:
        UsageError: there is no such file, or Dagster refuses what becomes of it; the message names the setting or says why.
        pydantic.ValidationError: names the setting.
    """
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    os.environ["VIDEO_ASSETS_CONFIG"] = str(file)
    settings = load_settings()
    from video_assets.definitions import build_defs

    try:
        dg.Definitions.validate_loadable(build_defs(settings))
    except dg.DagsterError as error:
        raise UsageError(f"{file}: {' '.join(str(error).split())}") from error


def refuse_new_shards_at_work(before: Path, after: Path) -> None:
    """Nothing happens unless `after` has another number of shards than `before` while $DAGSTER_HOME knows of work on shards.

    Raises:
        AtWorkError: the message says what is at work and how to go on.
    """
    from video_assets.defs.decode import work_on_shards

    old, new = _n_shards(before), _n_shards(after)
    if old == new:
        return
    with dg.DagsterInstance.get() as instance:
        at_work = work_on_shards(instance)
    if at_work:
        raise AtWorkError(
            f"decode.n_shards cannot become {new} now (it is {old}): {at_work} is at work on shards, whose partitions would be "
            "gone. Nothing was changed. Wait for its end, or cancel it in the UI (Runs), then upgrade again: what is decoded "
            "stays, and is not decoded again"
        )


def _n_shards(file: Path) -> int:
    """Of a file that a program of another version may have read."""
    decode = tomllib.loads(file.read_text(encoding="utf-8")).get("decode", {})
    return int(decode.get("n_shards", Decode().n_shards))
