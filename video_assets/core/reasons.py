"""Every reason for which a clip can be missing from the training table, with its meaning: one list for `why`, reports and docs.

Belongs here: putting the vocabularies together. Does not belong here: the words themselves, which stand with the code that uses
them (`core.ledger`, `core.fetches`, `core.members`, `core.filters`, `core.takedown`, `core.verdicts`,
`core.web_faults`).
"""

from video_assets.core import fetches, filters, ledger, members, takedown, verdicts, web_faults

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
