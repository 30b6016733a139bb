"""The columns that what-if needs, of all shards one after another; captions only where a limit asks for words.

Belongs here: reading shards, a few columns of each. Does not belong here: what is made of them (`what_if.rules`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from video_assets.core.schema import CHECKED
from video_assets.core.sharding import shard_keys
from video_assets.publish.exclusions import read_exclusions
from video_assets.select.stage import columns_of, first_reasons
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import Stage, read_stage
from video_assets.tombstones.matching import Tombstones
from video_assets.tombstones.table import read_tombstones
from video_assets.what_if.rules.fates import KEPT, Codes, Copies, Words, fates_by_rules
from video_assets.what_if.rules.outcome import Dropped, Measured

_STAGE = "training_csv"
_NUMBERS = ["source", "file_size", "num_frames", "fps"]
_IDENTITY = ["clip_key", "path", "content_hash"]


@dataclass(frozen=True)
class Shards:
    """All clips of the shards, what stages before dropped, and for each of the settings the fate of every clip."""

    clips: Measured
    sources: list[str]
    words: Words
    fates: list[Codes]
    before: list[Dropped]


def read_shards(layout: Layout, alternatives: Sequence[Settings]) -> Shards:
    """Read the columns that the rules of all alternatives look at, and decide every clip.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        StageError: a shard is missing or torn.
    """
    settings, words, sources = alternatives[0], Words(), list[str]()
    columns = _columns(layout, alternatives)
    buried = read_tombstones(layout)
    measured, fates, dropped, identities = [], [], [], []
    for shard in shard_keys(settings.decode.n_shards):
        stage = read_stage(layout.checked(shard), CHECKED, columns=columns)
        dropped.append(_dropped(stage))
        measured.append(_measured(stage.kept, sources))
        fates.append([_fates(stage.kept, each, buried, words) for each in alternatives])
        identities.append(stage.kept[[name for name in _IDENTITY if name in columns]])
    before = _added_up(dropped)
    sources += sorted({source for source, *_ in before} - set(sources))
    joined = [np.concatenate(parts) for parts in zip(*fates, strict=True)]
    _drop_copies_and_excluded(layout, settings, pd.concat(identities, ignore_index=True), joined, words)
    clips = Measured(*(np.concatenate(parts) for parts in zip(*measured, strict=True)))
    return Shards(clips, sources, words, joined, before)


def _columns(layout: Layout, alternatives: Sequence[Settings]) -> list[str]:
    """Keys and paths of a million clips are read only where somebody asks for them."""
    ruled = [name for each in alternatives for name in columns_of(each)[len(_KEYS_OF_RULES) :]]
    is_buried = bool(len(read_tombstones(layout)))
    has_copies = alternatives[0].training.duplicates == "drop"
    wanted = {
        "clip_key": is_buried or has_copies or bool(read_exclusions(layout)),
        "path": is_buried or any(each.training.for_ for each in alternatives),
        "content_hash": is_buried or has_copies,
    }
    return list(dict.fromkeys([*_NUMBERS, *(name for name, is_wanted in wanted.items() if is_wanted), *ruled]))


_KEYS_OF_RULES = ("clip_key", "source", "path")


def _dropped(stage: Stage) -> pd.DataFrame:
    return stage.dropped.groupby(["source", "stage", "reason"]).size().reset_index(name="clips")


def _added_up(parts: list[pd.DataFrame]) -> list[Dropped]:
    every = pd.concat(parts).groupby(["source", "stage", "reason"], as_index=False)["clips"].sum()
    return [(str(a), str(b), str(c), int(n)) for a, b, c, n in every.itertuples(index=False, name=None)]


def _measured(clips: pd.DataFrame, sources: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the sources (new names are added to `sources`), bytes, seconds."""
    codes, names = pd.factorize(clips["source"])
    sources += [str(name) for name in names if name not in sources]
    numbers = np.array([sources.index(str(name)) for name in names], dtype=np.int16)
    seconds = clips["num_frames"].to_numpy(dtype=np.float64) / clips["fps"].to_numpy(dtype=np.float64)
    return numbers[codes] if len(numbers) else np.zeros(0, np.int16), clips["file_size"].to_numpy(dtype=np.int64), seconds


def _fates(clips: pd.DataFrame, settings: Settings, buried: Tombstones, words: Words) -> Codes:
    fates = fates_by_rules(first_reasons(clips, settings), len(clips), words)
    if len(buried):
        is_out = (buried.causes(clips[[*_IDENTITY, "source"]]) != "").to_numpy(dtype=bool)
        fates[is_out] = words.code(_STAGE, "taken_down")
    return fates


def _drop_copies_and_excluded(
    layout: Layout, settings: Settings, identities: pd.DataFrame, fates: list[Codes], words: Words
) -> None:
    """What depends on other clips, or comes last."""
    if settings.training.duplicates == "drop":
        copies = Copies(*(_strings(identities[name]) for name in ("content_hash", "clip_key")))
        for each in fates:
            each[copies.among(each == KEPT)] = words.code(_STAGE, "duplicate_content")
    if excluded := list(read_exclusions(layout)):
        is_out = identities["clip_key"].isin(excluded).to_numpy(dtype=bool)
        for each in fates:
            each[is_out & (each == KEPT)] = words.code(_STAGE, "excluded")


def _strings(column: pd.Series) -> pa.ChunkedArray:
    array = pa.array(column, pa.string())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
