"""MiraData's table of clips, from the disk or the hub, as rows by batch: `listings/miradata/<revision>.parquet`.

Belongs here: finding, converting and reading the table. Does not belong here: what a row says (`sources.miradata.rules.rows`),
fetching videos.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import xxhash

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import NotOnHubError
from video_assets.settings.sources import MiraData
from video_assets.sources.fetching.csv_rows import BrokenRowError, CsvRows, header_of, in_groups, opened_unchanging
from video_assets.sources.fetching.current import Listings
from video_assets.sources.hub.download import download
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.miradata.batches import known_batches
from video_assets.sources.miradata.rules.batches import INVALID_BATCH, assign_batches
from video_assets.sources.miradata.rules.rows import MIRA_ROWS, SOURCE, TERMS, MiraRow, RowReader
from video_assets.sources.web.rules.when_to_pause import site_of
from video_assets.storage.durable import durable_write, hash_file
from video_assets.storage.encodings import opened_as_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

_ROWS_PER_GROUP = 4096
_MAX_PROBLEMS = 50
_MAX_INVALID_SHARE = 0.5  # more is no accident but another format
_READER = 3  # raised when the same table gives other rows than before


@dataclass(frozen=True)
class MiraListing:
    """What the table offers. `batches`: rows by partition; `problems`: the first unusable rows; `terms`: the licence.

    `row_hashes` and `sites` (clips by site) are by partition too; `reader` is the version of the rules that read the rows.
    """

    revision: str
    table: str
    version: str
    n_rows: int
    batches: dict[str, int]
    reasons: dict[str, int]
    problems: list[str]
    notes: list[str]
    n_videos: int
    n_captioned: int
    terms: str = TERMS
    row_hashes: dict[str, str] = field(default_factory=dict)
    sites: dict[str, dict[str, int]] = field(default_factory=dict)
    reader: int = 1


def refresh_listing(layout: Layout, miradata: MiraData) -> MiraListing:
    """Read the table again when it, or what is read from it, has changed, and make that the current listing.

    Raises:
        SourceError: the table is not there, or is not MiraData's; the listing before stays.
        FetchError: the hub does not give it.
        StageError: which batches there are cannot be read.
    """
    table = _table(layout, miradata)
    revision = _revision(table, miradata)
    listings = _listings(layout)
    if not rows_path(layout, revision).exists() or not listings.has(revision):
        batches = _assigned(table, miradata, known_batches(layout))
        listing = _convert(table, rows_path(layout, revision), miradata, revision, batches)
        listings.write(revision, json.dumps(asdict(listing), indent=1, sort_keys=True))
    listings.make_current(revision, csv=miradata.csv)
    return read_listing(layout)


def look_at_listing(layout: Layout, miradata: MiraData) -> MiraListing | None:
    """What the table offers, without writing: the current listing, or by reading the table, should that be another one now.

    A table of the hub is looked at as it came last; None when it never came.

    Raises:
        SourceError: the table is not there, or is not MiraData's.
        StageError: which batches there are cannot be read.
    """
    table = _table_here(miradata) or _hub_table(layout, miradata)
    if not table.exists():
        return None
    revision = _revision(table, miradata)
    with suppress(StageError):
        if (listing := read_listing(layout)).revision == revision:
            return listing
    batches = _assigned(table, miradata, known_batches(layout))
    return _counted(table, miradata, revision, batches, lambda _rows: None)


def ensure_listing(layout: Layout, miradata: MiraData) -> None:
    """Read the table again when the current listing was read by the rules of an earlier version.

    Raises:
        StageError: there is no listing yet.
        SourceError: the table is not there any more.
        FetchError: the hub does not give it.
    """
    if read_listing(layout).reader != _READER:
        refresh_listing(layout, miradata)


def read_listing(layout: Layout) -> MiraListing:
    """The current listing.

    Raises:
        StageError: there is none yet.
    """
    listings = _listings(layout)
    return listings.read(listings.current_revision(), lambda text: MiraListing(**json.loads(text)))


def _listings(layout: Layout) -> Listings:
    return Listings(layout, SOURCE, asset="miradata_listing")


def read_batch(layout: Layout, batch: str) -> pd.DataFrame:
    """Rows of one batch (`MIRA_ROWS`), in the order of source videos and lines.

    Raises:
        StageError: no listing yet, or it has no such batch.
    """
    listing = read_listing(layout)
    if batch not in listing.batches:
        raise StageError(f"{batch}: no such batch in {listing.table}; materialize miradata_listing when the table has changed")
    with pq.ParquetFile(rows_path(layout, listing.revision)) as file:
        groups = [n for n in range(file.num_row_groups) if _may_have(file.metadata.row_group(n), batch)]
        found = [file.read_row_group(n).filter(pyarrow.dataset.field("batch") == batch) for n in groups]
    rows = pa.concat_tables([MIRA_ROWS.arrow.empty_table(), *found]).to_pandas(types_mapper=pd.ArrowDtype)
    return rows.sort_values(["download_id", "line"], ignore_index=True)


def _may_have(group: pq.RowGroupMetaData, batch: str) -> bool:
    statistics = group.column(0).statistics
    return statistics is None or not statistics.has_min_max or statistics.min <= batch <= statistics.max


def rows_path(layout: Layout, revision: str) -> Path:
    """Where the rows of a revision lie (`MIRA_ROWS`)."""
    return layout.listing(SOURCE, revision).with_suffix(".parquet")


def _table(layout: Layout, miradata: MiraData) -> Path:
    """The table on the disk; brought from the hub when the settings name no file of the disk."""
    if (path := _table_here(miradata)) is not None:
        return path
    repo = HubRepo(miradata.repo, revision=miradata.revision)
    commit = repo.head_commit()
    files = repo.list_files(commit)
    if miradata.csv not in files:
        tables = ", ".join(name for name in files if name.endswith(".csv")) or "none"
        raise NotOnHubError(
            f"{miradata.csv}: no such file on this disk, nor in {repo} (its tables: {tables}); correct miradata.csv"
        )
    return download(repo.at(commit), files[miradata.csv], _hub_table(layout, miradata)).path


def _hub_table(layout: Layout, miradata: MiraData) -> Path:
    """Where a table of the hub is kept."""
    return layout.listing(SOURCE, "x").with_name(miradata.csv)


def _table_here(miradata: MiraData) -> Path | None:
    """The table when it is a file of this disk; None when it must be one of the hub."""
    path = Path(miradata.csv).expanduser()
    if path.is_file():
        return path
    if path.is_absolute() or len(path.parts) > 1:
        raise SourceError(f"{path}: no such file (miradata.csv); name a file on this disk, or one of {miradata.repo} on the hub")
    return None


def _revision(table: Path, miradata: MiraData) -> str:
    """Changes when the table changes, or what is read from it."""
    return xxhash.xxh3_64_hexdigest(json.dumps([hash_file(table), miradata.text_columns, miradata.segments, _READER]).encode())


class _Row(NamedTuple):
    """Cells by column, the line on which the row begins, and what is wrong with it as a row."""

    cells: dict[str, str]
    line: int
    problem: str = ""


@dataclass
class _Tally:
    """What is counted while the rows go by."""

    batches: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    videos: set[tuple[str, str]] = field(default_factory=set)
    hashes: dict[str, xxhash.xxh3_64] = field(default_factory=dict)
    sites: dict[str, Counter[str]] = field(default_factory=dict)
    n_captioned: int = 0

    def take(self, row: MiraRow) -> None:
        """Count one row."""
        self.batches[row.batch] += 1
        digest = self.hashes.setdefault(row.batch, xxhash.xxh3_64())
        digest.update(repr(replace(row, line=0, detail="")).encode("utf-8", "backslashreplace"))
        if row.reason:
            self.reasons[row.reason] += 1
            self.problems += [row.detail] if len(self.problems) < _MAX_PROBLEMS else []
            return
        self.videos.add((row.batch, row.url))
        self.sites.setdefault(row.batch, Counter())[site_of(row.url)] += 1
        self.n_captioned += bool(row.text)


def _assigned(table: Path, miradata: MiraData, known: dict[int, str]) -> dict[int, str]:
    """The batch of every source video, by what all rows of it want: a pass of its own, since rows may come in any order."""
    wanted = defaultdict[int, float](float)
    with _opened(table, miradata, []) as (reader, lines):
        for video, seconds in filter(None, (reader.wanted(each.cells) for each in lines)):
            wanted[video] += seconds
    return assign_batches(wanted, known, seconds_per_batch=miradata.batch_hours * 3600)


def _convert(table: Path, target: Path, miradata: MiraData, revision: str, batches: dict[int, str]) -> MiraListing:
    """Write all rows to `target`, in bounded memory."""
    with durable_write(target) as file, pq.ParquetWriter(file, MIRA_ROWS.arrow, compression="zstd") as writer:

        def write(group: list[MiraRow]) -> None:
            records = [asdict(row) for row in group]
            writer.write_table(pa.Table.from_pylist(records, schema=MIRA_ROWS.arrow), row_group_size=_ROWS_PER_GROUP)

        # Inside: a table that changes, or is another one, is not taken.
        return _counted(table, miradata, revision, batches, write)


def _counted(
    table: Path, miradata: MiraData, revision: str, batches: dict[int, str], take: Callable[[list[MiraRow]], None]
) -> MiraListing:
    """The listing of a table; `take` is given its rows, a few thousand at a time.

    Raises:
        SourceError: it is not MiraData's.
    """
    tally, notes = _Tally(), list[str]()
    with _opened(table, miradata, notes, batches) as (reader, lines):
        for group in in_groups(chain.from_iterable(reader.read(*each) for each in lines), _ROWS_PER_GROUP):
            for row in group:
                tally.take(row)
            take(group)
    _refuse_other_formats(table, tally.batches.total(), tally.reasons["invalid_row"], tally.problems)
    return MiraListing(
        revision=revision,
        table=table.name,
        version=reader.version,
        n_rows=tally.batches.total(),
        batches=dict(sorted(tally.batches.items(), key=lambda item: (item[0] == INVALID_BATCH, item[0]))),
        reasons=dict(sorted(tally.reasons.items())),
        problems=tally.problems,
        notes=notes,
        n_videos=len(tally.videos),
        n_captioned=tally.n_captioned,
        row_hashes={batch: digest.hexdigest() for batch, digest in tally.hashes.items()},
        sites={batch: dict(sites) for batch, sites in tally.sites.items()},
        reader=_READER,
    )


def _refuse_other_formats(table: Path, n_rows: int, n_invalid: int, problems: list[str]) -> None:
    if not n_rows:
        raise SourceError(f"{table.name}: no rows")
    if n_invalid > n_rows * _MAX_INVALID_SHARE:
        raise SourceError(
            f"{table.name}: {n_invalid:,} of {n_rows:,} rows cannot be read; it is of another format: {problems[0]}"
        )


@contextmanager
def _opened(
    table: Path, miradata: MiraData, notes: list[str], batches: Mapping[int, str] | None = None
) -> Iterator[tuple[RowReader, Iterator[_Row]]]:
    """The table's reader and its rows."""
    with opened_unchanging(table) as file, opened_as_text(file, table, encoding=None, notes=notes) as text:
        lines = CsvRows(text, is_strict=True)
        header = [name.strip("\ufeff ") for name in header_of(lines, table=table.name)]
        columns, segments = miradata.text_columns, miradata.segments
        reader = RowReader(header, table=table.name, text_columns=columns, segments=segments, batches=batches)
        yield reader, _rows(lines, header)


def _rows(lines: CsvRows, header: list[str]) -> Iterator[_Row]:
    """Every row, those that are no CSV too. Fields without a name are the authors' own (v0's table has them)."""
    none = dict.fromkeys(header, "")
    while True:
        try:
            line, cells = next(lines)
        except StopIteration:
            return
        except BrokenRowError as error:
            yield _Row(none, error.line, f"{error.problem}; is a quote not closed there, or not doubled?")
            continue
        if len(cells) == len(header):
            yield _Row(dict(zip(header, cells, strict=True)), line)
        else:  # a comma without quotes moves all that is behind it into other columns
            yield _Row(none, line, f"{len(cells)} fields where the header has {len(header)}")
