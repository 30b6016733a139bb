"""Clips of the shards that the product does not take: beyond the user's limits, of a licence not named, refused by a trainer.

Nothing is decoded for it, and the shards stay as they are: it is decided anew at every publication.
Belongs here: reading shards, giving DROPPED rows. Does not belong here: the rules (`select.rules`), the product (`publish`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from video_assets.core.consumers import CONSUMERS
from video_assets.core.filters import drop
from video_assets.core.schema import CHECKED, DROPPED
from video_assets.core.sharding import shard_keys
from video_assets.select.rules import limits as limit_rules
from video_assets.select.rules.licences import REASONS as LICENCE_REASONS
from video_assets.select.rules.licences import licences_of
from video_assets.select.rules.limits import Limits, beyond
from video_assets.select.rules.lint import CHECKED_COLUMNS, lint, lint_reasons, states_no_rate
from video_assets.select.rules.reasons import Reasons, first_of
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
        *(CHECKED_COLUMNS if settings.training.for_ else []),
    ]
    return [*_KEYS, *dict.fromkeys(name for name in wanted if name not in _KEYS)]


def split(clips: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """DROPPED rows of `clips` (columns `columns_of`); the first rule that drops a clip counts."""
    dropped = []
    for rule in _rules(clips, settings):
        reason = pd.Series(rule.reasons.in_words, index=clips.index)
        found = drop(clips, reason != "", stage=rule.stage, reason=reason, detail=rule.details())
        dropped.append(found.dropped)
    every = pd.concat([DROPPED.frame(), *dropped], ignore_index=True)
    return every.drop_duplicates("clip_key", ignore_index=True)


def first_reasons(clips: pd.DataFrame, settings: Settings) -> Iterator[tuple[str, Reasons]]:
    """Stage and reason by which `split` would drop each of `clips`, rule by rule; none where a rule is not the first to drop it.

    Makes no object for a clip: for counting millions.
    """
    is_left = np.ones(len(clips), dtype=bool)
    for rule in _rules(clips, settings):
        reasons = rule.reasons.where(is_left)
        is_left &= reasons.codes == 0
        yield rule.stage, reasons


@dataclass(frozen=True)
class _Rule:
    """One rule on a table: the stage of its reasons, the reason of every clip, and details of it in words."""

    stage: str
    reasons: Reasons
    details: Callable[[], pd.Series]


def _rules(clips: pd.DataFrame, settings: Settings) -> Iterator[_Rule]:
    limits = limits_of(settings)
    if limits.are_set:
        yield _limit_rule(clips, limits)
    if settings.training.licences:
        yield _licence_rule(clips, settings)
    for name in settings.training.for_:
        yield _trainer_rule(clips, name)


def _limit_rule(clips: pd.DataFrame, limits: Limits) -> _Rule:
    reasons = beyond(clips, limits)
    details = np.array([limit_rules.REASONS.get(word, "") for word in reasons.words], dtype=object)
    return _Rule(limit_rules.STAGE, reasons, lambda: pd.Series(details[reasons.codes], index=clips.index))


def _licence_rule(clips: pd.DataFrame, settings: Settings) -> _Rule:
    licences = licences_of(clips, settings.licences)
    (reason,) = LICENCE_REASONS
    is_out = ~licences.isin(settings.training.licences).to_numpy(dtype=bool)
    reasons = first_of([(reason, is_out)], len(clips))
    return _Rule(_STAGE, reasons, lambda: licences.where(licences != "", "no licence is known"))


def _trainer_rule(clips: pd.DataFrame, name: str) -> _Rule:
    consumer, rows = CONSUMERS[name], clips.assign(states_no_rate=states_no_rate(clips))
    return _Rule(_STAGE, lint_reasons(rows, consumer), lambda: name + ": " + lint(rows, consumer)["detail"])
