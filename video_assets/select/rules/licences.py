"""The licence of every clip: its own where the source's table names one, else that of its source.

Belongs here: finding it. Does not belong here: which licences are wanted (`training.licences`).
"""

import json
from collections.abc import Mapping

import pandas as pd

REASONS = {"licence_not_allowed": "its licence is not known, or not one of training.licences"}

_KEYS = ("licence", "license", "Licence", "License")


def licences_of(rows: pd.DataFrame, by_source: Mapping[str, str]) -> pd.Series:
    """Licence of every row (columns source, extras), "" where nobody says."""
    found = rows["source"].map({source: by_source.get(source, "") for source in rows["source"].unique()}).astype(object)
    has_own = rows["extras"].str.contains('"[Ll]icen[cs]e"', regex=True).to_numpy(dtype=bool)
    if has_own.any():
        found[has_own] = [_own(extras) or known for extras, known in zip(rows["extras"][has_own], found[has_own], strict=True)]
    return found


def _own(extras: str) -> str:
    values = json.loads(extras)
    return next((str(values[key]).strip() for key in _KEYS if values.get(key)), "")
