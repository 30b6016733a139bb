"""One clip as the page shows it: its row, the way it took, and its file for the player.

Belongs here: what is told and served of one clip. Does not belong here: finding it (`look.index`), its way (`explain.why`).
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_assets.explain.reasons import MEANINGS
from video_assets.explain.why import explain_clip
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

# Only types that players know: a file that calls itself otherwise is never shown as a page.
_TYPES = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), "video/mp4"),
    **dict.fromkeys((".webm", ".mkv"), "video/webm"),
    ".ogv": "video/ogg",
}
_OTHER_TYPE = "video/x-unknown"
MAX_TEXT = 400
_REFUSED_BY_TABLE = "taken_down"


class NotServedError(Exception):
    """The file of a clip is not shown; the message says why."""


@dataclass(frozen=True)
class ClipFile:
    """A file that a table names, and that has the bytes that were looked at."""

    path: Path
    media_type: str
    status: Any


def card(row: dict[str, Any], *, is_excluded: bool) -> dict[str, Any]:
    """What the page shows of a clip among others; long texts are cut."""
    shown = {name: value for name, value in row.items() if name not in {"n", "path", "mtime_ns"}}
    cut = {"text": row["text"][:MAX_TEXT], "detail": (row["detail"] or "")[:MAX_TEXT]}
    return {**shown, **cut, "is_excluded": is_excluded, "has_file": not _refusal(row)}


def whole(row: dict[str, Any], layout: Layout, settings: Settings, *, is_excluded: bool) -> dict[str, Any]:
    """All that is known of a clip."""
    shown = {name: value for name, value in row.items() if name not in {"n", "mtime_ns"}}
    try:
        told = explain_clip(layout, settings, row["clip_key"], row["source"], row["path"]).as_record()
        way = {"steps": told["steps"], "shard": told["shard"]}
    except (StageError, OSError) as error:
        way = {"steps": [], "shard": "", "trouble": str(error)}
    return {
        **shown, **way, "meaning": MEANINGS.get(row["reason"], ""), "is_excluded": is_excluded, "has_file": not _refusal(row),
    }  # fmt: skip


def file_of(row: dict[str, Any]) -> ClipFile:
    """The file of a clip.

    Raises:
        NotServedError: its source refused it, it was taken down, or the file is not the one that was listed.
    """
    if refusal := _refusal(row):
        raise NotServedError(refusal)
    path = Path(row["path"])
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise NotServedError(f"the file cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise NotServedError("it is no regular file")
    if row["mtime_ns"] not in {None, status.st_mtime_ns} or row["file_size"] not in {None, status.st_size}:
        raise NotServedError("the file was replaced after it was listed; the next run lists it again")
    return ClipFile(path, _TYPES.get(path.suffix.lower(), _OTHER_TYPE), status)


def _refusal(row: dict[str, Any]) -> str:
    """Why a clip's file is not touched: it may lie where nothing must be read, or must not be seen any more."""
    if row["reason"] == _REFUSED_BY_TABLE:
        return "it was taken down"
    if row["stage"] == row["source"]:
        return f"its source did not give it: {row['reason']}"
    return ""
