"""Which lines of a fetch ledger still count when its batch is worked on again.

Belongs here: that decision, on tables. Does not belong here: what is done with the others (`sources.miradata.wanted`).
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from video_assets.sources.miradata.rules.rows import ROW_REASONS

_LIMIT = re.compile(r"miradata\.max_source_gib is ([\d.e+-]+)")


def place_of(row: dict[Any, Any]) -> str:
    """A clip's place as its ledger line says it: a clip is cut again when that changes."""
    return "" if pd.isna(row["start_s"]) else f"{row['url']}#t={row['start_s']:.6f},{row['end_s']:.6f}"


def still_counting(fetches: pd.DataFrame, rows: pd.DataFrame, *, now: datetime, days: float, max_gib: float) -> pd.DataFrame:
    """FETCHES without what says nothing any more; losses that shall be asked for again are no longer permanent.

    Args:
        fetches: the ledger so far.
        rows: `MIRA_ROWS` of the batch.
        now: the present, UTC.
        days: age after which a loss is asked for again (`miradata.retry_lost_after_days`).
        max_gib: `miradata.max_source_gib`.
    """
    listed = {row["clip_key"]: row for row in rows.to_dict("records")}
    is_known = [_is_as_listed(line, listed.get(line["clip_key"])) for line in fetches.to_dict("records")]
    known = fetches[pd.Series(is_known, index=fetches.index, dtype=bool)]
    oldest = (now - timedelta(days=days)).isoformat()
    is_mended = _series(known, lambda line: _is_mended(line, max_gib) or _is_judged_by_older_rules(line))
    is_old = known["finished_at"].lt(oldest) & ~known["reason"].isin(ROW_REASONS)
    return known.assign(is_permanent=known["is_permanent"] & ~is_old & ~is_mended)


def _series(table: pd.DataFrame, test: Callable[[dict[Any, Any]], bool]) -> pd.Series:
    return pd.Series([test(line) for line in table.to_dict("records")], index=table.index, dtype=bool)


def _is_as_listed(line: dict[Any, Any], row: dict[Any, Any] | None) -> bool:
    if row is None or row["reason"] or line["reason"] == "taken_down":
        return True
    return line["reason"] not in ROW_REASONS and line["member"] == place_of(row)


def _is_judged_by_older_rules(line: dict[Any, Any]) -> bool:
    """True for a clip that was not found in its video before frames were counted: details did not name the video's rate then."""
    return line["reason"] == "out_of_range" and "frames per second" not in line["detail"]


def _is_mended(line: dict[Any, Any], max_gib: float) -> bool:
    """True when a setting that was in the way has been changed."""
    limit = _LIMIT.search(line["detail"])
    return line["reason"] == "source_too_large" and limit is not None and float(limit[1]) < max_gib
