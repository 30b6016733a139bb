"""What only a publication leaves out: copies of another clip, and what a person excluded.

Belongs here: those two rules. Does not belong here: their order (`publish.which_rows`), drops of the stages before
(`core.filters`), reading exclude.csv (`publish.exclusions`). `what_if.rules.fates` has the first rule again, over whole columns;
a test holds the two together.
"""

from collections.abc import Mapping

import pandas as pd

from video_assets.core.filters import Split, drop

STAGE = "training_csv"
REASONS = {
    "excluded": "somebody left it out; delete its row in DATA_ROOT/exclude.csv to have it back",
    "duplicate_content": "another clip has the same bytes; the first by clip key is kept (training.duplicates)",
}


def drop_excluded(clips: pd.DataFrame, details: Mapping[str, str]) -> Split:
    """Clips that a person wants left out; `details` by clip key."""
    detail = clips["clip_key"].map(details)
    return drop(clips, detail.notna(), stage=STAGE, reason="excluded", detail=detail)


def drop_duplicate_content(clips: pd.DataFrame) -> Split:
    """Of clips with the same bytes, keep the first by clip key; clips without a content hash are all kept."""
    hashes = clips["content_hash"]
    twins = clips[hashes.notna() & hashes.duplicated(keep=False)].sort_values("clip_key")
    first = twins.groupby("content_hash")["clip_key"].transform("first")
    copies = first.index[first != twins["clip_key"]]
    mask = pd.Series(clips.index.isin(copies), index=clips.index)
    return drop(clips, mask, stage=STAGE, reason="duplicate_content", detail="same bytes as " + first)
