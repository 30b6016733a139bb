"""One clip as the page shows it: its row, the way it took, and its file for the player.

Belongs here: what is told and served of one clip. Does not belong here: finding it (`look.index`), its way (`explain.why`).
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from video_assets.core.json_values import JsonObject
from video_assets.explain.reasons import MEANINGS
from video_assets.explain.why import explain_clip
from video_assets.look.index import Clip
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
_BEFORE_A_WORD = 24
_REFUSED_BY_TABLE = "taken_down"


class NotServedError(Exception):
    """The file of a clip is not shown; the message says why."""


@dataclass(frozen=True)
class ClipFile:
    """A file that a table names, and that has the bytes that were looked at."""

    path: Path
    media_type: str
    status: os.stat_result


def card(clip: Clip, words: Sequence[str] = (), *, is_excluded: bool) -> JsonObject:
    """What the page shows of a clip among others. Long texts are cut; a caption starts before the first of the `words` in it."""
    cut = {"text": _beginning_before(clip.text, words), "detail": clip.detail[:MAX_TEXT]}
    return {**_shown(clip), **cut, "is_excluded": is_excluded}


def _beginning_before(text: str, words: Sequence[str]) -> str:
    lower = text.lower() if words else ""
    places = [place for word in words if (place := lower.find(word.lower())) >= 0]
    start = min(places, default=0) - _BEFORE_A_WORD
    return text[:MAX_TEXT] if start <= _BEFORE_A_WORD else f"…{text[start : start + MAX_TEXT]}"


def whole(clip: Clip, layout: Layout, settings: Settings, *, is_excluded: bool) -> JsonObject:
    """All that is known of a clip."""
    try:
        told = explain_clip(layout, settings, clip.clip_key, clip.source, clip.path)
        way: JsonObject = {"steps": [asdict(step) for step in told.steps], "shard": told.shard}
    except (StageError, OSError) as error:
        way = {"steps": [], "shard": "", "trouble": str(error)}
    meaning = MEANINGS.get(clip.reason, "")
    return {**_shown(clip), "path": clip.path, **way, "meaning": meaning, "is_excluded": is_excluded}


def _shown(clip: Clip) -> JsonObject:
    return {
        "clip_key": clip.clip_key,
        "source": clip.source,
        "status": clip.status,
        "stage": clip.stage,
        "reason": clip.reason,
        "text": clip.text,
        "detail": clip.detail,
        "video_codec": clip.video_codec,
        **clip.numbers,
        "has_file": not _refusal(clip),
    }


def file_of(clip: Clip) -> ClipFile:
    """The file of a clip.

    Raises:
        NotServedError: its source refused it, it was taken down, or the file is not the one that was listed.
    """
    if refusal := _refusal(clip):
        raise NotServedError(refusal)
    path = Path(clip.path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise NotServedError(f"the file cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise NotServedError("it is no regular file")
    if clip.mtime_ns not in {None, status.st_mtime_ns} or clip.file_size not in {None, status.st_size}:
        raise NotServedError("the file was replaced after it was listed; the next run lists it again")
    return ClipFile(path, _TYPES.get(path.suffix.lower(), _OTHER_TYPE), status)


def _refusal(clip: Clip) -> str:
    """Why a clip's file is not touched: it may lie where nothing must be read, or must not be seen any more."""
    if clip.reason == _REFUSED_BY_TABLE:
        return "it was taken down"
    if clip.stage == clip.source:
        return f"its source did not give it: {clip.reason}"
    return ""
