"""The user's own clips: a folder, a captions table or both, listed into one ledger.

Belongs here: which findings and captions make a line. Does not belong here: how files are looked at (`sources.own_clips.scan`,
`sources.own_clips.places`), how tables are read (`sources.own_clips.caption_tables`), what lines mean together
(`sources.own_clips.statuses`).
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from video_assets.core.captions import CaptionRow, pick_caption
from video_assets.core.errors import SourceError
from video_assets.core.schema import LEDGER
from video_assets.core.text import escape
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.caption_tables import read_captions, tables_found, tables_named
from video_assets.sources.own_clips.near_names import plain
from video_assets.sources.own_clips.places import Located, Places
from video_assets.sources.own_clips.scan import Scan, Sidecar, scan_folder
from video_assets.sources.own_clips.sidecars import SidecarReader
from video_assets.sources.own_clips.statuses import (
    Finding,
    carry_forward,
    has_lost_everything,
    mark_duplicates,
    settle,
    status_of,
)
from video_assets.sources.own_clips.table_rows import TableOptions
from video_assets.sources.own_clips.unchanged import Origin, state_of
from video_assets.storage.aside import mapped_table

_BATCH = 16_384

Line = tuple[Any, ...]  # the columns of LEDGER, in order


def list_own_clips(
    settings: OwnClips,
    *,
    previous: pd.DataFrame | None,
    now_ns: int,
    ignore: tuple[Path, ...],
    scan: Scan | None = None,
    source: str = "own_clips",
    whole_rows: Callable[[pd.Series], pd.DataFrame] | None = None,
    beside: Path | None = None,
) -> pd.DataFrame:
    """List the user's clips: one LEDGER line per clip, per row that is no clip, and per clip that is gone; sorted by clip key.

    The same files, table and previous ledger give the same lines. What the user should know beside them is in `attrs["notes"]`, a
    list of sentences; what they were made from is in `attrs["origin"]` (`sources.own_clips.unchanged.Origin`).

    Args:
        settings: where the clips are.
        previous: the ledger of the last listing; None at first. Its captions are needed only when there are caption files.
        now_ns: the time, ns since 1970: files younger than `settings.settle_s` wait.
        ignore: folders that are no clips, although they may lie below the clips folder (the data root).
        scan: what `scan_own_clips` found a moment ago.
        source: whose clips these are; keys begin with it.
        whole_rows: gives rows of the last ledger by clip key, when `previous` is without captions.
        beside: the ledger that will be written: the lines lie in a file beside it meanwhile, not in memory.

    Raises:
        SourceError: the folder or a table as a whole cannot be used, there is no clip at all, or every clip is away at once.
        OSError: the storage failed; nothing is listed rather than half.
    """
    notes: list[str] = []
    listing = _Listing(settings, scan or scan_own_clips(settings, ignore), previous, now_ns=now_ns, notes=notes, source=source)
    state = state_of(settings, listing.scan, tables_of(settings, listing.scan, notes=[]))
    rows = mark_duplicates(_frame(listing.lines(), beside))
    if rows.empty:
        raise SourceError(_no_clip(settings, listing.scan))
    if has_lost_everything(previous, rows):
        raise SourceError(
            f"{settings.folder or settings.captions}: none of the clips listed before is there any more; is the disk mounted? "
            f"If they were removed on purpose, delete raw/{source}.parquet in the data root"
        )
    rows = settle(rows, previous=previous, now_ns=now_ns, settle_ns=listing.settle_ns)
    out = carry_forward(previous, rows, whole_rows=whole_rows)
    out.attrs["origin"] = Origin(state, listing.others)
    out.attrs["notes"] = [*notes, *listing.notes(), *_notes_on(listing.scan, settings)]
    return out


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


def _notes_on(scan: Scan, settings: OwnClips) -> list[str]:
    notes = [*scan.notes, *([sentence] if (sentence := scan.other_videos.sentence()) else [])]
    others = scan.other_suffixes
    if settings.captions and settings.folder and settings.captions.is_relative_to(settings.folder):
        others = others - Counter(table.suffix.lower() for table in tables_named(settings.captions))
    if others:
        counts = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in _by_count(others))
        notes.append(f"files that are no clips by their endings: {others.total():,} ({counts})")
    if n_shards := others[".tar"]:
        notes.append(f"tar files are not read: {n_shards:,} (own_clips.unpack_shards is off)")
    if scan.n_known_folders:
        notes.append(f"links to folders that are listed under another name already: {scan.n_known_folders:,}")
    return notes


def _by_count(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:10]


class _NearRow(NamedTuple):
    """A row that spells a file otherwise than it is called."""

    row: CaptionRow
    located: Located
    origin: str

    @property
    def file_name(self) -> str:
        """What it calls the file, whatever the folder and the system."""
        return plain(self.row.path).rpartition("/")[2]


def tables_of(settings: OwnClips, scan: Scan, *, notes: list[str]) -> list[Path]:
    """The captions tables that were named, else those of the folder, the nearest to the clips first.

    Raises:
        SourceError: no table fits, or two of one folder do.
    """
    if settings.captions is not None:
        return tables_named(settings.captions)
    return [] if settings.folder is None else tables_found(settings.folder, scan.tables, notes=notes)


class _Listing:
    """One listing while it is made."""

    def __init__(
        self, settings: OwnClips, scan: Scan, previous: pd.DataFrame | None, *, now_ns: int, notes: list[str], source: str
    ) -> None:
        self.scan = scan
        self.settle_ns = int(settings.settle_s * 1e9)
        self._settings = settings
        self._places = Places(settings, scan)
        self._now_ns, self._source = now_ns, source
        self._notes = notes
        self._sidecars = SidecarReader(self._places.path_of_scanned, settings, previous if scan.sidecars else None)
        self._taken: set[str] = set()
        self._near: dict[str, list[_NearRow]] = {}
        self._n_near, self._first_near = 0, ""
        self._n_several = 0

    @property
    def others(self) -> dict[str, Finding]:
        """What was looked at outside the scan."""
        return self._places.others

    def notes(self) -> list[str]:
        """What the user should know when all lines were made."""
        notes = self._sidecars.notes()
        if self._n_near:
            notes.append(
                f"paths that are spelled otherwise than the file they mean (case, accents, blanks, %20, backslashes, no ending): "
                f"{self._n_near:,}, first {self._first_near}"
            )
        if self._n_several:
            notes.append(
                f"clips with several captions: {self._n_several:,}; taken is: {self._settings.captions_pick} "
                "(own_clips.captions_pick), the others are in the extras"
            )
        return notes

    def lines(self) -> Iterator[Line]:
        """Rows of tables in their order, then the clips and the faults of the folder that no row named."""
        for table in tables_of(self._settings, self.scan, notes=self._notes):
            yield from self._lines_of_table(table)
        yield from self._near_lines()
        prefix = self._places.folder_prefix
        for below, finding in self.scan.clips.items():
            if prefix + below not in self._taken:
                yield self._line_of_file(below, finding)
        for below, finding in self.scan.faults.items():
            # A copy that replaces a whole clip does not hide it.
            is_whole = finding.reason == "still_being_copied" and below in self.scan.clips
            if prefix + below not in self._taken and not is_whole:
                yield self._line(prefix + below, self._places.path_of(prefix + below), finding, origin="folder")

    def _lines_of_table(self, table: Path) -> Iterator[Line]:
        settings, places = self._settings, self._places
        label, table_folder = places.label(table), os.fspath(table.parent)

        def is_clip(cell: str) -> bool:
            return not places.locate(cell, table_folder=table_folder).finding.reason

        options = TableOptions(
            path_column=settings.path_column,
            text_columns=settings.caption_columns,
            encoding=settings.encoding,
            path_template=settings.path_template,
            is_clip=is_clip,
        )
        for row in read_captions(table, options=options, notes=self._notes):
            located, origin = places.locate(row.path, table_folder=table_folder), f"{label}:{row.line}"
            if located.is_near:
                self._near.setdefault(located.name, []).append(_NearRow(row, located, origin))
                continue
            self._taken.add(located.name)
            yield self._line_of_row(row, located, origin=origin)

    def _near_lines(self) -> Iterator[Line]:
        """Rows that spell a file otherwise, when no row names it exactly and no two rows spell it in different ways."""
        for name, rows in self._near.items():
            n_names = len({near.file_name for near in rows})
            is_clear = name not in self._taken and n_names == 1
            if is_clear:
                self._taken.add(name)
            for row, located, origin in rows:
                if is_clear:
                    self._n_near += 1
                    self._first_near = self._first_near or f"{row.path!r} for {name!r}"
                    yield self._line_of_row(row, located, origin=origin)
                    continue
                why = "which another row names" if name in self._taken else f"which rows spell in {n_names} ways"
                told = Finding("missing_file", f"no file is called {row.path}; near it is {name}, {why}")
                yield self._line_of_row(row, Located(escape(row.path), located.path, told), origin=origin)

    def _line_of_row(self, row: CaptionRow, located: Located, *, origin: str) -> Line:
        name, path, finding, _ = located
        if row.path_problem:
            finding = Finding("empty_path", row.path_problem)
        elif row.problem and not finding.reason:
            finding = Finding("invalid_caption", row.problem, finding.file_size, finding.mtime_ns)
        key = name or f"#{origin}"
        return self._line(key, path, finding, text=self._picked(row.text, row.captions, key), extras=row.extras, origin=origin)

    def _picked(self, text: str, captions: tuple[str, ...], name: str) -> str:
        if not captions:
            return text
        self._n_several += 1
        return pick_caption(captions, self._settings.captions_pick, key=f"{self._source}/{name}")

    def _line_of_file(self, below: str, finding: Finding) -> Line:
        name = self._places.folder_prefix + below
        path = self._places.path_of(name)
        sidecar = self.scan.sidecars.get(below)
        if sidecar is None:
            return self._line(name, path, finding, origin="folder")
        return self._line_with_sidecar(name, path, finding, sidecar)

    def _line_with_sidecar(self, name: str, path: str, finding: Finding, sidecar: Sidecar) -> Line:
        caption, origin, was_ok = self._sidecars.read(f"{self._source}/{name}", sidecar)
        is_young = 0 <= self._now_ns - sidecar.mtime_ns < self.settle_ns
        if caption.problem:
            finding = Finding("invalid_caption", caption.problem, finding.file_size, finding.mtime_ns)
        elif is_young and not was_ok:
            detail = f"its caption file {sidecar.name} changed moments before it was listed"
            finding = Finding("still_being_copied", detail, finding.file_size, finding.mtime_ns)
        text = self._picked(caption.text, caption.captions, name)
        return self._line(name, path, finding, text=text, extras=caption.extras, origin=origin)

    def _line(self, name: str, path: str, finding: Finding, *, origin: str, text: str = "", extras: str = "{}") -> Line:
        reason, detail, file_size, mtime_ns = finding
        return (
            f"{self._source}/{name}",
            self._source,
            path,
            text,
            status_of(reason),
            reason,
            detail,
            file_size,
            mtime_ns,
            origin,
            extras,
        )


def _frame(lines: Iterator[Line], beside: Path | None) -> pd.DataFrame:
    """Lines as a table, gathered in batches: as Python objects a million captions would take several times their size."""
    batches, schema = _batches(lines), LEDGER.arrow
    table = pa.Table.from_batches(batches, schema=schema) if beside is None else mapped_table(batches, schema, beside=beside)
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def _batches(lines: Iterator[Line]) -> Iterator[pa.RecordBatch]:
    schema = LEDGER.arrow
    while batch := list(itertools.islice(lines, _BATCH)):
        columns = zip(*batch, strict=True)
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)
