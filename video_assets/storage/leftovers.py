"""Drafts that a kill left behind: files that were being written when the process died.

Belongs here: finding and deleting them by age. Does not belong here: drafts of whole versions (`publish.versions`).
"""

import time

from video_assets.storage.layout import Layout

_FOLDERS = ("raw", "metadata", "filter", "decode", "training", "takedown", "listings")


def remove_old_drafts(layout: Layout, *, older_than_s: float = 24 * 3600.0) -> int:
    """Delete drafts of tables that nobody has written to for a day; returns how many."""
    drafts = [path for folder in _FOLDERS for path in (layout.root / folder).rglob(".draft-*") if path.is_file()]
    doomed = [path for path in drafts if time.time() - path.stat().st_mtime > older_than_s]
    for path in doomed:
        path.unlink(missing_ok=True)
    return len(doomed)
