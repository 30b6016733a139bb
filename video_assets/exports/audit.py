"""What trainers will not take of the published table, said before anybody exports it.

Belongs here: counting. Does not belong here: the rules (`select.rules.lint`), Dagster's check results (`defs.exports`).
"""

from collections import Counter

import numpy as np
import pandas as pd

from video_assets.core.consumers import CONSUMERS
from video_assets.core.schema import TRAINING
from video_assets.exports.rows import newest_version, read_facts, read_rows
from video_assets.publish.rules.checks import CheckFinding
from video_assets.select.rules.lint import COLUMNS, lint_reasons
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

CHECK = "trainers_can_read"


def trainers_of(settings: Settings) -> tuple[str, ...]:
    """The trainers that the table is held against: those that the settings name, else Open-Sora 1.2, whose CSV it is."""
    return tuple(dict.fromkeys([*settings.training.for_, *settings.exports.targets])) or ("open-sora-1.2",)


def audit_trainers(layout: Layout, settings: Settings) -> CheckFinding:
    """Whether every trainer of the settings can take every row.

    Raises:
        StageError: nothing is published, or its tables are damaged.
    """
    refused: dict[str, Counter[str]] = {name: Counter() for name in trainers_of(settings)}
    facts = read_facts(layout, settings, has_sources=False)
    for part in read_rows(newest_version(layout), facts, [name for name in COLUMNS if name in TRAINING.names]):
        rows = part.select(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype)
        for name, counts in refused.items():
            reasons = lint_reasons(rows, CONSUMERS[name])
            n_clips = np.bincount(reasons.codes, minlength=len(reasons.words)).tolist()
            counts.update(dict(zip(reasons.words, n_clips, strict=True)))
    told = {name: {reason: n for reason, n in sorted(counts.items()) if reason and n} for name, counts in refused.items()}
    text = "; ".join(
        f"{name} would not take " + ", ".join(f"{n:,} {reason}" for reason, n in counts.items())
        for name, counts in told.items()
        if counts
    )
    text += ". To leave them out, name the trainer in training.for" if text else ""
    numbers = {f"refused_by_{name}": sum(counts.values()) for name, counts in told.items()}
    return CheckFinding(CHECK, not text, text or f"{', '.join(told)} can take every clip", numbers)
