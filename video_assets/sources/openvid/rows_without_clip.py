"""Rows of the captions table that no archive has a clip for: known when every archive of the listing has been read.

Belongs here: finding them, and their ledger beside those of the archives. Does not belong here: clips without a row
(`sources.openvid.rules.members`).
"""

import pandas as pd
import pyarrow.parquet as pq

from video_assets.core.schema import LEDGER
from video_assets.sources.openvid.captions import read_scores
from video_assets.sources.openvid.rules.due import rows_of
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.sources.openvid.rules.members import Selection, name_in
from video_assets.storage.layout import Layout
from video_assets.storage.tables import write_table

NAME = "rows_without_a_clip"


def refresh_rows_without_clip(layout: Layout, source: str, listing: Listing, selection: Selection) -> int | None:
    """Write the ledger of wanted rows without a clip; returns how many, None while archives of the listing are not read.

    Until then nobody knows, so an older ledger of this kind is taken away.
    """
    path = layout.partition_ledger(source, NAME)
    ledgers = {archive: layout.partition_ledger(source, archive) for archive in listing.archives}
    if listing.unusable or not all(ledger.exists() for ledger in ledgers.values()):
        path.unlink(missing_ok=True)
        return None
    there: set[str] = set()
    # Clips of an archive that the data set no longer has are here all the same, and have a line in its ledger.
    for ledger in [layout.partition_ledger(source, archive) for archive in layout.partitions(source) if archive != NAME]:
        keys = pq.read_table(ledger, columns=["clip_key"], partitioning=None)["clip_key"].to_pylist()
        there.update(map(name_in, keys))
    scores = read_scores(layout.captions(source))
    lost = scores[~scores["video"].isin(list(there))]
    rows = rows_of(lost)
    is_wanted = [not selection.why_not(name, rows[name]) for name in lost["video"]]
    return _write(layout, source, lost[pd.Series(is_wanted, index=lost.index, dtype=bool)], n_archives=len(ledgers))


def _write(layout: Layout, source: str, lost: pd.DataFrame, *, n_archives: int) -> int:
    records = [
        {
            "clip_key": f"{source}/{NAME}/{name}",
            "source": source,
            "path": "",
            "text": "",
            "status": "failed",
            "reason": "missing_in_archive",
            "detail": f"line {line} of the captions table; none of the {n_archives} archives has a clip of this name",
            "origin": f"captions table, line {line}",
            "extras": "{}",
        }
        for name, line in lost[["video", "line"]].sort_values("video").itertuples(index=False, name=None)
    ]
    path = layout.partition_ledger(source, NAME)
    if records:
        write_table(path, LEDGER, LEDGER.frame(records))
    else:
        path.unlink(missing_ok=True)
    return len(records)
