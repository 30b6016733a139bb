"""Captions with scores of OpenVid, or of a data set of its shape: the hub's table, verified, as `raw/<source>.captions.parquet`.

Belongs here: fetching and converting it, finding rows by file name. Does not belong here: what a row says
(`sources.openvid.rules.caption_rows`), which clips there are (`sources.openvid.zip_members`).
"""

import itertools
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import xxhash

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import NotOnHubError
from video_assets.core.json_values import read_value
from video_assets.core.units import count
from video_assets.settings.sources import OpenVid
from video_assets.sources.fetching.csv_rows import BrokenRowError, CsvRow, CsvRows, header_of, in_groups, opened_unchanging
from video_assets.sources.hub.download import download, draft_path
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub.stream import HubStream
from video_assets.sources.openvid.listing import hub_repo
from video_assets.sources.openvid.rules.caption_rows import REASONS, SCORED_CAPTIONS, RowCounts, RowReader
from video_assets.sources.openvid.rules.listing import Listing
from video_assets.storage.durable import durable_write, hash_file
from video_assets.storage.encodings import opened_as_text
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.stages import StageError
from video_assets.storage.tables import note_metadata, read_note

T = TypeVar("T")

_log = logging.getLogger(__name__)
_ROWS_PER_GROUP = 16_384
_MAX_BROKEN_SHARE = 0.01  # more is no accident but another format, and a guess would pair captions with wrong clips


@dataclass(frozen=True)
class CaptionsReport:
    """Captions on the disk. `counts`: see `RowCounts`; `notes`: sentences for the user; nothing new: `n_bytes_fetched` is 0."""

    path: Path
    content_hash: str
    counts: RowCounts
    notes: list[str]
    n_bytes_fetched: int


def refresh_captions(layout: Layout, openvid: OpenVid, listing: Listing, *, stale_after_s: float = 90.0) -> CaptionsReport:
    """Fetch the table of the listing, verify it, convert it; nothing of it when the same contents are here already.

    One run at a time fetches it; another takes over after `stale_after_s` of silence (`decode.lease_stale_s`).

    Raises:
        FetchError: see its subclasses.
        SourceError: the table cannot be used; an older one stays.
    """
    path = layout.captions(openvid.source_name)
    file, identity = _table_of(openvid, listing), captions_identity(openvid, listing)
    if (known := _known(path, identity)) is not None and not _tables_beside(path):
        return known
    with hold(layout.lease(openvid.source_name, "captions"), stale_after_s=stale_after_s, patience_s=3600.0):
        known = _known(path, identity)  # another run may have made it meanwhile
        table = _table_path(path, file)
        _remove_tables(path, but=() if known is not None or openvid.mode == "local" else (table, draft_path(table, file)))
        return known or _made_anew(openvid, listing, file, path)


def _known(path: Path, identity: str) -> CaptionsReport | None:
    """What is on the disk, when it was made of just these contents."""
    if not path.exists() or (note := read_note(path)).get("identity") != identity:
        return None
    counts, notes = read_value(RowCounts, note.get("counts")), read_value(list[str], note.get("notes"))
    return CaptionsReport(path, hash_file(path), counts, notes, 0)


def _made_anew(openvid: OpenVid, listing: Listing, file: HubFile, path: Path) -> CaptionsReport:
    n_bytes = _n_bytes_wanted(openvid, file)
    about = {"identity": captions_identity(openvid, listing), "table": file.path, "revision": listing.revision}
    with _fetched(openvid, listing, file, path, n_bytes) as (table, n_fetched):
        counts, notes = _convert(table, path, about, is_whole=n_bytes == file.size)
    return CaptionsReport(path, hash_file(path), counts, notes, n_fetched)


def _table_path(path: Path, file: HubFile) -> Path:
    """Where the hub's table lies while `path` is made of it; called by its contents, which a new commit need not change."""
    return path.with_name(f"{path.stem}-{file.identity[:12]}{Path(file.path).suffix}")


def _tables_beside(path: Path) -> list[Path]:
    """Tables of the hub, whole or begun, that runs left which were killed or found them of no use. Each may take 0.8 GB."""
    return [*path.parent.glob(f"{path.stem}-*"), *path.parent.glob(f".{path.stem}-*.part")]


def _remove_tables(path: Path, *, but: Collection[Path]) -> None:
    for table in _tables_beside(path):
        if table not in but:
            table.unlink(missing_ok=True)
            _log.info("%s: removed, it is not the table that is wanted now", table)


def captions_identity(openvid: OpenVid, listing: Listing) -> str:
    """What the note of the converted table says of the part of the table that is wanted; changes with its bytes.

    Raises:
        NotOnHubError: the listing has no such table.
    """
    file = _table_of(openvid, listing)
    n_bytes = _n_bytes_wanted(openvid, file)
    return file.identity if n_bytes == file.size else f"{file.identity}, first {n_bytes} bytes"


def captions_size(openvid: OpenVid, listing: Listing) -> int:
    """Bytes of the table that would be fetched.

    Raises:
        NotOnHubError: the listing has no such table.
    """
    return _n_bytes_wanted(openvid, _table_of(openvid, listing))


def _n_bytes_wanted(openvid: OpenVid, file: HubFile) -> int:
    if openvid.captions_mib is None or openvid.mode == "local":
        return file.size
    return min(file.size, int(openvid.captions_mib * (1 << 20)))


@contextmanager
def _fetched(openvid: OpenVid, listing: Listing, file: HubFile, path: Path, n_bytes: int) -> Iterator[tuple[Path, int]]:
    """The table on the disk, and what it cost; gone after the block (it takes 0.8 GB), unless it is the user's own."""
    if openvid.mode == "local":
        yield Path(openvid.folder or "") / file.path, 0
        return
    repo = hub_repo(openvid).at(listing.revision)
    table = _table_path(path, file)
    _log.info("%s: fetching %.0f of %.0f MB", file.path, n_bytes / 1e6, file.size / 1e6)
    is_whole = n_bytes == file.size
    n_fetched = download(repo, file, table).n_bytes_fetched if is_whole else _fetch_head(repo, file, table, n_bytes)
    yield table, n_fetched
    table.unlink()


def _fetch_head(repo: HubRepo, file: HubFile, table: Path, n_bytes: int) -> int:
    """The whole lines among the first `n_bytes` bytes."""
    with HubStream(repo, file, stop=n_bytes) as stream:
        data = b"".join(iter(stream.read, b""))
    with durable_write(table) as target:
        target.write(data[: data.rfind(b"\n") + 1])
    return stream.n_bytes_fetched


def find_captions(path: Path, names: Iterable[str]) -> pd.DataFrame:
    """Rows of these file names, with the columns of `SCORED_CAPTIONS`, indexed by file name; absent names have no row.

    Raises:
        StageError: there is no table yet.
    """
    is_wanted = pyarrow.dataset.field("video").isin(pa.array(sorted(set(names)), pa.string()))
    file = _open(path)
    # One group at a time: all captions together take 0.8 GB.
    groups = (file.read_row_group(number, columns=SCORED_CAPTIONS.names) for number in range(file.num_row_groups))
    found = [SCORED_CAPTIONS.arrow.empty_table(), *(group.filter(is_wanted) for group in groups)]
    rows = pa.concat_tables(found).to_pandas(types_mapper=pd.ArrowDtype)
    return rows.set_index("video", drop=False)


def read_scores(path: Path) -> pd.DataFrame:
    """Every row without its caption, in the order of the authors' table: to choose clips by their scores.

    Raises:
        StageError: there is no table yet.
    """
    columns = [name for name in SCORED_CAPTIONS.names if name != "text"]
    return _open(path).read(columns=columns).to_pandas(types_mapper=pd.ArrowDtype)


def _open(path: Path) -> pq.ParquetFile:
    if not path.exists():
        raise StageError(f"{path} is missing: materialize openvid_captions")
    return pq.ParquetFile(path)


def _table_of(openvid: OpenVid, listing: Listing) -> HubFile:
    if (file := listing.files.get(openvid.captions_path)) is None:
        tables = [path for path in listing.files if path.endswith((".csv", ".tsv"))]
        raise NotOnHubError(
            f"{openvid.captions_path}: no such file in {listing.repo} at {listing.revision[:12]}; name the table of captions in "
            f"openvid.captions (there is {', '.join(tables[:5]) or 'none'})"
        )
    if not file.path.endswith((".csv", ".tsv")):
        raise SourceError(f"openvid.captions is {file.path!r}; captions are read from .csv and .tsv")
    return file


# --- conversion -----------------------------------------------------------------------------------------------------------------


def _convert(table: Path, path: Path, note: dict[str, str], *, is_whole: bool) -> tuple[RowCounts, list[str]]:
    """Write the rows of `table` to `path`, in bounded memory; returns the counts and what the user should know."""
    counts, notes = RowCounts(), []
    if not is_whole:
        notes.append(
            f"{note['table']}: only its first part was fetched (openvid.captions_mib), which has no sha256 to check; clips with "
            "later rows are left out"
        )
    with opened_unchanging(table) as source, durable_write(path) as target:
        schema = SCORED_CAPTIONS.arrow
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in in_groups(_rows(source, table, counts, notes, is_whole=is_whole), _ROWS_PER_GROUP):
                writer.write_table(pa.table(_columns(group), schema=schema), row_group_size=_ROWS_PER_GROUP)
            _check(table, counts)
            notes += _sentences(table, counts)
            writer.add_key_value_metadata(note_metadata({**note, "counts": asdict(counts), "notes": notes}))
    return counts, notes


def _rows(source: IO[bytes], table: Path, counts: RowCounts, notes: list[str], *, is_whole: bool) -> Iterator[tuple[Any, ...]]:
    """Usable rows, each file name once."""
    seen: dict[str, int] = {}
    with opened_as_text(source, table, encoding=None, notes=notes) as text:
        lines = CsvRows(text, delimiter="\t" if table.suffix == ".tsv" else ",", is_strict=True)
        reader = RowReader(header_of(lines, table=table.name), table=table.name)
        records = _readable(lines, counts, is_whole=is_whole)
        for line, cells in records if is_whole else _all_but_last(records):  # the last one may have been cut in a quoted cell
            counts.rows += 1
            values = reader.read(cells, counts)
            if isinstance(values, str):
                counts.leave_out(values, line)
                continue
            digest = xxhash.xxh3_64_intdigest(repr(values).encode("utf-8", "surrogatepass"))
            if (first := seen.setdefault(values[0], digest)) == digest and len(seen) > counts.used:
                counts.used += 1
                yield (*values, line)
            else:
                counts.leave_out("duplicate" if first == digest else "conflicting_duplicate", line)


def _readable(lines: CsvRows, counts: RowCounts, *, is_whole: bool) -> Iterator[CsvRow]:
    while True:
        try:
            yield next(lines)
        except StopIteration:
            return
        except BrokenRowError as error:
            if not is_whole and "end of data" in error.problem:  # the part that was fetched ends in a quoted cell
                return
            counts.rows += 1
            counts.leave_out("too_long" if "field limit" in error.problem else "bad_quotes", error.line)


def _all_but_last(records: Iterator[T]) -> Iterator[T]:
    last = list(itertools.islice(records, 1))
    for record in records:
        yield last.pop()
        last.append(record)


def _columns(rows: list[tuple[Any, ...]]) -> list[pa.Array]:
    types = SCORED_CAPTIONS.arrow.types
    return [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), types, strict=True)]


def _check(table: Path, counts: RowCounts) -> None:
    if counts.used == 0:
        told = "; ".join([count(counts.rows, "rows"), *_sentences(table, counts)])
        raise SourceError(f"{table.name}: the table of captions has no row that can be used ({told})")
    if counts.broken > counts.rows * _MAX_BROKEN_SHARE:
        raise SourceError(
            f"{table.name}: {counts.broken:,} of {counts.rows:,} rows cannot be read ({'; '.join(_sentences(table, counts))}). "
            "It is of another format, or damaged; nothing of it is used"
        )


def _sentences(table: Path, counts: RowCounts) -> list[str]:
    """What the user should know about rows that were left out."""
    sentences = [
        f"{table.name}: {n:,} rows left out, {REASONS[reason]} (lines {', '.join(map(str, counts.lines[reason][:5]))}"
        f"{', ...' if n > 5 else ''})"
        for reason, n in sorted(counts.left_out.items())
    ]
    if counts.bad_numbers:
        sentences.append(f"{table.name}: {counts.bad_numbers:,} cells are no numbers where numbers belong; they count as missing")
    return sentences
