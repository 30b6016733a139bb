"""Which clips a take-down is about: those that tombstones name in any table.

Belongs here: asking the tables. Does not belong here: matching (`tombstones.matching`), clips with the same bytes that no table
knows as such (`takedown.same_bytes`), removing (`takedown.take_down`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from video_assets.core.schema import KEY
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import groups, opened
from video_assets.takedown.outcome import FoundClip
from video_assets.takedown.scrub import NAMING, tables_of
from video_assets.tombstones.matching import Tombstones, are_among

_FACTS = ("source", "path", "content_hash")


def find(
    layout: Layout, stones: Tombstones, *, known: Mapping[str, FoundClip] = MappingProxyType({}), by: Sequence[str] = NAMING
) -> dict[str, FoundClip]:
    """Clips that any table names by something in `stones`, with what all tables together know of them; but those `known`.

    `by` are the columns that can name them.
    """
    causes: dict[str, str] = {}
    for path in tables_of(layout):
        for rows in _rows(path, by):
            found = stones.causes(rows)
            hits = found[found != ""]
            for key, cause in zip(rows["clip_key"][hits.index], hits, strict=True):
                causes.setdefault(key, cause)
    causes = {key: cause for key, cause in causes.items() if key not in known}
    facts = facts_of(layout, causes)
    return {key: FoundClip(clip_key=key, cause=causes[key], **fact) for key, fact in facts.items()}


def facts_of(layout: Layout, clip_keys: Collection[str]) -> dict[str, dict[str, str]]:
    """What all tables together know of clips."""
    facts: dict[str, dict[str, str]] = {key: {} for key in clip_keys}
    for path in tables_of(layout) if facts else ():
        for rows in _rows(path, (*_FACTS, "origin", "reason")):
            for row in rows[are_among(rows["clip_key"], facts)].to_dict("records"):
                so_far = facts[row["clip_key"]]
                told = {name: row[name] for name in _FACTS if isinstance(row.get(name), str)}
                # What the ledger says goes before what other tables say; only its reason tells whose file it is.
                facts[row["clip_key"]] = {**so_far, **told, "reason": row["reason"]} if "origin" in row else {**told, **so_far}
    return facts


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Clip keys and those of the wanted columns that a table has, a row group at a time; nothing of a table without these."""
    with opened(path) as file:
        names = file.schema_arrow.names
        columns = [name for name in names if name in wanted]
        if KEY.name in names and columns:
            yield from (table.to_pandas() for table in groups(file, [*dict.fromkeys([KEY.name, *columns])]))
