"""Every reason for which a clip can be missing from the training table, with its meaning: one list for `why`, reports and docs.

Belongs here: putting the vocabularies together. Does not belong here: the words themselves, which stand with the code that uses
them (`sources.own_clips.rules`, `sources.fetching.rules`, `sources.openvid.rules.members`, `core.filters`, `tombstones.rules`,
`core.verdicts`, `sources.web.rules.faults`).
"""

from video_assets.core import filters, verdicts
from video_assets.sources.fetching import rules as fetches
from video_assets.sources.openvid.rules import members
from video_assets.sources.own_clips import rules as ledger
from video_assets.sources.web.rules import faults as web_faults
from video_assets.tombstones import rules as takedown

MEANINGS: dict[str, str] = {
    **ledger.REASONS,
    **fetches.REASONS,
    **members.REASONS,
    **web_faults.REASONS,
    **filters.REASONS,
    **takedown.REASONS,
    **{name: f"{reason.meaning}; {reason.advice}" for name, reason in verdicts.REASONS.items()},
    **{name: meaning for name, meaning in verdicts.VERDICTS.items() if name not in {"good", "bad"}},
}
"""Meaning by reason. A clip whose verdict is not about its contents (timeout, ...) has the verdict as its reason."""
