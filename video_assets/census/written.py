"""The census of every trainer that the settings name, as files: `census/TRAINER.json` and `.png`.

Belongs here: which trainers, their config files, writing. Does not belong here: counting (`census.census`).
"""

import json
from pathlib import Path

from video_assets.census.census import Census, take_census
from video_assets.census.picture import census_png
from video_assets.census.presets import TRAINERS, Wanted, read_config
from video_assets.core.consumers import trainers_with_buckets
from video_assets.core.errors import UsageError
from video_assets.settings.model import Settings
from video_assets.storage.durable import durable_write, write_text
from video_assets.storage.layout import Layout


def write_census(layout: Layout, settings: Settings) -> list[tuple[Census, bytes]]:
    """Take and write the census of the newest version for each trainer of the settings, each with its picture.

    Raises:
        UsageError: a config file is not readable or does not go with its trainer; names it.
        StageError: nothing is published.
        OSError: a config file is not there, or the disk did not take it.
    """
    configs = settings.census.configs
    if unknown := [name for name in configs if name not in TRAINERS]:
        raise UsageError(f"census.configs: there is no trainer {unknown[0]!r}; there are: {', '.join(TRAINERS)}")
    names = trainers_with_buckets((*settings.training.for_, *settings.exports.targets))
    written = [_write(layout, settings, name, configs.get(name)) for name in names]
    for path in layout.census.glob("*.*"):
        if path.stem not in names and path.suffix in {".json", ".png"}:
            path.unlink(missing_ok=True)
    return written


def _write(layout: Layout, settings: Settings, trainer: str, config: Path | None) -> tuple[Census, bytes]:
    wanted = Wanted(config=None if config is None else read_config(config))
    census = take_census(layout, trainer, wanted, batch_size=settings.census.batch_size)
    picture = census_png(census)
    write_text(layout.census / f"{trainer}.json", json.dumps(census.as_record, indent=1) + "\n")
    with durable_write(layout.census / f"{trainer}.png") as file:
        file.write(picture)
    return census, picture
