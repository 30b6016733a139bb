"""What takes a clip out, and by which reason: every filter returns both halves, so that no clip vanishes.

Belongs here: the rules, as functions from a table to `Split`. Does not belong here: reading or writing tables (`storage`), what a
verdict means (`core.verdicts`), when a caption is empty (`core.captions`), what only a publication leaves out
(`publish.rules.drops`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from video_assets.core.captions import is_empty_caption
from video_assets.core.pictures import REASONS as PICTURE_REASONS
from video_assets.core.pictures import PictureDemands
from video_assets.core.schema import DROPPED
from video_assets.core.units import size
from video_assets.core.verdicts import is_dropped

# Reasons that the filters give themselves; the others come from a source's ledger or from `core.verdicts.REASONS`.
REASONS = {
    "empty_caption": "the caption is empty or only white space",
    "file_too_large": "the file is larger than filter.max_file_size_mib",
    "changed_since_listing": "the file was replaced between listing and decoding; list it again (materialize the source)",
    **PICTURE_REASONS,
    "not_measured": "the clip decoded, but its frames, size or rate are not known, so it cannot be trained on",
}

# The asset that each of them is given by.
STAGES = {
    "empty_caption": "enriched_metadata",
    "file_too_large": "size_filtered",
    "changed_since_listing": "decode_check",
    **dict.fromkeys(PICTURE_REASONS, "decode_check"),
    "not_measured": "decode_check",
}

# What the training table cannot do without, and what the decode check must have found out.
_NEEDED = ("num_frames", "height", "width", "fps")
_NO_DEMANDS = PictureDemands()


@dataclass(frozen=True)
class Split:
    """Both halves of a table: rows kept (same columns as before), clips dropped (columns of `DROPPED`)."""

    kept: pd.DataFrame
    dropped: pd.DataFrame


def drop(
    clips: pd.DataFrame,
    mask: pd.Series,
    *,
    stage: str | pd.Series,
    reason: str | pd.Series,
    detail: str | pd.Series,
) -> Split:
    """Take the rows where `mask` is true out of `clips`, each with its stage, reason and detail.

    Those are one word for all, or a column that has at least the rows of the mask (matched by index).

    Raises:
        ValueError: a mask with nulls: undecided is not a decision.
    """
    if bool(mask.isna().any()):
        raise ValueError(
            f"{int(mask.isna().sum())} clips are neither kept nor dropped, first {clips['clip_key'][mask.isna()].iloc[0]!r}"
        )
    is_out = mask.astype(bool)
    if not is_out.any():  # nearly always; captions of a million clips are a gigabyte, copied only where rows go
        return Split(kept=clips.reset_index(drop=True), dropped=DROPPED.frame())
    dropped = clips.loc[is_out, ["clip_key", "source", "path"]]
    words = {"stage": stage, "reason": reason, "detail": detail}
    # loc, since assigning a whole column to an empty table would bring the table's rows back.
    dropped = dropped.assign(**{name: w.loc[dropped.index] if isinstance(w, pd.Series) else w for name, w in words.items()})
    return Split(kept=clips[~is_out].reset_index(drop=True), dropped=DROPPED.frame(dropped))


def drop_not_ok(listed: pd.DataFrame) -> Split:
    """Clips that their source could not give (ledger status failed or waiting); the stage is the source's own name."""
    return drop(
        listed,
        listed["status"] != "ok",
        stage=listed["source"],
        reason=listed["reason"].mask(listed["reason"] == "", listed["status"]),
        detail=listed["detail"],
    )


def drop_empty_captions(clips: pd.DataFrame) -> Split:
    """Clips without a caption; white space is no caption, the word "None" is one."""
    # The rule is a Python function: ask it only about captions without a Latin letter or digit, which are few.
    is_candidate = ~clips["text"].str.contains("[0-9A-Za-z]").to_numpy(dtype=bool)
    mask = np.zeros(len(clips), dtype=bool)
    mask[is_candidate] = [is_empty_caption(caption) for caption in clips["text"][is_candidate]]
    return drop(
        clips,
        pd.Series(mask, index=clips.index),
        stage=STAGES["empty_caption"],
        reason="empty_caption",
        detail="the caption is empty or only white space",
    )


def drop_too_large(clips: pd.DataFrame, *, max_bytes: int) -> Split:
    """Clips LARGER than `max_bytes`; a clip of exactly `max_bytes` stays."""
    is_larger = clips["file_size"] > max_bytes
    detail = [f"{_size(n_bytes)}; the limit is {_size(max_bytes)}" for n_bytes in clips["file_size"][is_larger]]
    return drop(
        clips,
        is_larger,
        stage=STAGES["file_too_large"],
        reason="file_too_large",
        detail=pd.Series(detail, index=clips.index[is_larger], dtype="str"),
    )


def drop_changed(unchecked: pd.DataFrame) -> Split:
    """Drop all of `unchecked`: no verdict is about the bytes that were listed, so the file was replaced meanwhile."""
    is_changed = pd.Series(data=True, index=unchecked.index)
    detail = "the file was replaced after it was listed: materialize its source again, then what comes after"
    return drop(unchecked, is_changed, stage=STAGES["changed_since_listing"], reason="changed_since_listing", detail=detail)


def split_by_verdict(
    checked: pd.DataFrame, *, tolerated_reasons: tuple[str, ...], demands: PictureDemands = _NO_DEMANDS
) -> Split:
    """Keep clips that are good (or bad for a tolerated reason), of known frames, size and rate, with the pictures demanded."""
    verdicts = checked["verdict"] + "\n" + checked["reason"]
    is_out = verdicts.map({pair: _is_dropped(pair, tolerated_reasons) for pair in verdicts.unique()})
    by_verdict = drop(
        checked,
        is_out,
        stage="decode_check",
        reason=checked["reason"].mask(checked["reason"] == "", checked["verdict"]),
        detail=checked["errors"],
    )
    measured = _drop_unmeasured(by_verdict.kept, also=demands.columns)
    shown = _drop_undemanded(measured.kept, demands)
    dropped = pd.concat([by_verdict.dropped, measured.dropped, *(split.dropped for split in shown)], ignore_index=True)
    return Split(kept=shown[-1].kept if shown else measured.kept, dropped=dropped)


def _drop_undemanded(checked: pd.DataFrame, demands: PictureDemands) -> list[Split]:
    """One split for each demand, each of what the one before kept."""
    splits: list[Split] = []
    for reason, column in demands.flags.items():
        kept = splits[-1].kept if splits else checked
        share = kept[column.replace("is_", "") + "_share"]
        detail = "for " + (share * 100).round(1).astype("str") + " % of the video"
        splits.append(drop(kept, kept[column].astype(bool), stage=STAGES[reason], reason=reason, detail=detail))
    for reason, (column, limit) in demands.limits.items():
        kept = splits[-1].kept if splits else checked
        detail = kept[column].astype("str") + f" s; the limit is {limit} s"
        splits.append(drop(kept, kept[column] > limit, stage=STAGES[reason], reason=reason, detail=detail))
    return splits


def _drop_unmeasured(checked: pd.DataFrame, *, also: tuple[str, ...]) -> Split:
    is_missing = pd.DataFrame({name: ~(checked[name] > 0).fillna(value=False).astype(bool) for name in _NEEDED})
    is_missing = is_missing.assign(**{name: checked[name].isna().astype(bool) for name in also})
    mask = is_missing.any(axis=1)
    detail = ["not known after decoding: " + ", ".join(is_missing.columns[row]) for row in is_missing[mask].to_numpy()]
    return drop(
        checked,
        mask,
        stage=STAGES["not_measured"],
        reason="not_measured",
        detail=pd.Series(detail, index=checked.index[mask], dtype="str"),
    )


def _is_dropped(pair: str, tolerated_reasons: tuple[str, ...]) -> bool:
    verdict, _, reason = pair.partition("\n")
    return is_dropped(verdict, reason, tolerated_reasons)


def _size(n_bytes: int) -> str:
    return f"{size(n_bytes)} ({n_bytes:,} bytes)"
