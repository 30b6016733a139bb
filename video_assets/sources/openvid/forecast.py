"""What the next run would fetch of OpenVid. Asks the hub what there is, and writes nothing.

Belongs here: putting listing, captions and ledgers together for an estimate. Does not belong here: fetching
(`sources.openvid.fetch`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from video_assets.core.fetch_errors import FetchError
from video_assets.core.schema import LEDGER
from video_assets.core.units import count, size
from video_assets.settings.model import Settings
from video_assets.settings.sources import OpenVid
from video_assets.sources.expected import Expected
from video_assets.sources.openvid.captions import captions_identity, captions_size, read_scores
from video_assets.sources.openvid.fetch import notes_of_ledgers, selection_of
from video_assets.sources.openvid.listing import look_at_listing, read_listing
from video_assets.sources.openvid.rules.due import (
    AVERAGE_CLIP_BYTES,
    count_wanted,
    due_archives,
    estimate_bytes,
    ledger_version,
)
from video_assets.sources.openvid.rules.listing import Listing, choose_archives
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_note, read_table


def expect(layout: Layout, settings: Settings) -> Expected:
    """Archives that are due, by the newest commit, or by the last listing when the hub does not answer.

    Raises:
        FetchError: the hub does not answer, and nothing was listed before.
        SourceError, UsageError: the settings name what is not there.
    """
    openvid, notes = settings.openvid, list[str]()
    listing = _listing(layout, openvid, notes)
    selection, identity = selection_of(openvid), captions_identity(openvid, listing)
    wanted = choose_archives(listing, None if openvid.archives == "all" else openvid.archives)
    versions = {key: ledger_version(archive=listing.data_version(key), captions=identity, selection=selection) for key in wanted}
    due = due_archives(versions, notes_of_ledgers(layout, settings))
    rows = _scores(layout, openvid, identity)
    if rows is None:
        notes.append(
            f"the table of captions ({size(captions_size(openvid, listing))}) is not here: what has none is not known yet"
        )
    n_rows, n_wanted = (0, 0) if rows is None else (len(rows), count_wanted(rows, selection))
    sizes, most = [listing.size(archive) for archive in due], openvid.max_clips_per_archive
    n_bytes = estimate_bytes(sizes, n_rows=n_rows, n_wanted_rows=n_wanted, max_clips=most)
    transfer = {"local": 0, "archive": sum(sizes), "stream": n_bytes}
    notes += [f"{count(len(due), 'archives')} of {len(wanted):,} would be asked: {_first(due)}"] if due else []
    return Expected(
        source=openvid.source_name,
        offered=None if rows is None else n_wanted,
        there=_n_there(layout, openvid, wanted),
        to_fetch=sum(min(n, most or n) for n in _clips(listing, due, rows, n_wanted)),
        n_bytes=n_bytes,
        n_transfer=transfer[openvid.mode],
        notes=tuple(notes),
    )


def _listing(layout: Layout, openvid: OpenVid, notes: list[str]) -> Listing:
    try:
        return look_at_listing(layout, openvid)
    except FetchError as error:
        try:
            known = read_listing(layout, openvid)
        except StageError:
            raise error from None
        notes.append(f"{error} By the last listing, commit {known.revision[:12]}.")
        return known


def _scores(layout: Layout, openvid: OpenVid, identity: str) -> pd.DataFrame | None:
    """Every row of the captions, when the table that is here is that of the listing."""
    path = layout.captions(openvid.source_name)
    if not path.exists() or read_note(path).get("identity") != identity:
        return None
    return read_scores(path)


def _clips(listing: Listing, archives: Iterable[str], rows: pd.DataFrame | None, n_wanted: int) -> Iterator[int]:
    """Wanted clips of each archive: of all rows by its part of all bytes, or by the usual size of a clip."""
    total = sum(map(listing.size, listing.archives))
    for archive in archives:
        n_bytes = listing.size(archive)
        yield round(n_bytes / AVERAGE_CLIP_BYTES if rows is None else n_wanted * n_bytes / total)


def _n_there(layout: Layout, openvid: OpenVid, wanted: Sequence[str]) -> int:
    paths = [layout.partition_ledger(openvid.source_name, archive) for archive in wanted]
    return sum(
        int((read_table(path, LEDGER, columns=["status"]).rows["status"] == "ok").sum()) for path in paths if path.exists()
    )


def _first(due: Mapping[str, str]) -> str:
    told = [f"{archive} ({why})" for archive, why in list(due.items())[:3]]
    return ", ".join(told) + (f" and {len(due) - 3:,} more" if len(due) > 3 else "")
