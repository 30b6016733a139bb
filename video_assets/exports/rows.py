"""The rows of a published version, a few thousand at a time, each with what a consumer's reader must know of the clip.

The version holds the nine columns of the product; codec, rotation, source and licence stand in the shards. Versions and shards
need not be in the same order, so these facts are kept here for all clips: twelve bytes each (20 where clips are opened, 44 where
the hashes of the clips are handed on), the one thing in an export that grows with the table.
Belongs here: reading. Does not belong here: which rows a consumer takes (`select.rules.lint`).
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import xxhash

from video_assets.core.sharding import shard_keys
from video_assets.publish.versions import Version, read_versions
from video_assets.select.rules.licences import licences_of
from video_assets.select.rules.lint import RATE_COLUMNS, states_no_rate
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import kept_parts, opened
from video_assets.storage.stages import StageError
from video_assets.storage.tables import ROWS_PER_GROUP

_READ = ["path", "video_codec", "rotation_deg", "is_variable_rate", *RATE_COLUMNS]
_SOURCE = ["source", "extras"]
_HASH = "content_hash"
_MTIME = "mtime_ns"
_OF_EACH: dict[str, str] = {_HASH: "S32", _MTIME: "i8"}
"""Columns that differ from clip to clip, with the type that they are kept as."""
_KIND = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("video_codec", pa.string()),
        pa.field("rotation_deg", pa.int16()),
        pa.field("is_variable_rate", pa.bool_()),
        pa.field("states_no_rate", pa.bool_()),
    ]
)
_Kind = tuple[str, str, str, int, bool, bool]

FATES = {
    "clip_gone": "the file is not there any more, or cannot be looked at",
    "clip_changed": "the file has another size or time than when it was checked; `video-assets run` checks it again",
}
"""What can have become of a clip's file since it was checked."""


@dataclass(frozen=True)
class Facts:
    """By the hash of the clip's path, in ascending order: what the shards know of the clip, as a row number in `kinds`.

    Millions of clips are of a few dozen kinds. `of_each` has, where they were read, hashes of the clips' bytes (content_hash) and
    the modification times of the files that were checked (mtime_ns).
    """

    hashes: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.uint32]
    kinds: pa.Table
    of_each: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def of(self, paths: list[str]) -> dict[str, pa.ChunkedArray]:
        """The columns of `kinds` for these clips, and those of `of_each`.

        Raises:
            StageError: the shards do not have one of them.
        """
        wanted = _hashes(paths)
        at = np.minimum(np.searchsorted(self.hashes, wanted), max(len(self.hashes) - 1, 0))
        is_lost = self.hashes[at] != wanted if len(self.hashes) else np.ones(len(paths), dtype=bool)
        if is_lost.any():
            lost = paths[int(np.flatnonzero(is_lost)[0])]
            raise StageError(f"the shards do not have {lost!r}, which is published: materialize training_csv, then export again")
        rows = self.kinds.take(pa.array(self.codes[at]))
        found = dict(zip(rows.column_names, rows.columns, strict=True))
        return found | {name: pa.chunked_array([pa.array(values[at])]) for name, values in self.of_each.items()}


def newest_version(layout: Layout) -> Version:
    """The version to export.

    Raises:
        StageError: nothing is published, or a file of the newest version is damaged; says what to do.
    """
    versions = read_versions(layout)
    if not versions:
        raise StageError(f"{layout.versions} has no published version: run `video-assets run`, or materialize training_csv")
    if not versions[-1].is_intact:
        raise StageError(f"{versions[-1].folder} is damaged: materialize training_csv again")
    return versions[-1]


def read_facts(
    layout: Layout, settings: Settings, *, has_hashes: bool = False, has_times: bool = False, has_sources: bool = True
) -> Facts:
    """Facts about all clips of the shards, read a row group at a time.

    `has_hashes`: with the hashes of their bytes. `has_times`: with the times of the files that were checked. Without sources,
    source and licence are empty.

    Raises:
        StageError: a shard is missing or torn.
    """
    kinds: dict[_Kind, int] = {}
    names = [*([_HASH] if has_hashes else []), *([_MTIME] if has_times else [])]
    hashes, codes, of_each = _read(layout, settings, kinds, has_sources=has_sources, names=names)
    order = np.argsort(hashes)
    table = pa.Table.from_pylist([dict(zip(_KIND.names, kind, strict=True)) for kind in kinds], _KIND)
    return Facts(hashes[order], codes[order], table, {name: values[order] for name, values in of_each.items()})


def read_rows(version: Version, facts: Facts, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The version's rows in its order: TRAINING with absolute paths, row (number, from 0), and the columns of `Facts`.

    `columns`: of TRAINING, path among them; default: all.
    """
    root = version.manifest.relative_to
    n_rows = 0
    with opened(version.table) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns):
            rows = pa.Table.from_batches([batch]).replace_schema_metadata(None)
            paths = rows.column("path").to_pylist()
            if root:
                paths = [os.path.join(root, path) for path in paths]  # noqa: PTH118 - millions of them
                rows = rows.set_column(rows.column_names.index("path"), "path", pa.array(paths, pa.string()))
            for name, column in facts.of(paths).items():
                rows = rows.append_column(name, column)
            yield rows.append_column("row", pa.array(np.arange(n_rows, n_rows + rows.num_rows)))
            n_rows += rows.num_rows


def _hashes(paths: list[str]) -> npt.NDArray[np.uint64]:
    return np.fromiter((xxhash.xxh3_64_intdigest(path.encode()) for path in paths), np.uint64, len(paths))


def _read(
    layout: Layout, settings: Settings, kinds: dict[_Kind, int], *, has_sources: bool, names: list[str]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], dict[str, npt.NDArray[Any]]]:
    """Hash and kind (new ones are added to `kinds`) of every clip, and the columns `names` of `_OF_EACH`."""
    hashes, codes = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
    of_each: dict[str, list[npt.NDArray[Any]]] = {name: [np.zeros(0, _OF_EACH[name])] for name in names}
    for shard in shard_keys(settings.decode.n_shards):
        for part in kept_parts(layout.checked(shard), [*_READ, *(_SOURCE if has_sources else []), *names]):
            rows = part.drop_columns(names).to_pandas(types_mapper=pd.ArrowDtype)
            hashes.append(_hashes(part.column("path").to_pylist()))
            codes.append(_codes(_kinds(rows, settings.licences), kinds))
            for name, values in of_each.items():
                values.append(_plain(part.column(name), _OF_EACH[name]))
    return np.concatenate(hashes), np.concatenate(codes), {name: np.concatenate(values) for name, values in of_each.items()}


def _plain(column: pa.ChunkedArray, dtype: str) -> npt.NDArray[Any]:
    """Without nulls: "" or 0."""
    return column.fill_null("" if dtype == "S32" else 0).to_numpy().astype(dtype)


def _kinds(rows: pd.DataFrame, by_source: dict[str, str]) -> pd.DataFrame:
    has_sources = "source" in rows
    return pd.DataFrame(
        {
            "source": rows["source"] if has_sources else "",
            "licence": licences_of(rows, by_source) if has_sources else "",
            "video_codec": rows["video_codec"].fillna(""),
            "rotation_deg": rows["rotation_deg"].fillna(0),
            "is_variable_rate": rows["is_variable_rate"].fillna(value=False),
            "states_no_rate": states_no_rate(rows),
        }
    )


def _codes(rows: pd.DataFrame, kinds: dict[_Kind, int]) -> npt.NDArray[np.uint32]:
    mixed = np.zeros(len(rows), dtype=np.int64)
    for name in rows:
        codes, words = pd.factorize(rows[name])
        mixed = mixed * len(words) + codes
    _, first, kind = np.unique(mixed, return_index=True, return_inverse=True)
    found = rows.iloc[first].itertuples(index=False, name=None)
    return np.array([kinds.setdefault(each, len(kinds)) for each in found], dtype=np.uint32)[kind]


def fate(path: str, file_size: int, mtime_ns: int) -> str:
    """Why the file is not the clip that was checked: a word of `FATES`, "" when it is."""
    try:
        now = Path(path).stat()
    except OSError:
        return "clip_gone"
    return "" if (now.st_size, now.st_mtime_ns) == (file_size, mtime_ns) else "clip_changed"


def require_as_checked(clip: IO[bytes], path: str, file_size: int, mtime_ns: int) -> None:
    """As `fate`, of a clip that is open and whose bytes are handed on.

    Raises:
        StageError: it is not the file that was checked.
    """
    now = os.fstat(clip.fileno())
    if (now.st_size, now.st_mtime_ns) != (file_size, mtime_ns):
        raise StageError(f"{path} has changed while it was exported: materialize training_csv again")
