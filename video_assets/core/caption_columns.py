"""Which columns of people's tables hold a clip's path and its caption: the names that are understood.

Belongs here: names of columns. Does not belong here: what a caption is (`core.captions`), opening tables
(`sources.own_clips.caption_tables`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from video_assets.core.errors import SourceError

# Highest priority first. Names: Open-Sora (path, text), Hugging Face VideoFolder (file_name), OpenVid (video, caption),
# MiraData (file_path, dense_caption), video2dataset and trainers (video_path, prompt, media_path, cap, sentence).
PATH_ALIASES = ("path", "file_name", "video", "video_path", "file_path", "filename", "media_path", "videos", "file")
ID_ALIASES = ("video_id", "videoid", "clip_id", "id", "key", "name", "clip")
TEXT_ALIASES = ("text", "caption", "prompt", "dense_caption", "short_caption", "cap", "description", "sentence")


class CaptionColumns(NamedTuple):
    """Positions of the clip's path and its caption in a header."""

    path: int
    text: int


def find_columns(
    header: Sequence[str],
    *,
    table: str,
    path_column: str | None = None,
    text_column: str | None = None,
) -> CaptionColumns:
    """The columns of path and caption.

    Upper and lower case, surrounding blanks and a byte order mark do not matter. Of several known names the one that comes
    first in `PATH_ALIASES` or `TEXT_ALIASES` wins; of equal names the first column.

    Raises:
        SourceError: there is none; the message names the columns that are there.
    """
    return CaptionColumns(
        path=find_column(
            header, (path_column,) if path_column else PATH_ALIASES, table=table, what="path", setting="path_column"
        ),
        text=find_column(
            header, (text_column,) if text_column else TEXT_ALIASES, table=table, what="caption", setting="text_column"
        ),
    )


def find_column(header: Sequence[str], names: Sequence[str], *, table: str, what: str, setting: str) -> int:
    """The first of `names` that is in `header`.

    Raises:
        SourceError: none is; the message names the columns that are there, and the setting that helps.
    """
    folded = [_fold(name) for name in header]
    for name in names:
        if name in header:
            return list(header).index(name)
        if _fold(name) in folded:
            return folded.index(_fold(name))
    if not any(header):
        raise SourceError(f"{table}: the table is empty; it needs a line of column names, and one for each clip")
    raise SourceError(
        f"{table}: no column with the {what}: looked for {', '.join(map(repr, names))}; the columns are "
        f"{', '.join(map(repr, header)) or '(none)'}. Name the right one with own_clips.{setting}"
    )


def _fold(name: str) -> str:
    return name.strip("\ufeff \t\r\n").casefold()
