"""Which rows the product has, decided over all shards without reading a caption.

Belongs here: order, duplicates, take-downs, exclusions, and refusing what does not add up. Does not belong here: whether the
shards are current (`pipeline.currency`), writing (`publish.publish`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from video_assets.core.filters import drop_duplicate_content, drop_excluded
from video_assets.core.matching import positions, repeated
from video_assets.core.schema import CHECKED, DROPPED, LEDGER
from video_assets.core.sharding import shard_keys
from video_assets.core.verdicts import is_dropped
from video_assets.pipeline.currency import IncompleteInputError
from video_assets.publish.exclusions import read_exclusions
from video_assets.publish.rules.manifest import ClipCounts
from video_assets.publish.rules.row_order import merge_order
from video_assets.publish.rules.rows import counts_by_reason, counts_by_source
from video_assets.select.stage import unwanted
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import ledgers
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage
from video_assets.storage.tables import read_table
from video_assets.tombstones.matching import drop_taken_down
from video_assets.tombstones.table import read_tombstones

FROM_SOURCES = "materialize everything from the sources on, or type: video-assets run"
_DECISIVE = ["clip_key", "source", "path", "verdict", "reason", "content_hash", "checker_version", "ffmpeg_versions"]


@dataclass(frozen=True)
class Plan:
    """Which shard the next row is from, whether it is kept, and everything that is not.

    `order`, `is_kept` and `kept` are in the order of the clip key; `kept` has the columns clip_key, source and path.
    """

    order: npt.NDArray[np.int16]
    is_kept: npt.NDArray[np.bool_]
    kept: pd.DataFrame
    dropped: pd.DataFrame
    decoded_by: dict[str, tuple[str, ...]]

    @property
    def counts(self) -> ClipCounts:
        """Clips by fate and source."""
        n_kept = int(self.is_kept.sum())
        return ClipCounts(
            listed=n_kept + len(self.dropped),
            kept=n_kept,
            dropped=counts_by_reason(self.dropped),
            sources=counts_by_source(self.kept["source"], self.dropped["source"]),
        )


def decide(layout: Layout, settings: Settings) -> Plan:
    """Read what decisions need of all shards, check it; drop what was taken down, is not wanted, a duplicate, or excluded.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        IncompleteInputError: the shards do not fit together, or hold what must not be there.
        StageError: a table is torn or unreadable.
    """
    stages = [read_stage(layout.checked(shard), CHECKED, columns=_DECISIVE) for shard in shard_keys(settings.decode.n_shards)]
    try:
        order = merge_order([stage.kept["clip_key"] for stage in stages])
    except ValueError as error:
        raise IncompleteInputError(f"the shards do not fit together: {error}; {FROM_SOURCES}") from error
    clips = pd.concat([stage.kept for stage in stages], ignore_index=True)
    _refuse_bad_verdicts(clips, settings)
    kept, dropped = _drop(layout, settings, clips)
    # Position k of the sorted order holds row k of the shards one after another.
    rank = np.argsort(order, kind="stable")
    in_order = np.empty(len(clips), dtype=bool)
    in_order[rank] = np.isin(np.arange(len(clips)), kept.index)
    kept = kept[["clip_key", "source", "path"]].iloc[np.argsort(rank[kept.index.to_numpy()])].reset_index(drop=True)
    _refuse_repeated_paths(kept)
    return Plan(
        order=order,
        is_kept=in_order,
        kept=kept,
        dropped=pd.concat([DROPPED.frame(), *(stage.dropped for stage in stages), dropped]).sort_values(
            "clip_key", ignore_index=True
        ),
        decoded_by={
            "checker": tuple(sorted(clips["checker_version"].unique())),
            "ffmpeg": tuple(sorted(clips["ffmpeg_versions"].unique())),
        },
    )


def _drop(layout: Layout, settings: Settings, clips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clips that stay, under their row numbers, and DROPPED rows of the others."""
    # By its bytes, a clip is known for one that was taken down also under another name. That comes before the choice among
    # copies, which would bring the next copy in.
    taken_down = drop_taken_down(clips, read_tombstones(layout), stage="training_csv")[1]
    kept, gone = clips[~clips["clip_key"].isin(taken_down["clip_key"])], [taken_down]
    # Also before the choice among copies: of two with the same bytes, one may have the caption or licence that is wanted.
    not_wanted = unwanted(layout, settings)
    gone.append(not_wanted[~not_wanted["clip_key"].isin(taken_down["clip_key"])])
    kept = kept[~kept["clip_key"].isin(gone[-1]["clip_key"])]
    if settings.training.duplicates == "drop":
        gone.append(drop_duplicate_content(kept).dropped)
        kept = kept[~kept["clip_key"].isin(gone[-1]["clip_key"])]
    # Last, so that no copy takes the place of a clip that a person left out.
    gone.append(drop_excluded(kept, {key: each.detail for key, each in read_exclusions(layout).items()}).dropped)
    return kept[~kept["clip_key"].isin(gone[-1]["clip_key"])], pd.concat(gone, ignore_index=True)


def _refuse_bad_verdicts(clips: pd.DataFrame, settings: Settings) -> None:
    """The shards hold good clips only; one that is not would be a fault of this program, and must not get further."""
    tolerated = settings.decode.tolerated_reasons
    for verdict, reason in clips[["verdict", "reason"]].drop_duplicates().itertuples(index=False, name=None):
        if is_dropped(verdict, reason, tolerated):
            clip = clips["clip_key"][(clips["verdict"] == verdict) & (clips["reason"] == reason)].iloc[0]
            raise IncompleteInputError(
                f"clip {clip!r} is {verdict} ({reason}) but not dropped: materialize its shard of decode_check again"
            )


def _refuse_repeated_paths(clips: pd.DataFrame) -> None:
    twice = repeated(clips["path"])
    if len(twice):
        raise IncompleteInputError(
            f"{len(twice):,} paths are listed under two clip keys, first {twice.iloc[0]!r}; {FROM_SOURCES}"
        )


def refuse_lost_clips(layout: Layout, settings: Settings, plan: Plan) -> None:
    """Every clip of the ledgers is kept or dropped, once; nothing else is."""
    paths = ledgers(layout, settings.sources).values()
    listed = pd.concat([read_table(path, LEDGER, columns=["clip_key"]).rows["clip_key"] for path in paths])
    kept, dropped = plan.kept["clip_key"], plan.dropped["clip_key"]
    found = pd.concat([kept, dropped])
    is_lost = positions(listed, found) < 0
    for clips, complaint in (
        (repeated(listed), "listed more than once"),
        (
            pd.concat([repeated(kept), repeated(dropped), dropped[positions(dropped, kept) >= 0]]),
            "kept or dropped more than once",
        ),
        (listed[is_lost], "listed, but neither kept nor dropped"),
    ):
        if len(clips):
            raise IncompleteInputError(f"{len(clips):,} clips are {complaint}, first {clips.iloc[0]!r}: {FROM_SOURCES}")
    # Each of the listed ones is found, once; then there can be others only when more are found.
    if len(found) > len(listed):
        others = found[positions(found, listed) < 0]
        raise IncompleteInputError(
            f"{len(others):,} clips are kept or dropped, but not listed, first {others.iloc[0]!r}: {FROM_SOURCES}"
        )
