"""The columns that what-if needs, of all shards a row group at a time; captions only where a limit asks for words.

Of a clip stay its fates, its numbers and, where copies count, 64 bits of its hash and its key: a hundred bytes.
Belongs here: reading shards, a few columns of each. Does not belong here: what is made of them (`what_if.rules`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.sharding import shard_keys
from video_assets.publish.exclusions import read_exclusions
from video_assets.select.stage import columns_of, first_reasons
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import kept_parts
from video_assets.storage.stages import read_dropped
from video_assets.tombstones.matching import Tombstones
from video_assets.tombstones.table import read_tombstones
from video_assets.what_if.rules.fates import KEPT, Codes, Copies, Words, fates_by_rules, hash_numbers
from video_assets.what_if.rules.outcome import Dropped, Measured

_STAGE = "training_csv"
_NUMBERS = ["source", "file_size", "num_frames", "fps"]
_IDENTITY = ["clip_key", "path", "content_hash"]
_FATE = ["source", "stage", "reason"]


@dataclass(frozen=True)
class Shards:
    """All clips of the shards, what stages before dropped, and for each of the settings the fate of every clip."""

    clips: Measured
    sources: list[str]
    words: Words
    fates: list[Codes]
    before: list[Dropped]


@dataclass(frozen=True)
class _Part:
    """What is kept of one row group. `hashes` are 0 where they are not known; both columns are empty where nobody asks."""

    clips: Measured
    fates: list[Codes]
    keys: pa.ChunkedArray
    hashes: npt.NDArray[np.uint64]


def read_shards(layout: Layout, alternatives: Sequence[Settings]) -> Shards:
    """Read the columns that the rules of all alternatives look at, and decide every clip.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        StageError: a shard is missing or torn.
    """
    words, sources = Words(), list[str]()
    buried, excluded = read_tombstones(layout), read_exclusions(layout)
    columns = _columns(alternatives, is_buried=bool(len(buried)), is_excluded=bool(excluded))
    parts, dropped = [], []
    for path in map(layout.checked, shard_keys(alternatives[0].decode.n_shards)):
        dropped.append(_counted(read_dropped(path, columns=_FATE)))
        for rows in kept_parts(path, columns):
            clips = rows.to_pandas(types_mapper=pd.ArrowDtype)
            fates = [_fates(clips, each, buried, words) for each in alternatives]
            parts.append(_Part(_measured(clips, sources), fates, *_identities(rows)))
    before = _added_up(dropped)
    sources += sorted({source for source, *_ in before} - set(sources))
    joined = [_one([part.fates[number] for part in parts], np.int16) for number in range(len(alternatives))]
    has_copies = alternatives[0].training.duplicates == "drop"
    _drop_copies_and_excluded(parts, joined, words, has_copies=has_copies, excluded=excluded)
    return Shards(_joined([part.clips for part in parts]), sources, words, joined, before)


def _columns(alternatives: Sequence[Settings], *, is_buried: bool, is_excluded: bool) -> list[str]:
    """Keys and paths of a million clips are read only where somebody asks for them."""
    ruled = [name for each in alternatives for name in columns_of(each)[len(_KEYS_OF_RULES) :]]
    has_copies = alternatives[0].training.duplicates == "drop"
    wanted = {
        "clip_key": is_buried or has_copies or is_excluded,
        "path": is_buried or any(each.training.for_ for each in alternatives),
        "content_hash": is_buried or has_copies,
    }
    return list(dict.fromkeys([*_NUMBERS, *(name for name, is_wanted in wanted.items() if is_wanted), *ruled]))


_KEYS_OF_RULES = ("clip_key", "source", "path")


def _counted(dropped: pd.DataFrame) -> pd.DataFrame:
    return dropped.groupby(_FATE).size().reset_index(name="clips")


def _added_up(parts: list[pd.DataFrame]) -> list[Dropped]:
    every = pd.concat(parts).groupby(_FATE, as_index=False)["clips"].sum()
    return [(str(a), str(b), str(c), int(n)) for a, b, c, n in every.itertuples(index=False, name=None)]


def _measured(clips: pd.DataFrame, sources: list[str]) -> Measured:
    """Numbers of the sources (new names are added to `sources`), bytes, seconds."""
    codes, names = pd.factorize(clips["source"])
    sources += [str(name) for name in names if name not in sources]
    numbers = np.array([sources.index(str(name)) for name in names], dtype=np.int16)
    seconds = clips["num_frames"].to_numpy(dtype=np.float64) / clips["fps"].to_numpy(dtype=np.float64)
    return Measured(numbers[codes], clips["file_size"].to_numpy(dtype=np.int64), seconds)


def _joined(parts: Sequence[Measured]) -> Measured:
    return Measured(
        _one([part.source for part in parts], np.int16),
        _one([part.n_bytes for part in parts], np.int64),
        _one([part.seconds for part in parts], np.float64),
    )


def _one(parts: Sequence[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    """All parts as one column; of no parts an empty one."""
    return np.concatenate([np.zeros(0, kind), *parts])


def _identities(rows: pa.Table) -> tuple[pa.ChunkedArray, npt.NDArray[np.uint64]]:
    """Keys, and a number for each hash (0 where it is not known)."""
    keys = rows.column("clip_key") if "clip_key" in rows.column_names else pa.chunked_array([], pa.string())
    if "content_hash" not in rows.column_names:
        return keys, np.zeros(0, np.uint64)
    hashes = rows.column("content_hash")
    return keys, np.concatenate([np.zeros(0, np.uint64), *map(hash_numbers, hashes.chunks)])


def _fates(clips: pd.DataFrame, settings: Settings, buried: Tombstones, words: Words) -> Codes:
    fates = fates_by_rules(first_reasons(clips, settings), len(clips), words)
    if len(buried):
        is_out = (buried.causes(clips[[*_IDENTITY, "source"]]) != "").to_numpy(dtype=bool)
        fates[is_out] = words.code(_STAGE, "taken_down")
    return fates


def _drop_copies_and_excluded(
    parts: Sequence[_Part], fates: list[Codes], words: Words, *, has_copies: bool, excluded: Collection[str]
) -> None:
    """What depends on other clips, or comes last."""
    keys = pa.chunked_array([chunk for part in parts for chunk in part.keys.chunks], pa.string())
    if has_copies:
        copies = Copies(_one([part.hashes for part in parts], np.uint64), keys)
        for each in fates:
            each[copies.among(each == KEPT)] = words.code(_STAGE, "duplicate_content")
    if excluded:
        wanted = pc.SetLookupOptions(value_set=pa.array(list(excluded), pa.string()))
        is_out = pc.call_function("is_in", [keys], wanted).to_numpy()
        for each in fates:
            each[is_out & (each == KEPT)] = words.code(_STAGE, "excluded")
