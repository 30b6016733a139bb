"""Tombstones on disk: what was taken down, once and for all. Every source asks before it fetches, enrich before it takes.

Belongs here: reading and adding. Does not belong here: matching (`tombstones.matching`), removing (`takedown.take_down`).
"""

import pandas as pd

from video_assets.storage.damage import DamagedTableError
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_table, write_table
from video_assets.tombstones.matching import TOMBSTONES, Tombstones


def read_tombstones(layout: Layout) -> Tombstones:
    """Everything that was taken down of this data root.

    Raises:
        StageError: the table is there and cannot be read: without it nothing may be fetched or published.
    """
    rows = read_rows(layout)
    return Tombstones(rows[["kind", "value", "cause"]].itertuples(index=False, name=None))


def read_rows(layout: Layout) -> pd.DataFrame:
    """The TOMBSTONES table; empty when nothing was ever taken down.

    Raises:
        StageError: it is there and cannot be read.
    """
    try:
        return read_table(layout.tombstones, TOMBSTONES).rows
    except FileNotFoundError:
        return TOMBSTONES.frame()
    except ValueError as error:
        # What helps with other tables, to delete them, would bring clips back.
        told = f"{layout.tombstones}: {error.why}" if isinstance(error, DamagedTableError) else error
        raise StageError(
            f"the list of what was taken down cannot be read, so nothing may be fetched or published: {told}. "
            f"Do not delete it: restore {layout.tombstones} from a backup, or make it anew from the requests in "
            f"{layout.takedowns} (video-assets takedown REQUEST.json)"
        ) from error


def add_tombstones(layout: Layout, rows: pd.DataFrame) -> None:
    """Add TOMBSTONES rows; those that are there already stay as they are. Durable when it returns."""
    known = read_rows(layout)
    every = pd.concat([known, TOMBSTONES.frame(rows)], ignore_index=True).drop_duplicates(["kind", "value"], ignore_index=True)
    if len(every) > len(known):
        write_table(layout.tombstones, TOMBSTONES, every)


def tombstones_hash(layout: Layout) -> str:
    """Hash of the table, empty when there is none: tables that were made with others are out of date."""
    try:
        return hash_file(layout.tombstones)
    except FileNotFoundError:
        return ""
