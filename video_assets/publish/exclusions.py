"""exclude.csv: clips that a person wants left out of the training CSV. Deleting a row brings the clip back.

Belongs here: reading and writing that file. Does not belong here: dropping the clips (`publish.which_rows`), taking clips down
for good (`takedown`).
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from video_assets.core.errors import MendableError
from video_assets.storage.durable import hash_file, write_text
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold

_COLUMNS = ("clip_key", "why", "when")
_PATIENCE_S = 30.0
_STALE_AFTER_S = 60.0


class ExclusionError(MendableError):
    """exclude.csv cannot be used; the message names the row, the field, and what to do."""


@dataclass(frozen=True)
class Exclusion:
    """Who wants it or why, and when it was said (ISO 8601); both may be empty."""

    why: str
    when: str = ""

    @property
    def detail(self) -> str:
        """In words, for the table of dropped clips."""
        return f"{self.why or 'no reason given'}{f' ({self.when})' if self.when else ''}"


def exclusions_hash(layout: Layout) -> str:
    """Hash of exclude.csv; empty when there is none."""
    try:
        return hash_file(layout.exclusions)
    except FileNotFoundError:
        return ""


def read_exclusions(layout: Layout) -> dict[str, Exclusion]:
    """Exclusions by clip key, in the order of the file; none when there is no file.

    Raises:
        ExclusionError: a row or the header is wrong. Nothing is guessed: a clip that should be out must not slip in.
    """
    path = layout.exclusions
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ExclusionError(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Exclusion] = {}
    try:
        if "clip_key" not in (reader.fieldnames or ()):
            raise ExclusionError(f"{path}, row 1: there is no column clip_key; the first line must be {','.join(_COLUMNS)}")
        for row in reader:
            place = f"{path}, row {reader.line_num}"
            key, exclusion = _read(row, place)
            if key in found:
                raise ExclusionError(f"{place}, field clip_key: {key!r} is there twice: delete one of the rows")
            found[key] = exclusion
    except csv.Error as error:
        raise ExclusionError(f"{path}, row {reader.line_num + 1}: not readable as CSV ({error}): look at the quotes") from error
    return found


def _read(row: Mapping[str | None, str | list[str] | None], place: str) -> tuple[str, Exclusion]:
    if None in row:
        raise ExclusionError(f"{place}: more fields than the header has columns: put a text with commas into quotes")
    values = {name: str(value or "") for name, value in row.items()}
    key, when = values["clip_key"], values.get("when", "").strip()
    if not key.strip():
        raise ExclusionError(f"{place}, field clip_key: it is empty: name a clip, or delete the row")
    if when:
        try:
            datetime.fromisoformat(when)
        except ValueError:
            raise ExclusionError(f"{place}, field when: {when!r} is no date: write 2026-11-28, or leave it empty") from None
    return key, Exclusion(values.get("why", "").strip(), when)


def change_exclusions(layout: Layout, *, add: Mapping[str, Exclusion] | None = None, remove: Iterable[str] = ()) -> int:
    """Add and remove rows; those that are there already stay as they are. Returns how many there are now.

    Raises:
        ExclusionError: the file is wrong as it is.
        LeaseHeldError: somebody else writes it.
        OSError: the disk did not take it; the file is as it was.
    """
    with hold(layout.lease("look", "exclude"), stale_after_s=_STALE_AFTER_S, patience_s=_PATIENCE_S) as lease:
        gone = set(remove)
        rows = {key: exclusion for key, exclusion in read_exclusions(layout).items() if key not in gone}
        rows = {**(add or {}), **rows}
        lease.ensure()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows((key, rows[key].why, rows[key].when) for key in sorted(rows))
        write_text(layout.exclusions, text.getvalue())
    return len(rows)
