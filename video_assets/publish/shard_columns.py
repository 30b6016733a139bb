"""Columns of all shards, one shard after another, read when they are needed: the paths of ten million clips take half a gigabyte.

Belongs here: reading columns of the clips that the shards kept. Does not belong here: whole rows in the product's order
(`publish.shard_rows`), decisions (`publish.which_rows`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from video_assets.core.schema import CHECKED
from video_assets.storage.row_groups import kept_parts
from video_assets.storage.stages import StageError


class ShardColumns:
    """The columns of shards that have `n_rows` rows together. A row's number is its place in all of them, from 0.

    Every method raises StageError when a shard is missing, torn, unreadable, or was replaced by one of another size.
    """

    def __init__(self, paths: Sequence[Path], n_rows: int) -> None:
        self._paths, self._n_rows = paths, n_rows

    def parts(self, names: list[str]) -> Iterator[pd.DataFrame]:
        """All rows, some thousand at a time."""
        n_seen = 0
        for path in self._paths:
            for rows in kept_parts(path, names):
                n_seen += len(rows)
                if n_seen > self._n_rows:
                    raise self._replaced()
                yield rows.to_pandas(types_mapper=pd.ArrowDtype)
        if n_seen < self._n_rows:
            raise self._replaced()

    def column(self, name: str) -> pd.Series:
        """One column."""
        return self.rows(np.ones(self._n_rows, dtype=bool), [name])[name]

    def rows(self, is_wanted: npt.NDArray[np.bool_], names: list[str]) -> pd.DataFrame:
        """Some rows, under their numbers."""
        found, start = [CHECKED.frame()[names]], 0
        for part in self.parts(names):
            mask = is_wanted[start : start + len(part)]
            found.append(part if mask.all() else part[mask])
            start += len(part)
        return pd.concat(found).set_axis(np.flatnonzero(is_wanted))

    def _replaced(self) -> StageError:
        return StageError(
            f"shards in {self._paths[0].parent} were replaced while they were read: wait for the other run, then materialize "
            "training_csv again"
        )
