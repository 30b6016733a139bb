"""The user's own clips: a folder, a captions table or both, listed into one ledger.

Belongs here: the order of things, what is refused as a whole, what the user should know. Does not belong here: how files are
looked at (`sources.own_clips.scan`, `sources.own_clips.places`), which finding and which caption make a line
(`sources.own_clips.lines`), what lines mean together (`sources.own_clips.statuses`).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from video_assets.core.chunks import Chunks
from video_assets.core.errors import SourceError
from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.caption_tables import tables_named, tables_of
from video_assets.sources.own_clips.grown import TableBefore
from video_assets.sources.own_clips.line_pairs import prompts_of
from video_assets.sources.own_clips.lines import Lines
from video_assets.sources.own_clips.scan import Scan, scan_folder
from video_assets.sources.own_clips.sidecars import SUFFIXES
from video_assets.sources.own_clips.statuses import gone_lines, has_lost_everything, in_order, mark_duplicates, settle
from video_assets.sources.own_clips.table_bytes import TableBytes
from video_assets.sources.own_clips.unchanged import Origin, state_of
from video_assets.storage.aside import MappedTable, mapped_table

_ASIDE = ["source", "path", "text", "extras"]  # what nothing is decided by
_PART = 32_768


@dataclass(frozen=True)
class ListedClips:
    """A listing of which the most is left where it lies: one line per clip, per row that is no clip, and per clip that is gone.

    `notes`: what the user should know beside them; `origin`: what they were made from.
    """

    lines: pd.DataFrame
    """By clip key: what is decided of LEDGER, and `row`, the number of a line's other columns in `aside`."""
    aside: Chunks
    notes: list[str]
    origin: Origin
    forget: Callable[[], None]

    def parts(self) -> Iterator[pd.DataFrame]:
        """LEDGER lines, some thousand at a time."""
        for start in range(0, len(self.lines), _PART):
            some = self.lines.iloc[start : start + _PART]
            others = _others_of(self.aside, some)
            self.forget()
            yield LEDGER.frame(some.reset_index(drop=True).assign(**{name: others[name] for name in _ASIDE}))


def list_own_clips(
    settings: OwnClips,
    *,
    previous: pd.DataFrame | None,
    now_ns: int,
    ignore: tuple[Path, ...],
    scan: Scan | None = None,
    source: str = "own_clips",
) -> pd.DataFrame:
    """`list_in_parts` as one table of LEDGER; notes and origin are in its `attrs`."""
    scan = scan or scan_own_clips(settings, ignore)
    listed = list_in_parts(settings, scan=scan, previous=previous, now_ns=now_ns, source=source)
    out = pd.concat(list(listed.parts()), ignore_index=True)
    out.attrs.update(origin=listed.origin, notes=listed.notes)
    return out


def list_in_parts(
    settings: OwnClips,
    *,
    scan: Scan,
    previous: pd.DataFrame | None,
    now_ns: int,
    source: str = "own_clips",
    whole_rows: Callable[[pd.Series], pd.DataFrame] | None = None,
    beside: Path | None = None,
    contents: TableBytes | None = None,
) -> ListedClips:
    """List the user's clips. The same files, table and previous ledger give the same lines.

    Args:
        settings: where the clips are.
        scan: what `scan_own_clips` found.
        previous: the ledger of the last listing; None at first. Beside `NEEDED`, its columns are needed only when there are
            caption files.
        now_ns: the time, ns since 1970: files younger than `settings.settle_s` wait.
        source: whose clips these are; keys begin with it.
        whole_rows: gives rows of the last ledger by clip key, when `previous` is without captions.
        beside: the ledger that will be written: the lines lie in a file beside it meanwhile, not in memory.
        contents: of tables that were read a moment ago.

    Raises:
        SourceError: the folder or a table as a whole cannot be used, there is no clip at all, or every clip is away at once.
        OSError: the storage failed; nothing is listed rather than half.
    """
    notes: list[str] = []
    listing = Lines(settings, scan, previous, now_ns=now_ns, notes=notes, source=source)
    tables, contents = tables_of(settings, scan, notes=[]), contents or TableBytes()
    state, table = state_of(settings, scan, tables, contents), TableBefore(settings, tables, contents)
    every = _put_down(listing.batches(), beside)
    aside = every.table.select(_ASIDE)
    rows = every.table.drop_columns(_ASIDE).to_pandas(types_mapper=pd.ArrowDtype).assign(row=np.arange(len(aside)))
    rows = mark_duplicates(rows, texts_of=lambda some: _others_of(Chunks(aside), some)["text"].to_numpy())
    if rows.empty:
        raise SourceError(_no_clip(settings, scan))
    if has_lost_everything(previous, rows):
        raise SourceError(
            f"{settings.folder or settings.captions}: none of the clips listed before is there any more; is the disk mounted? "
            f"If they were removed on purpose, delete raw/{source}.parquet in the data root"
        )
    rows = settle(rows, previous=previous, now_ns=now_ns, settle_ns=listing.settle_ns)
    gone = gone_lines(previous, rows, whole_rows=whole_rows)
    if len(gone):
        rows = pd.concat([rows, gone.drop(columns=_ASIDE).assign(row=np.arange(len(gone)) + len(aside))])
        aside = pa.concat_tables([aside, pa.Table.from_pandas(gone[_ASIDE], schema=aside.schema, preserve_index=False)])
    origin = Origin(state, listing.others, None if listing.others else table.plain(listing.n_plain))
    every_note = [*notes, *listing.notes(), *notes_on(scan, settings)]
    return ListedClips(in_order(rows), Chunks(aside), every_note, origin, every.forget)


def _others_of(aside: Chunks, lines: pd.DataFrame) -> pd.DataFrame:
    return aside.take(lines["row"].to_numpy()).to_pandas(types_mapper=pd.ArrowDtype)


def scan_own_clips(settings: OwnClips, ignore: tuple[Path, ...]) -> Scan:
    """Look at the clips folder; nothing is found when there is none.

    Raises:
        SourceError: the folder cannot be used.
        OSError: the storage failed.
    """
    if settings.folder is None:
        return Scan()
    try:
        return scan_folder(
            settings.folder,
            suffixes=settings.suffixes,
            ignore=ignore,
            is_with_sidecars=settings.captions is None,
            is_with_shards=settings.unpack_shards,
        )
    except FileNotFoundError:
        raise SourceError(f"{settings.folder}: no such folder (own_clips.folder); is its disk mounted?") from None
    except NotADirectoryError:
        raise SourceError(f"{settings.folder}: not a folder; a captions table goes into own_clips.captions") from None
    except PermissionError:
        raise SourceError(f"{settings.folder}: the folder may not be read (permission denied)") from None


def _no_clip(settings: OwnClips, scan: Scan) -> str:
    videos = scan.other_videos.sentence()
    n_others = scan.other_suffixes.total() + scan.other_videos.counts.total()
    return (
        f"{settings.folder}: no clip in this folder (other files: {n_others:,}); clips end in {' '.join(settings.suffixes)} "
        "(own_clips.suffixes), upper or lower case" + "".join(f"; {sentence}" for sentence in (videos, *scan.notes) if sentence)
    )


def notes_on(scan: Scan, settings: OwnClips) -> list[str]:
    """What the user should know of the folder.

    Raises:
        SourceError: the table that was named went away meanwhile.
    """
    notes = [*scan.notes, *([sentence] if (sentence := scan.other_videos.sentence()) else [])]
    others = scan.other_suffixes
    if settings.captions and settings.folder and settings.captions.is_relative_to(settings.folder):
        tables = tables_named(settings.captions)
        tables += [prompts_of(table) for table in tables if table.suffix == ".txt"]
        others = others - Counter(table.suffix.lower() for table in tables)
    if others:
        counts = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in _by_count(others))
        notes.append(f"files that are no clips by their endings: {others.total():,} ({counts})")
    if settings.captions and (n_beside := sum(others[suffix] for suffix in SUFFIXES)):
        notes.append(
            "caption files beside clips are not read, since own_clips.captions names a table; files that may be such: "
            f"{n_beside:,} ({', '.join(suffix for suffix in SUFFIXES if others[suffix])})"
        )
    if n_shards := others[".tar"]:
        notes.append(f"tar files are not read: {n_shards:,} (own_clips.unpack_shards is off)")
    if scan.n_known_folders:
        notes.append(f"links to folders that are listed under another name already: {scan.n_known_folders:,}")
    return notes


def _by_count(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:10]


def _put_down(batches: Iterator[pa.RecordBatch], beside: Path | None) -> MappedTable:
    """Lines as a table: in memory, a million captions would take gigabytes."""
    schema = LEDGER.arrow
    if beside is None:
        return MappedTable(pa.Table.from_batches(batches, schema=schema), lambda: None)
    return mapped_table(batches, schema, beside=beside)
