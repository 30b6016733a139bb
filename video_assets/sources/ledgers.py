"""Sources and their ledgers.

Belongs here: which ledgers a source has, and writing that of own clips. Does not belong here: how a folder is listed
(`sources.own_clips.listing`), how clips are fetched.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from video_assets.core.schema import LEDGER
from video_assets.settings.model import Settings, Source
from video_assets.sources.own_clips.listing import list_own_clips
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.tables import Table, read_table, write_table
from video_assets.tombstones.rules import bury
from video_assets.tombstones.table import read_tombstones


def ledgers(layout: Layout, sources: Iterable[Source]) -> dict[str, Path]:
    """Ledgers by name: `own_clips`, or `openvid/openvid_part000` for each partition that was materialized."""
    found = {}
    for source in sources:
        if not source.is_partitioned:
            found[source.name] = layout.ledger(source.name)
            continue
        for partition in layout.partitions(source.name):
            found[f"{source.name}/{partition}"] = layout.partition_ledger(source.name, partition)
    return found


def own_clips_notes(layout: Layout) -> list[str]:
    """What the user should know of the last listing of own clips, in sentences."""
    try:
        return json.loads(layout.own_clips_notes.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def refresh_own_clips(layout: Layout, settings: Settings) -> Table:
    """List the user's own clips into their ledger; the result's note holds sentences that the user should read (`notes`).

    Raises:
        SourceError: the folder or the captions table as a whole cannot be used; the ledger stays as it was.
    """
    path = layout.ledger("own_clips")
    previous = read_table(path, LEDGER).rows if path.exists() else None
    listed = list_own_clips(settings.own_clips, previous=previous, now_ns=time.time_ns(), ignore=(layout.root,))
    write_text(layout.own_clips_notes, json.dumps(listed.attrs["notes"], indent=1, ensure_ascii=False) + "\n")
    rows = bury(listed, read_tombstones(layout))
    return Table(rows=rows, note={"notes": listed.attrs["notes"]}, content_hash=write_table(path, LEDGER, rows))
