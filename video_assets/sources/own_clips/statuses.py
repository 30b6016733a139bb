"""Decisions about listed clips: one status each, no clip listed twice, none forgotten.

Belongs here: what a listing means, as functions from a ledger table to a ledger table. Does not belong here: looking at files
(`sources.own_clips.scan`, `sources.own_clips.listing`), what a caption is (`core.captions`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from video_assets.core.matching import has_repeats, is_in_order, positions
from video_assets.core.schema import LEDGER

# Why a source cannot give a clip. `docs/own-clips.md` says what to do about each.
REASONS = {
    "still_being_copied": "the file changed moments before it was listed, or its copy is not finished; looked at again next time",
    "missing_file": "the table names a file that is not there",
    "not_a_file": "a folder, pipe or device, not a file",
    "outside_root": "the path leads out of the folder that clips may come from",
    "symlink_loop": "a symbolic link that leads back to itself or to a folder above it",
    "broken_link": "a symbolic link whose target is not there",
    "duplicate_path": "a further row, or a further member of a tar, of a clip that is there already; the first one counts",
    "unsupported_name": "the name cannot be written to a UTF-8 table",
    "unsupported_suffix": "the table names a file that is not a video by its ending",
    "empty_path": "the row names no file",
    "url": "the row names a URL; only files are read",
    "unreadable": "permission denied, or a path longer than the system allows",
    "invalid_caption": "the caption cannot be read as text, or no CSV can hold it",
    "not_fetched": "the hub did not give this file; asked for again on the next run",
    "broken_shard": "a tar that breaks off or is none; the clips before that were taken",
    "gone": "listed before, but no longer in the folder or the table",
}

# Lines about a row or a folder rather than about a clip: once the cause is away, nothing is left to account for.
_NO_CLIP = ("duplicate_path", "empty_path")
FOLDER_MARK = "/"


class Finding(NamedTuple):
    """What was found at one path: a clip with its fingerprint (empty reason), or why there is none."""

    reason: str
    detail: str
    file_size: int | None = None
    mtime_ns: int | None = None


def status_of(reason: str) -> str:
    """Ledger status that goes with a reason."""
    if not reason:
        return "ok"
    return "waiting" if reason == "still_being_copied" else "failed"


def mark_duplicates(rows: pd.DataFrame, *, texts_of: Callable[[pd.DataFrame], np.ndarray] | None = None) -> pd.DataFrame:
    """Give every line its own key: further rows of the same clip fail as duplicate_path under `key#table:line`.

    `rows` are LEDGER lines in the order in which they were listed; when they are without captions, `texts_of` gives those of
    some of them.
    """
    if not has_repeats(rows["clip_key"]):
        return rows
    is_repeated = rows["clip_key"].duplicated()
    repeated = rows[is_repeated]
    first = rows[~is_repeated & rows["clip_key"].isin(repeated["clip_key"])].set_index("clip_key").loc[repeated["clip_key"]]
    texts_of = texts_of or (lambda some: some["text"].to_numpy())
    is_same = texts_of(first) == texts_of(repeated)
    details = [
        f"{origin} lists this clip already, with {'the same' if same else 'another'} caption"
        for origin, same in zip(first["origin"], is_same, strict=True)
    ]
    # A name that had to be escaped may look like another clip's; it is not a row of that clip.
    is_other = repeated["reason"] == "unsupported_name"
    marked = repeated.assign(
        clip_key=repeated["clip_key"] + "#" + repeated["origin"],
        status="failed",
        reason=repeated["reason"].where(is_other, "duplicate_path"),
        detail=repeated["detail"].where(is_other, pd.Series(details, index=repeated.index)),
        file_size=None,
        mtime_ns=None,
    )
    return _with_unique_keys(pd.concat([rows[~is_repeated], _alike(marked, rows)], ignore_index=True))


def _alike(lines: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Lines with the columns and types of `rows`."""
    return lines[list(rows.columns)].astype(rows.dtypes.to_dict())


def _with_unique_keys(rows: pd.DataFrame) -> pd.DataFrame:
    while (is_repeated := rows["clip_key"].duplicated()).any():
        rows = rows.assign(clip_key=rows["clip_key"].mask(is_repeated, rows["clip_key"] + "#"))
    return rows


def settle(rows: pd.DataFrame, *, previous: pd.DataFrame | None, now_ns: int, settle_ns: int) -> pd.DataFrame:
    """Let clips wait that may still be written: changed less than `settle_ns` ago, or grown under the same modification time.

    A clip that was ok and has not changed since stays ok. A modification time in the future says nothing: such a clip is taken as
    soon as two listings find the same size and time. `settle_ns` of 0 takes every clip as it is.
    """
    if settle_ns <= 0 or rows.empty:
        return rows
    known = _look_up(rows["clip_key"], previous)
    is_same_time = (rows["mtime_ns"] == known["mtime_ns"]).fillna(value=False)
    is_unchanged = is_same_time & (rows["file_size"] == known["file_size"]).fillna(value=False)
    was_ok = (known["status"] == "ok").fillna(value=False)
    age = now_ns - rows["mtime_ns"]
    causes = {
        f"changed less than {settle_ns / 1e9:g} s before it was listed": (age >= 0)
        & (age < settle_ns)
        & ~(is_unchanged & was_ok),
        "its modification time lies in the future; taken once two listings find it unchanged": (age < 0) & ~is_unchanged,
        "it grew or shrank while its modification time stayed": is_same_time & ~is_unchanged,
    }
    out = rows
    for detail, is_so in causes.items():
        is_waiting = (is_so & (out["status"] == "ok")).fillna(value=False)
        if is_waiting.any():
            waiting = {"status": "waiting", "reason": "still_being_copied", "detail": detail}
            out = out.assign(**{name: out[name].mask(is_waiting, value) for name, value in waiting.items()})
    return out


def _look_up(clip_keys: pd.Series, previous: pd.DataFrame | None) -> pd.DataFrame:
    """Size, time and status of each key in the previous ledger; null where it had none."""
    earlier = LEDGER.frame() if previous is None else previous
    at = positions(clip_keys, earlier["clip_key"])
    columns = {name: earlier[name].array.take(at, allow_fill=True) for name in ("file_size", "mtime_ns", "status")}
    return pd.DataFrame(columns, index=clip_keys.index)


def carry_forward(
    previous: pd.DataFrame | None, current: pd.DataFrame, *, whole_rows: Callable[[pd.Series], pd.DataFrame] | None = None
) -> pd.DataFrame:
    """`current` plus every clip of `previous` that it lacks, as failed with reason `gone`; sorted by clip key.

    So every clip ever listed keeps a status. Size and time of a gone clip are those it was last seen with. When `previous` is
    without captions, `whole_rows` gives whole rows of it by their clip keys.
    """
    gone = gone_lines(previous, current, whole_rows=whole_rows)
    return in_order(current if gone.empty else LEDGER.frame(pd.concat([current, gone])))


def gone_lines(
    previous: pd.DataFrame | None, current: pd.DataFrame, *, whole_rows: Callable[[pd.Series], pd.DataFrame] | None = None
) -> pd.DataFrame:
    """The lines that `carry_forward` adds; of `current` only the clip keys are needed."""
    if previous is None:
        return LEDGER.frame()
    is_clip = ~previous["reason"].isin(_NO_CLIP) & ~previous["clip_key"].str.endswith(FOLDER_MARK)
    lost = previous[is_clip & ~previous["clip_key"].isin(current["clip_key"])]
    if whole_rows is not None:
        lost = whole_rows(lost["clip_key"])
    is_news = lost["reason"] != "gone"
    details = [
        _last_seen(size, mtime, reason)
        for size, mtime, reason in zip(lost["file_size"], lost["mtime_ns"], lost["reason"], strict=True)
    ]
    gone = lost.assign(
        status="failed",
        reason="gone",
        detail=lost["detail"].mask(is_news, pd.Series(details, index=lost.index, dtype=lost["detail"].dtype)),
    )
    return LEDGER.frame(gone)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines by clip key."""
    # A copy of a million captions takes gigabytes, and many tables are in order already.
    if is_in_order(rows["clip_key"]):
        return rows.reset_index(drop=True)
    return rows.sort_values("clip_key", ignore_index=True)


def _last_seen(size: object, mtime_ns: object, reason: str) -> str:
    if not isinstance(size, int) or not isinstance(mtime_ns, int):
        return f"listed before ({reason or 'no file seen'}), no longer in the folder or the table"
    modified = np.datetime64(mtime_ns, "ns").astype("datetime64[s]")
    return f"last seen with {size:,} bytes, modified {modified}Z; no longer in the folder or the table"


def has_lost_everything(previous: pd.DataFrame | None, current: pd.DataFrame) -> bool:
    """True when clips were there before and not one is now: what an unmounted folder looks like."""
    if previous is None or bool(current["file_size"].notna().any()):
        return False
    return bool((previous["status"] == "ok").any())
