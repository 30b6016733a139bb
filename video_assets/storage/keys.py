"""Clip keys in order: ranges of them, and which a row group has.

Belongs here: comparing keys. Does not belong here: reading tables by ranges (`storage.key_ranges`).
"""

from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.schema import KEY


@dataclass(frozen=True)
class KeyRange:
    """Keys from `first` up to, but without, `end`; None is the end of all."""

    first: str
    end: str | None

    def has(self, key: str) -> bool:
        """True when the key is in the range."""
        return self.first <= key and (self.end is None or key < self.end)

    def meets(self, other: "KeyRange") -> bool:
        """True when a key can be in both."""
        return (self.end is None or other.first < self.end) and (other.end is None or self.first < other.end)

    def mask(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which keys are in the range."""
        is_in = pc.call_function("greater_equal", [keys, pa.scalar(self.first)])
        if self.end is None:
            return is_in
        return pc.call_function("and", [is_in, pc.call_function("less", [keys, pa.scalar(self.end)])])

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table in memory that are in the range."""
        if rows.empty:
            return rows
        return rows[self.mask(pa.chunked_array(pa.array(rows[KEY.name], pa.string()))).to_numpy()]


def keys_of_group(group: pq.RowGroupMetaData) -> tuple[str, str | None]:
    """The lowest and the highest key of a row group by its statistics; "" and None when they do not say."""
    parts = (group.column(at) for at in range(group.num_columns))
    statistics = next(part.statistics for part in parts if part.path_in_schema == KEY.name)
    is_told = statistics is not None and statistics.has_min_max
    return (statistics.min, statistics.max) if is_told else ("", None)


def lowest_keys(metadata: pq.FileMetaData) -> list[str]:
    """The lowest key of each row group, in a table that is sorted and cut by it; empty when it is not, or nobody knows."""
    groups = [keys_of_group(metadata.row_group(index)) for index in range(metadata.num_row_groups)]
    is_cut = all(highest is not None and highest < following for (_, highest), (following, _) in pairwise(groups))
    return [lowest for lowest, _ in groups] if is_cut and groups and groups[-1][1] is not None else []
