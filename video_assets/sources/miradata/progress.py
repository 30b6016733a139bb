"""How far the work on MiraData is, from the ledgers of all batches.

Belongs here: reading them. Does not belong here: what they mean together (`rules.progress`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.fetches import FETCHES
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.miradata.ledgers import pauses_of
from video_assets.sources.miradata.listing import read_listing
from video_assets.sources.miradata.rules.progress import Progress, count_days
from video_assets.sources.miradata.rules.rows import ROW_REASONS, SOURCE
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table

_COLUMNS = ["status", "reason", "is_permanent", "finished_at"]


def read_progress(layout: Layout, miradata: MiraData) -> Progress:
    """What was decided of the table's clips so far, on which day, and which sites are left alone.

    Raises:
        StageError: there is no listing yet.
    """
    listing = read_listing(layout)
    cut, lost = count_days(_lines(layout), ignored=ROW_REASONS)
    n_wanted = listing.n_rows - sum(listing.reasons.values())
    return Progress(n_wanted, cut, lost, pauses_of(layout, miradata).paused(), f"{datetime.now(UTC):%Y-%m-%d}")


def _lines(layout: Layout) -> Iterator[tuple[str, str, bool, str]]:
    """One line a clip. Batches that were begun have parts, which must be merged; complete ones are read by columns."""
    folder = layout.fetches(SOURCE, "x").parent
    names = sorted({path.stem for path in folder.glob("*.parquet")} | {path.stem for path in folder.glob("*.parts")})
    for name in names:
        has_parts = any(layout.fetch_parts(SOURCE, name).glob("*.jsonl"))
        path = layout.fetches(SOURCE, name)
        rows = FetchLedger(layout, SOURCE, name).read() if has_parts else read_table(path, FETCHES, columns=_COLUMNS).rows
        yield from zip(*(rows[column].tolist() for column in _COLUMNS), strict=True)
