"""The rows of a published version, a few thousand at a time, each with what a consumer's reader must know of the clip.

The version holds the nine columns of the product; codec, rotation, source and licence stand in the shards and are kept here in
about 25 bytes a row.
Belongs here: reading. Does not belong here: which rows a consumer takes (`select.rules.lint`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from video_assets.core.schema import CHECKED
from video_assets.core.sharding import shard_keys
from video_assets.publish.versions import Version, read_versions
from video_assets.select.rules.licences import licences_of
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError, read_stage
from video_assets.storage.tables import ROWS_PER_GROUP

_READ = ["path", "source", "video_codec", "rotation_deg", "is_variable_rate", "extras"]
_HASH = "content_hash"
_WORDS = ("source", "licence", "video_codec")


@dataclass(frozen=True)
class Facts:
    """By the hash of the clip's path, in ascending order: what the shards know of the clip. Words are codes into `words`."""

    hashes: npt.NDArray[np.uint64]
    values: dict[str, np.ndarray]
    words: dict[str, list[str]]

    def of(self, paths: list[str]) -> dict[str, pa.Array]:
        """Columns source, licence, video_codec, rotation_deg, is_variable_rate of these clips; content_hash where it was read.

        Raises:
            StageError: the shards do not have one of them.
        """
        wanted = _hashes(paths)
        at = np.minimum(np.searchsorted(self.hashes, wanted), max(len(self.hashes) - 1, 0))
        is_lost = self.hashes[at] != wanted if len(self.hashes) else np.ones(len(paths), dtype=bool)
        if is_lost.any():
            lost = paths[int(np.flatnonzero(is_lost)[0])]
            raise StageError(f"the shards do not have {lost!r}, which is published: materialize training_csv, then export again")
        columns = {name: pa.array(values[at]) for name, values in self.values.items()}
        for name, words in self.words.items():
            columns[name] = pa.array(words, pa.string()).take(columns[name])
        return columns


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


def read_facts(layout: Layout, settings: Settings, *, has_hashes: bool = False) -> Facts:
    """Facts about all clips of the shards, read a shard at a time; with or without the hashes of their bytes (32 bytes a row).

    Raises:
        StageError: a shard is missing or torn.
    """
    words: dict[str, dict[str, int]] = {name: {} for name in _WORDS}
    wanted = [*_READ, _HASH] if has_hashes else _READ
    parts = [
        _shard_facts(read_stage(layout.checked(shard), CHECKED, columns=wanted).kept, settings.licences, words)
        for shard in shard_keys(settings.decode.n_shards)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(columns["hash"])
    hashes = columns.pop("hash")[order]
    return Facts(hashes, {name: values[order] for name, values in columns.items()}, {n: list(w) for n, w in words.items()})


def read_rows(version: Version, facts: Facts) -> Iterator[pa.Table]:
    """The version's rows in its order: TRAINING with absolute paths, row (number, from 0), and the columns of `Facts`."""
    root = version.manifest.relative_to or "/"
    n_rows = 0
    with pq.ParquetFile(version.table, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
            rows = pa.Table.from_batches([batch]).replace_schema_metadata(None)
            paths = [os.path.join(root, path) for path in rows.column("path").to_pylist()]  # noqa: PTH118 - millions of them
            rows = rows.set_column(0, "path", pa.array(paths, pa.string()))
            for name, column in facts.of(paths).items():
                rows = rows.append_column(name, column)
            yield rows.append_column("row", pa.array(np.arange(n_rows, n_rows + rows.num_rows)))
            n_rows += rows.num_rows


def _hashes(paths: list[str]) -> npt.NDArray[np.uint64]:
    return np.fromiter((xxhash.xxh3_64_intdigest(path.encode()) for path in paths), np.uint64, len(paths))


def _shard_facts(rows: pd.DataFrame, by_source: dict[str, str], words: dict[str, dict[str, int]]) -> dict[str, np.ndarray]:
    texts = {"source": rows["source"], "licence": licences_of(rows, by_source), "video_codec": rows["video_codec"].fillna("")}
    return {
        "hash": _hashes(rows["path"].tolist()),
        **{name: _codes(column, words[name]) for name, column in texts.items()},
        "rotation_deg": rows["rotation_deg"].fillna(0).to_numpy(dtype=np.int16),
        "is_variable_rate": rows["is_variable_rate"].fillna(value=False).to_numpy(dtype=bool),
        **({_HASH: rows[_HASH].fillna("").to_numpy(dtype="S32")} if _HASH in rows else {}),
    }


def _codes(column: pd.Series, known: dict[str, int]) -> npt.NDArray[np.int32]:
    codes, names = pd.factorize(column.astype(object))
    numbers = np.array([known.setdefault(str(name), len(known)) for name in names], dtype=np.int32)
    return numbers[codes] if len(numbers) else np.zeros(0, dtype=np.int32)


def is_there(path: str, file_size: int) -> bool:
    """True when the clip is a file of that size now."""
    try:
        return Path(path).stat().st_size == file_size
    except OSError:
        return False
