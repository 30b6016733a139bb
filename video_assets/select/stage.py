"""Clips of the shards that the product does not take: beyond the user's limits, of a licence not named, refused by a trainer.

Nothing is decoded for it, and the shards stay as they are: it is decided anew at every publication.
Belongs here: reading shards, giving DROPPED rows. Does not belong here: the rules (`select.rules`), the product (`publish`).
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from video_assets.core.consumers import CONSUMERS
from video_assets.core.filters import drop
from video_assets.core.schema import CHECKED, DROPPED
from video_assets.core.sharding import shard_keys
from video_assets.select.rules import limits as limit_rules
from video_assets.select.rules.licences import REASONS as LICENCE_REASONS
from video_assets.select.rules.licences import licences_of
from video_assets.select.rules.limits import Limits, beyond
from video_assets.select.rules.lint import COLUMNS, lint
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage

_KEYS = ["clip_key", "source", "path"]
_STAGE = "training_csv"


def limits_of(settings: Settings) -> Limits:
    """The limits that the settings say."""
    return Limits(**settings.select.model_dump())


def unwanted(layout: Layout, settings: Settings) -> pd.DataFrame:
    """DROPPED rows of clips in the shards that the product does not take; a shard at a time, and no captions unless asked for.

    Raises:
        StageError: a shard is missing or torn.
    """
    columns = columns_of(settings)
    if columns == _KEYS:
        return DROPPED.frame()
    shards = shard_keys(settings.decode.n_shards)
    parts = [split(read_stage(layout.checked(shard), CHECKED, columns=columns).kept, settings) for shard in shards]
    return pd.concat([DROPPED.frame(), *parts], ignore_index=True)


def columns_of(settings: Settings) -> list[str]:
    """Columns of CHECKED that the rules look at."""
    wanted = [
        *limits_of(settings).columns,
        *(["extras"] if settings.training.licences else []),
        *(COLUMNS if settings.training.for_ else []),
    ]
    return [*_KEYS, *dict.fromkeys(name for name in wanted if name not in _KEYS)]


def split(clips: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """DROPPED rows of `clips` (columns `columns_of`); the first rule that drops a clip counts."""
    dropped = []
    for stage, reason, detail in _rules(clips, settings):
        found = drop(clips, reason != "", stage=stage, reason=reason, detail=detail)
        dropped.append(found.dropped)
    every = pd.concat([DROPPED.frame(), *dropped], ignore_index=True)
    return every.drop_duplicates("clip_key", ignore_index=True)


def _rules(clips: pd.DataFrame, settings: Settings) -> Iterator[tuple[str, pd.Series, pd.Series | str]]:
    """Stage, reason per clip ("" when none), detail."""
    limits = limits_of(settings)
    if limits.are_set:
        reason = beyond(clips, limits)
        yield limit_rules.STAGE, reason, reason.map(lambda word: limit_rules.REASONS.get(word, ""))
    if settings.training.licences:
        yield _STAGE, *_licence(clips, settings.licences, settings.training.licences)
    for name in settings.training.for_:
        found = lint(clips, CONSUMERS[name])
        yield _STAGE, found["reason"], name + ": " + found["detail"]


def _licence(clips: pd.DataFrame, by_source: dict[str, str], allowed: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    licences = licences_of(clips, by_source)
    (reason,) = LICENCE_REASONS
    told = licences.where(licences != "", "no licence is known")
    return pd.Series(reason, index=clips.index, dtype=object).where(~licences.isin(allowed), ""), told
