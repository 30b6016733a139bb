"""Decisions of the source OpenVid that join its parts: captions to clips, what an archive's ledger was made from, what is due.

Belongs here: those joins. Does not belong here: members of archives (`sources.openvid.rules.members`), ledger lines of any source
(`sources.fetching.fetches`), listings (`sources.openvid.rules.listing`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

import pandas as pd

from video_assets.core.captions import extras_json
from video_assets.core.json_values import JsonObject
from video_assets.sources.openvid.rules.members import Row, Selection

NOT_BROKEN = frozenset({"too_long"})
"""Bad verdicts that damage on the way cannot explain; clips with any other are fetched once more."""
LABELS = frozenset({"broken_at_source", "was_broken_in_transit"})
AVERAGE_CLIP_BYTES = 7_300_000
"""Of OpenVid-1M, 7.0 to 7.7 MB by archive; for estimates before a directory was read."""
_DIRECTORY_BYTES = 1_000_000
_SCORES = ("seconds", "aesthetic_score", "motion_score")


def rows_of(captions: pd.DataFrame) -> dict[str, Row]:
    """What the row filter looks at, by file name. `captions` has the columns of SCORED_CAPTIONS."""
    values = captions[["video", *_SCORES]].itertuples(index=False, name=None)
    return {str(name): Row(*(None if number is pd.NA else number for number in numbers)) for name, *numbers in values}


def count_wanted(captions: pd.DataFrame, selection: Selection) -> int:
    """Rows that the row filter wants, whatever archive they are in: `Selection.why_not`, on whole columns."""
    seconds, aesthetic, motion = (captions[name] for name in _SCORES)
    is_wanted = pd.Series(data=True, index=captions.index)
    if selection.names is not None:
        is_wanted &= captions["video"].isin(list(selection.names)).astype(bool)
    for values, limit, is_lower in (
        (seconds, selection.min_seconds, True),
        (seconds, selection.max_seconds, False),
        (aesthetic, selection.min_aesthetic, True),
        (motion, selection.min_motion, True),
    ):
        if limit is not None:
            is_within = values >= limit if is_lower else values <= limit
            is_wanted &= is_within.fillna(value=False).astype(bool)
    return int(is_wanted.sum())


def captions_by_key(captions: pd.DataFrame, *, prefix: str) -> pd.DataFrame:
    """Columns clip_key, text and extras, for `sources.fetching.fetches.to_ledger`; `prefix` is source and partition."""
    others = [name for name in captions.columns if name not in {"video", "text", "line"}]
    rows = captions[others].to_dict("records")
    extras = [extras_json({str(name): value for name, value in row.items() if value is not pd.NA}) for row in rows]
    keys = [f"{prefix}/{name}" for name in captions["video"]]
    return pd.DataFrame({"clip_key": keys, "text": captions["text"].to_numpy(), "extras": extras}, dtype="object")


def ledger_version(*, archive: str, captions: str, selection: Selection) -> str:
    """Changes when an archive's bytes, the captions or the row filter change: then its ledger is made again."""
    chosen = {**asdict(selection), "names": None if selection.names is None else sorted(selection.names)}
    return hashlib.sha256(json.dumps([archive, captions, chosen], sort_keys=True).encode()).hexdigest()[:32]


def estimate_bytes(archive_sizes: Iterable[int], *, n_rows: int, n_wanted_rows: int, max_clips: int | None) -> int:
    """Bytes that fetching archives will transfer, before their directories are known.

    The captions do not say which clip lies where, so the wanted share of all rows is taken for that of every archive.
    """
    share = n_wanted_rows / n_rows if n_rows else 1.0
    total = 0
    for size in archive_sizes:
        wanted = size * share
        if max_clips is not None:
            wanted = min(wanted, max_clips * AVERAGE_CLIP_BYTES)
        total += min(size, round(wanted) + _DIRECTORY_BYTES)
    return total


def due_archives(versions: Mapping[str, str], notes: Mapping[str, JsonObject]) -> dict[str, str]:
    """Archives that must be materialized (again), each with the reason in words.

    Args:
        versions: `ledger_version` that each wanted archive should have, in order.
        notes: note of each ledger that is there.
    """
    due = {}
    for archive, expected in versions.items():
        note = notes.get(archive)
        if note is None:
            due[archive] = "new"
        elif note.get("version") != expected:
            due[archive] = "its bytes, its captions or the row filter have changed"
        elif note.get("waiting"):
            due[archive] = f"{note['waiting']} clips could not be fetched"
    return due
