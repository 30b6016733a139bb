"""Today's table beside the one that other limits would make: both counted from the shards, nothing written, no clip opened.

Belongs here: which settings are compared, what a reader must know besides. Does not belong here: fates and sums
(`what_if.rules`), how it looks (`cli.pages`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from video_assets.core.units import count
from video_assets.pipeline.currency import shard_names, shards_to_check
from video_assets.settings.model import Settings
from video_assets.settings.section import Section
from video_assets.settings.steps import Select, Training
from video_assets.storage.layout import Layout
from video_assets.what_if.rules.fates import KEPT
from video_assets.what_if.rules.outcome import Outcome, add_up
from video_assets.what_if.tables import read_shards


@dataclass(frozen=True)
class WhatIf:
    """Both outcomes, clips that would come and go, what the limits are, and what a reader must know besides."""

    now: Outcome
    tried: Outcome
    come: int
    go: int
    limits: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        """JSON-able."""
        return {**vars(self), "now": self.now.as_record(), "tried": self.tried.as_record()}


class _Tried(Section):
    """The sections that are tried, by the names that they have among the settings: errors name the setting in full."""

    select: Select
    training: Training


def with_limits(
    settings: Settings,
    limits: Mapping[str, Any],
    *,
    is_afresh: bool = False,
    trainers: Sequence[str] | None = None,
    licences: Sequence[str] | None = None,
) -> Settings:
    """The settings with other limits.

    Args:
        settings: those of now.
        limits: fields of `[select]`; the others stay as they are, or count as not set when `is_afresh`.
        is_afresh: leave the limits of now out.
        trainers: `training.for`, instead of what is set.
        licences: `training.licences`, instead of what is set.

    Raises:
        pydantic.ValidationError: names the limit and what is allowed.
    """
    known = settings.training.model_dump(by_alias=True)
    given = {"for": trainers, "licences": licences}
    tried = _Tried.model_validate(
        {
            "select": {**({} if is_afresh else settings.select.model_dump()), **limits},
            "training": {**known, **{name: value for name, value in given.items() if value is not None}},
        }
    )
    return settings.model_copy(update={"select": tried.select, "training": tried.training})


def what_if(layout: Layout, settings: Settings, tried: Settings) -> WhatIf:
    """What publishing would give with the settings of now, and with those that are tried.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        StageError: a shard is missing or torn; says what to materialize.
    """
    shards = read_shards(layout, [settings, tried])
    now, then = (
        add_up(shards.clips, fates, words=shards.words.pairs, sources=shards.sources, before=shards.before)
        for fates in shards.fates
    )
    was_kept, is_kept = (fates == KEPT for fates in shards.fates)
    return WhatIf(
        now=now,
        tried=then,
        come=int(np.sum(is_kept & ~was_kept)),
        go=int(np.sum(was_kept & ~is_kept)),
        limits=_limits(tried),
        notes=list(_notes(layout, tried, then)),
    )


def _limits(settings: Settings) -> dict[str, Any]:
    """What is set, by the name of the setting."""
    select = {f"select.{name}": value for name, value in settings.select.model_dump(exclude_defaults=True).items()}
    training = {"training.for": settings.training.for_, "training.licences": settings.training.licences}
    return {**select, **{name: value for name, value in training.items() if value}}


def _notes(layout: Layout, settings: Settings, outcome: Outcome) -> Iterator[str]:
    if stale := shards_to_check(layout, settings):
        yield f"{count(len(stale), 'shards')} must be checked again first ({shard_names(stale)}): counted as they are"
    limit, most = settings.filter.max_file_size_mib, settings.select.max_file_size_mib
    if n_large := outcome.funnel.by_reason.get("file_too_large", 0) if most is not None and most > limit else 0:
        yield f"{count(n_large, 'clips')} of more than {limit:g} MiB (filter.max_file_size_mib), never decoded: not counted in"
    if not outcome.kept:
        yield "no clip is left: that would not be published"
