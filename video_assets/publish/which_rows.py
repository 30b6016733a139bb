"""Which rows the product has, decided over all shards without reading a caption.

Belongs here: order, duplicates, take-downs, exclusions, and refusing what does not add up. Does not belong here: whether the
shards are current (`pipeline.currency`), writing (`publish.publish`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from video_assets.core.errors import MendableError
from video_assets.core.matching import have_same_keys, positions, repeated, shared
from video_assets.core.schema import CHECKED, DROPPED
from video_assets.core.sharding import shard_keys
from video_assets.core.units import count
from video_assets.core.verdicts import is_dropped
from video_assets.pipeline.currency import IncompleteInputError
from video_assets.publish.exclusions import read_exclusions
from video_assets.publish.rules.drops import drop_duplicate_content, drop_excluded
from video_assets.publish.rules.manifest import ClipCounts
from video_assets.publish.rules.row_order import merge_order
from video_assets.publish.rules.rows import counts_by_reason, counts_by_source
from video_assets.publish.shard_columns import ShardColumns
from video_assets.select.stage import unwanted
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import listed_keys
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage
from video_assets.tombstones.matching import Tombstones, drop_taken_down
from video_assets.tombstones.table import read_tombstones

FROM_SOURCES = "materialize everything from the sources on, or type: video-assets run"
_IDENTITY = ["clip_key", "source", "path", "content_hash"]


class TwoKeysError(MendableError):
    """A file is listed as two clips, which no other run mends; the message names it, both, and what to do."""


@dataclass(frozen=True)
class Plan:
    """Which shard the next row is from, whether it is kept, and everything that is not.

    `order` and `is_kept` are of all rows in the order of the clip key, `keys` and `paths` of the kept ones. There are no paths
    where rows do not keep the order of the last version.
    """

    order: npt.NDArray[np.int16]
    is_kept: npt.NDArray[np.bool_]
    keys: pd.Series
    paths: pd.Series | None
    dropped: pd.DataFrame
    counts: ClipCounts
    decoded_by: dict[str, tuple[str, ...]]


def decide(layout: Layout, settings: Settings) -> Plan:
    """Read what decisions need of all shards, check it; drop what was taken down, is not wanted, a duplicate, or excluded.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        IncompleteInputError: the shards do not fit together, or hold what must not be there.
        StageError: a table is torn or unreadable.
        TwoKeysError: a file is listed as two clips.
    """
    paths = [layout.checked(shard) for shard in shard_keys(settings.decode.n_shards)]
    shards = [_read(path, settings) for path in paths]
    try:
        order = merge_order([shard.keys for shard in shards])
    except ValueError as error:
        raise IncompleteInputError(f"the shards do not fit together: {error}; {FROM_SOURCES}") from error
    keys = pd.concat([shard.keys for shard in shards], ignore_index=True)
    columns = ShardColumns(paths, len(keys))
    is_left, gone = _drop(layout, settings, keys, columns)
    dropped = pd.concat([DROPPED.frame(), *(shard.dropped for shard in shards), gone]).sort_values("clip_key", ignore_index=True)
    n_kept = int(is_left.sum())
    counts = ClipCounts(
        listed=n_kept + len(dropped),
        kept=n_kept,
        dropped=counts_by_reason(dropped),
        sources=counts_by_source(columns.rows(is_left, ["source"])["source"], dropped["source"]),
    )
    rows = _rows_in_order(order)
    is_kept = is_left[rows]
    kept = keys.iloc[rows[is_kept]].reset_index(drop=True)
    return Plan(
        order=order,
        is_kept=is_kept,
        paths=_paths_in_order(columns, rows[is_kept], keys=kept, are_kept=settings.training.order == "append"),
        keys=kept,
        dropped=dropped,
        counts=counts,
        decoded_by={
            "checker": tuple(sorted(set().union(*(shard.checkers for shard in shards)))),
            "ffmpeg": tuple(sorted(set().union(*(shard.ffmpegs for shard in shards)))),
        },
    )


def _rows_in_order(order: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Place k in the order of the clip key holds row `rows[k]` of the shards one after another."""
    rows = np.empty(len(order), dtype=np.int64)
    rows[np.argsort(order, kind="stable")] = np.arange(len(order))
    return rows


@dataclass(frozen=True)
class _Shard:
    """What decides about the clips of one shard. Millions of them have one verdict and a few versions: these are not kept."""

    keys: pd.Series
    dropped: pd.DataFrame
    checkers: frozenset[str]
    ffmpegs: frozenset[str]


def _read(path: Path, settings: Settings) -> _Shard:
    stage = read_stage(path, CHECKED, columns=["clip_key", "verdict", "reason", "checker_version", "ffmpeg_versions"])
    _refuse_bad_verdicts(stage.kept, settings)
    return _Shard(
        keys=stage.kept["clip_key"],
        dropped=stage.dropped,
        checkers=frozenset(stage.kept["checker_version"].unique()),
        ffmpegs=frozenset(stage.kept["ffmpeg_versions"].unique()),
    )


def _drop(
    layout: Layout, settings: Settings, keys: pd.Series, columns: ShardColumns
) -> tuple[npt.NDArray[np.bool_], pd.DataFrame]:
    """Which rows stay, and DROPPED rows of the others. Of millions that stay no copy is made."""
    # By its bytes, a clip is known for one that was taken down also under another name. That comes before the choice among
    # copies, which would bring the next copy in.
    taken_down = _taken_down(columns, read_tombstones(layout))
    # Also before the choice among copies: of two with the same bytes, one may have the caption or licence that is wanted.
    gone = [taken_down, _without(unwanted(layout, settings), taken_down)]
    is_left = ~_are_among(keys, pd.concat(gone)["clip_key"])
    if settings.training.duplicates == "drop":
        hashes = columns.column("content_hash")
        is_twin = shared(hashes if is_left.all() else hashes.where(is_left))
        gone.append(drop_duplicate_content(columns.rows(is_twin, _IDENTITY)).dropped)
        is_left &= ~_are_among(keys, gone[-1]["clip_key"])
    # Last, so that no copy takes the place of a clip that a person left out.
    if excluded := {key: each.detail for key, each in read_exclusions(layout).items()}:
        is_named = is_left & _are_among(keys, pd.Series(list(excluded)))
        gone.append(drop_excluded(columns.rows(is_named, _IDENTITY), excluded).dropped)
        is_left &= ~_are_among(keys, gone[-1]["clip_key"])
    return is_left, pd.concat(gone, ignore_index=True)


def _taken_down(columns: ShardColumns, tombstones: Tombstones) -> pd.DataFrame:
    """DROPPED rows of clips that were taken down."""
    if not len(tombstones):
        return DROPPED.frame()
    parts = (drop_taken_down(part, tombstones, stage="training_csv")[1] for part in columns.parts(_IDENTITY))
    return pd.concat([DROPPED.frame(), *parts], ignore_index=True)


def _are_among(keys: pd.Series, others: pd.Series) -> npt.NDArray[np.bool_]:
    return keys.isin(others).to_numpy(dtype=bool) if len(others) else np.zeros(len(keys), dtype=bool)


def _without(clips: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """Rows whose clip is not among the others; not copied when none is."""
    return clips[~clips["clip_key"].isin(gone["clip_key"])] if len(gone) else clips


def _refuse_bad_verdicts(clips: pd.DataFrame, settings: Settings) -> None:
    """The shards hold good clips only; one that is not would be a fault of this program, and must not get further."""
    tolerated = settings.decode.tolerated_reasons
    for verdict, reason in clips[["verdict", "reason"]].drop_duplicates().itertuples(index=False, name=None):
        if is_dropped(verdict, reason, tolerated):
            clip = clips["clip_key"][(clips["verdict"] == verdict) & (clips["reason"] == reason)].iloc[0]
            raise IncompleteInputError(
                f"clip {clip!r} is {verdict} ({reason}) but not dropped: materialize its shard of decode_check again"
            )


def _paths_in_order(columns: ShardColumns, rows: npt.NDArray[np.int64], *, keys: pd.Series, are_kept: bool) -> pd.Series | None:
    """Paths of these rows, whose keys are `keys`, each once; None when nobody asks for them later."""
    paths = columns.column("path").iloc[rows].reset_index(drop=True)
    twice = repeated(paths)
    if len(twice):
        clips = " and ".join(keys[paths == twice.iloc[0]][:2])
        raise TwoKeysError(
            f"{count(twice.nunique(), 'files')} listed as more than one clip, first {twice.iloc[0]!r}: {clips}. "
            "Have one source list it, or name all but one in exclude.csv"
        )
    return paths if are_kept else None


def refuse_lost_clips(layout: Layout, settings: Settings, plan: Plan) -> None:
    """Every clip of the ledgers is kept or dropped, once; nothing else is."""
    listed = listed_keys(layout, settings.sources)
    kept, dropped = plan.keys, plan.dropped["clip_key"]
    found = pd.concat([kept, dropped])
    if have_same_keys(listed, found):
        return
    for clips, complaint in (
        (repeated(listed), "listed more than once"),
        (
            pd.concat([repeated(kept), repeated(dropped), dropped[positions(dropped, kept) >= 0]]),
            "kept or dropped more than once",
        ),
        (listed[positions(listed, found) < 0], "listed, but neither kept nor dropped"),
        (found[positions(found, listed) < 0], "kept or dropped, but not listed"),
    ):
        if len(clips):
            raise IncompleteInputError(f"{len(clips):,} clips are {complaint}, first {clips.iloc[0]!r}: {FROM_SOURCES}")
