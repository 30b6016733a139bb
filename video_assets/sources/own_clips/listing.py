"""The user's own clips: a folder, a captions table or both, listed into one ledger.

Belongs here: which findings and captions make a line. Does not belong here: how files are looked at (`sources.own_clips.scan`,
`sources.own_clips.places`), how tables are read (`sources.own_clips.caption_tables`), what lines mean together
(`sources.own_clips.rules`).
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from video_assets.core.captions import CaptionRow
from video_assets.core.errors import SourceError
from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.caption_tables import TableOptions, read_captions
from video_assets.sources.own_clips.places import Places
from video_assets.sources.own_clips.rules import Finding, carry_forward, has_lost_everything, mark_duplicates, settle, status_of
from video_assets.sources.own_clips.scan import Scan, Sidecar, scan_folder
from video_assets.sources.own_clips.sidecars import SidecarCaption, read_sidecar

SOURCE = "own_clips"
_BATCH = 16_384

Line = tuple[Any, ...]  # the columns of LEDGER, in order


def list_own_clips(settings: OwnClips, *, previous: pd.DataFrame | None, now_ns: int, ignore: tuple[Path, ...]) -> pd.DataFrame:
    """List the user's clips: one LEDGER line per clip, per row that is no clip, and per clip that is gone; sorted by clip key.

    The same files, table and previous ledger give the same lines. What the user should know beside them is in `attrs["notes"]`, a
    list of sentences.

    Args:
        settings: where the clips are.
        previous: the ledger of the last listing; None at first.
        now_ns: the time, ns since 1970: files younger than `settings.settle_s` wait.
        ignore: folders that are no clips, although they may lie below the clips folder (the data root).

    Raises:
        SourceError: the folder or a table as a whole cannot be used, there is no clip at all, or every clip is away at once.
        OSError: the storage failed; nothing is listed rather than half.
    """
    notes: list[str] = []
    listing = _Listing(settings, _scan(settings, ignore), previous, now_ns, notes)
    rows = mark_duplicates(_frame(listing.lines()))
    if rows.empty:
        raise SourceError(_no_clip(settings, listing.scan))
    if has_lost_everything(previous, rows):
        raise SourceError(
            f"{settings.folder or settings.captions}: none of the clips listed before is there any more; is the disk mounted? "
            "If they were removed on purpose, delete raw/own_clips.parquet in the data root"
        )
    rows = settle(rows, previous=previous, now_ns=now_ns, settle_ns=listing.settle_ns)
    out = carry_forward(previous, rows)
    out.attrs["notes"] = notes + _notes_on(listing.scan, settings)
    return out


def _scan(settings: OwnClips, ignore: tuple[Path, ...]) -> Scan:
    if settings.folder is None:
        return Scan()
    try:
        return scan_folder(settings.folder, suffixes=settings.suffixes, ignore=ignore, is_with_sidecars=settings.captions is None)
    except FileNotFoundError:
        raise SourceError(f"{settings.folder}: no such folder (own_clips.folder); is its disk mounted?") from None
    except NotADirectoryError:
        raise SourceError(f"{settings.folder}: not a folder; a captions table goes into own_clips.captions") from None
    except PermissionError:
        raise SourceError(f"{settings.folder}: the folder may not be read (permission denied)") from None


def _no_clip(settings: OwnClips, scan: Scan) -> str:
    n_others = scan.other_suffixes.total()
    return (
        f"{settings.folder}: no clip in this folder (other files: {n_others:,}); clips end in {' '.join(settings.suffixes)} "
        "(own_clips.suffixes), upper or lower case"
    )


def _notes_on(scan: Scan, settings: OwnClips) -> list[str]:
    notes = []
    others = scan.other_suffixes
    if settings.captions and settings.folder and settings.captions.is_relative_to(settings.folder):
        others = others - Counter([settings.captions.suffix.lower()])
    if others:
        counts = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in _by_count(others))
        notes.append(f"files that are no clips by their endings: {others.total():,} ({counts})")
    if scan.n_known_folders:
        notes.append(f"links to folders that are listed under another name already: {scan.n_known_folders:,}")
    return notes


def _by_count(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:10]


class _Known(NamedTuple):
    """What the last listing knew of a clip with a sidecar."""

    origin: str
    status: str
    text: str
    extras: str


class _Listing:
    """One listing while it is made."""

    def __init__(self, settings: OwnClips, scan: Scan, previous: pd.DataFrame | None, now_ns: int, notes: list[str]) -> None:
        self.scan = scan
        self.settle_ns = int(settings.settle_s * 1e9)
        self._settings = settings
        self._places = Places(settings, scan)
        self._now_ns = now_ns
        self._notes = notes
        self._known = _known_sidecars(previous) if scan.sidecars else {}
        self._taken: set[str] = set()

    def lines(self) -> Iterator[Line]:
        """Rows of tables in their order, then the clips and the faults of the folder that no row named."""
        for table in self._tables():
            yield from self._lines_of_table(table)
        prefix = self._places.folder_prefix
        for below, finding in self.scan.clips.items():
            if prefix + below not in self._taken:
                yield self._line_of_file(below, finding)
        for below, finding in self.scan.faults.items():
            # A copy that replaces a whole clip does not hide it.
            is_whole = finding.reason == "still_being_copied" and below in self.scan.clips
            if prefix + below not in self._taken and not is_whole:
                yield self._line(prefix + below, f"{self._places.root}/{prefix}{below}", finding, origin="folder")

    def _tables(self) -> list[Path]:
        """The captions table that was named, else all `metadata.*` of the folder, the nearest to the clips first."""
        if self._settings.captions is not None:
            return [self._settings.captions]
        folder = self._settings.folder
        if folder is None:
            return []
        per_folder: dict[str, str] = {}
        for name in sorted(self.scan.tables):
            parent = name.rpartition("/")[0]
            if parent in per_folder:
                raise SourceError(
                    f"{folder}: both {per_folder[parent]} and {name}; keep one, or name the right one in own_clips.captions"
                )
            per_folder[parent] = name
        return [folder / name for name in sorted(per_folder.values(), key=lambda name: (-name.count("/"), name))]

    def _lines_of_table(self, table: Path) -> Iterator[Line]:
        settings, places = self._settings, self._places
        options = TableOptions(settings.path_column, settings.text_column, settings.encoding)
        label, table_folder = places.label(table), os.fspath(table.parent)
        for row in read_captions(table, options=options, notes=self._notes):
            name, path, finding = places.locate(row.path, table_folder=table_folder)
            self._taken.add(name)
            yield self._line_of_row(row, name, path, finding, origin=f"{label}:{row.line}")

    def _line_of_row(self, row: CaptionRow, name: str, path: str, finding: Finding, *, origin: str) -> Line:
        if row.problem and not finding.reason:
            finding = Finding("invalid_caption", row.problem, finding.file_size, finding.mtime_ns)
        return self._line(name or f"#{origin}", path, finding, text=row.text, extras=row.extras, origin=origin)

    def _line_of_file(self, below: str, finding: Finding) -> Line:
        name = self._places.folder_prefix + below
        path = f"{self._places.root}/{name}"
        sidecar = self.scan.sidecars.get(below)
        if sidecar is None:
            return self._line(name, path, finding, origin="folder")
        return self._line_with_sidecar(name, path, finding, sidecar)

    def _line_with_sidecar(self, name: str, path: str, finding: Finding, sidecar: Sidecar) -> Line:
        """Read the sidecar, unless the last listing read the same one."""
        origin = self._origin_of(sidecar)
        known = self._known.get(f"{SOURCE}/{name}")
        if known is not None and known.origin != origin:
            known = None
        caption = SidecarCaption(known.text, known.extras) if known else self._read_sidecar(sidecar)
        is_young = 0 <= self._now_ns - sidecar.mtime_ns < self.settle_ns
        if caption.problem:
            finding = Finding("invalid_caption", caption.problem, finding.file_size, finding.mtime_ns)
        elif is_young and not (known and known.status == "ok"):
            detail = f"its caption file {sidecar.name} changed moments before it was listed"
            finding = Finding("still_being_copied", detail, finding.file_size, finding.mtime_ns)
        return self._line(name, path, finding, text=caption.text, extras=caption.extras, origin=origin)

    def _origin_of(self, sidecar: Sidecar) -> str:
        """Everything that the caption was made from, so that an equal origin means an equal caption."""
        column = self._settings.text_column
        key = f", key {column}" if column and sidecar.name.lower().endswith(".json") else ""
        return f"sidecar {sidecar.name} ({sidecar.file_size} bytes, mtime_ns {sidecar.mtime_ns}{key})"

    def _read_sidecar(self, sidecar: Sidecar) -> SidecarCaption:
        path = Path(self._places.root, self._places.folder_prefix + sidecar.name)
        try:
            return read_sidecar(path, text_column=self._settings.text_column)
        except PermissionError:
            return SidecarCaption("", problem=f"{sidecar.name} may not be read (permission denied)")
        except FileNotFoundError:  # removed since the folder was read
            return SidecarCaption("")

    @staticmethod
    def _line(name: str, path: str, finding: Finding, *, origin: str, text: str = "", extras: str = "{}") -> Line:
        reason, detail, file_size, mtime_ns = finding
        return (f"{SOURCE}/{name}", SOURCE, path, text, status_of(reason), reason, detail, file_size, mtime_ns, origin, extras)


def _known_sidecars(previous: pd.DataFrame | None) -> dict[str, _Known]:
    if previous is None:
        return {}
    is_usable = previous["origin"].str.startswith("sidecar ") & previous["reason"].isin(["", "still_being_copied"])
    rows = previous[is_usable]
    known = map(_Known, rows["origin"], rows["status"], rows["text"], rows["extras"])
    return dict(zip(rows["clip_key"], known, strict=True))


def _frame(lines: Iterator[Line]) -> pd.DataFrame:
    """Lines as a table, gathered in batches: as Python objects a million captions would take several times their size."""
    schema = LEDGER.arrow
    batches = []
    while batch := list(itertools.islice(lines, _BATCH)):
        columns = zip(*batch, strict=True)
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema).to_pandas(types_mapper=pd.ArrowDtype)
