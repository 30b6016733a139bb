"""A stage's result on disk: the rows it kept, every clip dropped so far with its reason, and what it was made from.

Two files that belong together: `X.dropped.parquet` is written first, then `X.parquet`, whose note carries the hash of the first.
So the hash of `X.parquet` stands for the whole stage, and a kill between the two writes is noticed, not read as a result.
Belongs here: that pairing. Does not belong here: what is kept or dropped (`core.filters`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pandas as pd

from video_assets.core.errors import StageError
from video_assets.core.json_values import JsonObject, read_value
from video_assets.core.schema import DROPPED, TableSpec
from video_assets.storage.durable import hash_file
from video_assets.storage.patching import Patch
from video_assets.storage.tables import Table, read_note, read_table, write_table, write_table_in_parts


@dataclass(frozen=True)
class StageNote:
    """What a stage was made from and by; what is empty or None says nothing.

    `inputs` are hashes by asset, `units` the tokens of their parts (`storage.changes`), `settings` and `versions` those of its
    recipe, `tombstones` their hash, `shard` its name and `outcome` its numbers. `dropped_hash` pairs the stage's two files.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    settings: JsonObject = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    tombstones: str | None = None
    shard: str | None = None
    outcome: JsonObject = field(default_factory=dict)
    dropped_hash: str | None = None
    units: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, said: JsonObject) -> Self:
        """What `as_json` gave.

        Raises:
            ValueError: a field is of another type.
        """
        return read_value(cls, said)

    def as_json(self) -> JsonObject:
        """All that it says."""
        return {name: value for name, value in vars(self).items() if value not in (None, {}, ())}

    def says(self, other: "StageNote") -> bool:
        """True when it says all that `other` says."""
        mine = self.as_json()
        return all(mine.get(name) == value for name, value in other.as_json().items())


@dataclass(frozen=True)
class Stage:
    """Rows kept, clips dropped up to here, the note and the stage's hash."""

    kept: pd.DataFrame
    dropped: pd.DataFrame
    note: StageNote
    content_hash: str


def dropped_path(path: Path) -> Path:
    """Where the dropped clips of the stage at `path` lie."""
    return path.with_suffix(".dropped.parquet")


def write_stage(path: Path, spec: TableSpec, *, kept: pd.DataFrame, dropped: pd.DataFrame, note: StageNote) -> str:
    """Write both tables and return the stage's hash.

    Raises:
        ValueError: rows that break the contract.
        NoSpaceError, OSError: the disk did not take it; `read_stage` then gives the old stage or refuses.
    """
    return write_stage_in_parts(path, spec, kept=[kept], dropped=dropped, note=note)


def write_stage_in_parts(
    path: Path,
    spec: TableSpec,
    *,
    kept: Iterable[pd.DataFrame],
    dropped: pd.DataFrame,
    note: StageNote,
    patch: Patch | None = None,
) -> str:
    """As `write_stage`, with kept rows that come a part at a time; with a `patch`, only those that are made anew."""
    dropped_hash = write_table(dropped_path(path), DROPPED, dropped)
    return write_table_in_parts(path, spec, kept, note=replace(note, dropped_hash=dropped_hash).as_json(), patch=patch)


def read_stage(path: Path, spec: TableSpec, *, columns: list[str] | None = None) -> Stage:
    """Read what `write_stage` wrote.

    Raises:
        StageError: missing, torn or unreadable.
    """
    dropped = _read(dropped_path(path), DROPPED)
    kept = _read(path, spec, columns)
    note = _read_note(path, kept.note)
    _refuse_torn(path, note, dropped.content_hash)
    return Stage(kept=kept.rows, dropped=dropped.rows, note=note, content_hash=kept.content_hash)


def read_dropped(path: Path, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Every clip dropped up to the stage at `path`.

    Raises:
        StageError: missing, torn or unreadable.
    """
    dropped = _read(dropped_path(path), DROPPED, columns)
    _refuse_torn(path, stage_note(path), dropped.content_hash)
    return dropped.rows


def refuse_torn(path: Path) -> None:
    """Make sure of the stage at `path` without reading its rows.

    Raises:
        StageError: missing, torn or unreadable.
    """
    note = stage_note(path)
    beside = dropped_path(path)
    _refuse_torn(path, note, hash_file(beside) if beside.exists() else None)


def unchanged_stage(path: Path, note: StageNote) -> str | None:
    """The hash of the stage at `path` when it is whole and its note says all that `note` says; else None: it must be made."""
    try:
        there = stage_note(path)
        is_whole = there.says(note) and hash_file(dropped_path(path)) == there.dropped_hash
    except (StageError, FileNotFoundError):
        return None
    return stage_hash(path) if is_whole else None


def stage_hash(path: Path) -> str:
    """Hash of the stage at `path`, the same as `read_stage(path, ...).content_hash`.

    Raises:
        StageError: nothing there.
    """
    try:
        return hash_file(path)
    except FileNotFoundError:
        raise StageError(f"{path} is missing: materialize {_asset(path)}") from None


def stage_note(path: Path) -> StageNote:
    """The note of the stage at `path`, without its rows.

    Raises:
        StageError: nothing there, or unreadable.
    """
    try:
        return _read_note(path, read_note(path))
    except FileNotFoundError:
        raise StageError(f"{path} is missing: materialize {_asset(path)}") from None
    except ValueError as error:
        raise StageError(str(error)) from error


def _read_note(path: Path, said: JsonObject) -> StageNote:
    try:
        return StageNote.from_json(said)
    except ValueError as error:
        raise StageError(f"{path} has a note of another version ({error}): materialize {_asset(path)} again") from error


def _refuse_torn(path: Path, note: StageNote, dropped_hash: str | None) -> None:
    if dropped_hash is None or note.dropped_hash != dropped_hash:
        raise StageError(
            f"{path} and {dropped_path(path).name} are not of the same run (a write was interrupted): "
            f"materialize {_asset(path)} again"
        )


def _read(path: Path, spec: TableSpec, columns: list[str] | None = None) -> Table:
    try:
        return read_table(path, spec, columns=columns)
    except FileNotFoundError:
        raise StageError(f"{path} is missing: materialize {_asset(path)}") from None
    except ValueError as error:
        raise StageError(str(error)) from error


def _asset(path: Path) -> str:
    name = {"shard_lists": "shard_lists", "checked": "decode_check"}.get(path.parent.name)
    stem = path.name.split(".")[0]
    return f"{name}, partition {stem}" if name else stem
