"""Every reason for which a clip can be missing from the training table: who gives it, and what it means.

`why`, the reports and docs/results.md read it here.
Belongs here: putting the vocabularies together. Does not belong here: the words themselves, which stand with the code that uses
them (`sources.listed`, `sources.own_clips.statuses`, `sources.fetching.fetches`, `sources.openvid.rules.members`,
`core.filters`, `core.verdicts`, `publish.rules.drops`, `tombstones.matching`, `select.rules`, `sources.web.rules.faults`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from video_assets.core import filters, verdicts
from video_assets.publish.rules import drops
from video_assets.select.rules import licences, limits, lint
from video_assets.sources import listed
from video_assets.sources.fetching import fetches
from video_assets.sources.openvid.rules import members
from video_assets.sources.own_clips import statuses as own_clips
from video_assets.sources.web.rules import faults as web_faults
from video_assets.tombstones import matching as takedown

CHECK = "decode_check"


@dataclass(frozen=True)
class Reason:
    """The stages (assets) that drop a clip for it, and what it means, in a sentence."""

    stages: tuple[str, ...]
    meaning: str


def _of(stages: tuple[str, ...], meanings: Mapping[str, str]) -> Iterator[tuple[str, Reason]]:
    return ((name, Reason(stages, meaning)) for name, meaning in meanings.items())


def _joined(*vocabularies: Mapping[str, Reason]) -> dict[str, Reason]:
    """One vocabulary; a word of several stages has the meaning of the last of them."""
    found: dict[str, Reason] = {}
    for name, reason in (each for vocabulary in vocabularies for each in vocabulary.items()):
        before = found.get(name, Reason((), "")).stages
        found[name] = Reason(tuple(dict.fromkeys((*before, *reason.stages))), reason.meaning)
    return found


# A clip whose verdict is not about its contents (timeout, ...) has the verdict as its reason.
_VERDICTS = {name: meaning for name, meaning in verdicts.VERDICTS.items() if name not in {"good", "bad"}}
_FAULTS = {name: f"{reason.meaning}; {reason.advice}" for name, reason in verdicts.REASONS.items()}

REASONS: dict[str, Reason] = _joined(
    dict(_of(("own_clips", "openvid", "miradata", "hub"), listed.REASONS)),
    dict(_of(("own_clips", "hub"), own_clips.REASONS)),
    dict(_of(("hub",), {"not_selected": fetches.REASONS["not_selected"]})),
    dict(_of(("openvid", "miradata"), fetches.REASONS)),
    dict(_of(("openvid",), members.REASONS)),
    dict(_of(("miradata",), web_faults.REASONS)),
    {name: Reason((filters.STAGES[name],), meaning) for name, meaning in filters.REASONS.items()},
    dict(_of((drops.STAGE,), drops.REASONS)),
    dict(_of((limits.STAGE,), limits.REASONS)),
    dict(_of(("training_csv",), {**licences.REASONS, **lint.REASONS})),
    dict(_of(("enriched_metadata", "training_csv"), takedown.REASONS)),
    dict(_of((CHECK,), {**_FAULTS, **_VERDICTS})),
)
"""By reason, in the order of the stages. Of a source's reasons the stage is the source's own name."""

MEANINGS = {name: reason.meaning for name, reason in REASONS.items()}
