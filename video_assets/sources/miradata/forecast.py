"""What the next run would fetch of MiraData. Asks no site, and writes nothing.

Belongs here: putting table and ledgers together for an estimate. Does not belong here: fetching (`sources.miradata.batch`), what
share of the web videos can be had (`sources.miradata.survey`).
"""

from collections.abc import Iterable

from video_assets.core.schema import LEDGER
from video_assets.core.units import count
from video_assets.settings.model import Settings
from video_assets.sources.expected import Expected
from video_assets.sources.miradata.ledgers import due_batches
from video_assets.sources.miradata.listing import look_at_listing
from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table

_RETRY = "lost ones are asked for again after miradata.retry_lost_after_days"


def expect(layout: Layout, settings: Settings) -> Expected:
    """Batches of the next run, by the table as it is on this disk.

    Raises:
        SourceError: the table is not there, or is not MiraData's.
    """
    miradata = settings.miradata
    sizes = _sizes_there(layout)
    listing = look_at_listing(layout, miradata)
    if listing is None:
        note = f"its table, {miradata.csv}, lies on the hub: the run fetches it first"
        return Expected(SOURCE, None, len(sizes), None, None, None, (note,))
    chosen = due_batches(layout, miradata, listing)
    asked = sum(sum(listing.sites.get(batch, {}).values()) for batch in chosen)
    mean = sum(sizes) / len(sizes) if sizes else None
    notes = [
        f"{count(len(chosen), 'batches')} of {len(listing.batches):,} would be asked for (miradata.batches_per_night); {_RETRY}"
    ]
    if mean is None:
        notes.append("what share can be had, and of how many bytes: video-assets miradata survey")
    n_bytes = None if mean is None else round(mean * asked)
    return Expected(
        source=SOURCE,
        offered=listing.n_rows - sum(listing.reasons.values()),
        there=len(sizes),
        to_fetch=asked,
        n_bytes=n_bytes,
        n_transfer=None,
        notes=(*notes, f"{listing.n_captioned:,} of its rows have a caption"),
    )


def _sizes_there(layout: Layout) -> list[int]:
    """Bytes of each clip that is here."""
    return [size for batch in layout.partitions(SOURCE) for size in _ok_sizes(layout, batch)]


def _ok_sizes(layout: Layout, batch: str) -> Iterable[int]:
    rows = read_table(layout.partition_ledger(SOURCE, batch), LEDGER, columns=["status", "file_size"]).rows
    return rows.loc[rows["status"] == "ok", "file_size"].dropna().astype("int64").tolist()
