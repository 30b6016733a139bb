"""Versions of the rules: which measurements and verdicts of an earlier version still hold, so that they are not made again.

Version 4 of the check gives a broken last packet of sound a reason of its own, and says in columns what the pictures show. No
good clip is bad now and no bad one good. So of version 3 everything but `corrupt_audio` stands, and the new columns stay null
until the clip is decoded again. When a setting needs such a column, what lacks it is checked again.
Version 3 of the check (2 of the probe) reads `duration_s` as a length in every container, counts what AVI drops, and passes over
tracks without packets outside MP4. The check also refuses pictures that change their size and starts that are missing, corrects
rates that are none, and names missing reference frames: so good clips are all checked again. What cannot come out otherwise is
taken over; whatever is in doubt is made again.
Belongs here: that choice, on whole columns. Does not belong here: the rules themselves (`media`), joining (`core.matching`).
"""

from collections.abc import Sequence

import pandas as pd

from video_assets.core.ffmpeg_messages import is_about_references
from video_assets.core.verdicts import CHECKER_VERSION, PROBER_VERSION

_CHECKER_BEFORE = "3"
_CHECKER_OLDER = "2"
_PROBER_BEFORE = "1"
# Given before a stream was looked at, by rules that are as they were.
_NEVER_OPENED = ["empty_file", "not_media", "not_a_file", "playlist_or_reference", "unreadable_container"]
# What a promise, a length or the choice of streams decided. Crashed and unfinished clips are no verdict on streams at all.
_IN_DOUBT = ["fewer_frames", "no_frames", "no_video", "too_long"]
_MP4_NAME = r"\.(?:mp4|m4v|mov|qt|3gp|3g2|f4v)$"
_LATE_S = 1.0


def standing_verdicts(verdicts: pd.DataFrame, *, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of VERDICTS that the rules of now would give again; the others are left out.

    Args:
        verdicts: any number of rows.
        needed: columns by which clips are chosen. An earlier version's verdict on frames that lacks one does not stand.
    """
    version = verdicts["checker_version"]
    is_now = version == CHECKER_VERSION
    if is_now.all():  # nearly always
        return verdicts
    is_named_anew = (verdicts["verdict"] == "bad") & (verdicts["reason"] == "corrupt_audio")
    stands = is_now | (((version == _CHECKER_BEFORE) | _stands_of_older(verdicts)) & ~is_named_anew)
    lacks = verdicts[list(needed)].isna().any(axis=1) & (verdicts["num_frames"] > 0).fillna(value=False)
    return verdicts[stands & (is_now | ~lacks)]


def _stands_of_older(verdicts: pd.DataFrame) -> pd.Series:
    is_judged = (verdicts["verdict"] == "bad") & ~verdicts["reason"].isin(_IN_DOUBT) & ~_is_about_references(verdicts["errors"])
    holds = verdicts["reason"].isin(_NEVER_OPENED) | (is_judged & _is_settled_mp4(verdicts))
    return (verdicts["checker_version"] == _CHECKER_OLDER) & holds


def standing_probes(probes: pd.DataFrame, version: str) -> pd.DataFrame:
    """Rows (columns of PROBES) by this version of the prober that the rules of now would give again.

    Args:
        probes: any number of rows.
        version: of the prober that made them all.
    """
    if version == PROBER_VERSION:
        return probes
    status = probes["probe_status"]
    holds = status.isin(_NEVER_OPENED) | ((status == "ok") & _is_settled_mp4(probes))
    return probes[holds & (version == _PROBER_BEFORE)]


def _is_about_references(errors: pd.Series) -> pd.Series:
    return errors.map(lambda words: is_about_references(words.splitlines())).astype(bool)


def _is_settled_mp4(rows: pd.DataFrame) -> pd.Series:
    """True for an MP4 by its name that has a count in its header, as Matroska, FLV and transport streams have not.

    Its streams were chosen by its index before. Its length may have been an end only when it is a second longer than its frames.
    """
    is_mp4 = rows["clip_key"].str.contains(_MP4_NAME, case=False, regex=True) & rows["header_frames"].notna()
    beyond_s = rows["duration_s"] - rows["num_frames"] / rows["fps"]
    return (is_mp4 & (beyond_s < _LATE_S)).fillna(value=False).astype(bool)
