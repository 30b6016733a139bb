"""Which clip a row is about: the numbers of source video and clip.

v1's `clip_id` looks like text and was written as a number: clip 10 of video 1431495 stands there as 1431495.1, like clip 1. Its
`file_path` (.../000001431495.10.mp4) has both numbers whole, so they are taken from there, and `clip_id` must agree as a number.
Belongs here: ids to numbers. Does not belong here: names of files and keys (`rules.rows`).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from video_assets.sources.miradata.rules.cells import RowError

_CLIP_ID = re.compile(r"(\d{1,12})\.(\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{0,9})?", re.ASCII)
_IN_PATH = re.compile(r"(?:.*[/\\])?(\d{1,12})\.(\d{1,9})\.[A-Za-z0-9]{2,4}", re.ASCII)
_INDEX = re.compile(r"(\d{1,12})_(.*)-(\d{1,9})", re.ASCII)


class ClipId(NamedTuple):
    """Numbers of source video and clip; `former` is the clip's number as it was read before `file_path` was looked at."""

    download_id: int
    clip: int
    former: int


def clip_id_in(row: Mapping[str, str]) -> ClipId:
    """The numbers of a v1 row.

    >>> clip_id_in({"clip_id": "12.1", "file_path": "video_clips/000000000/000000000012.10.mp4"})
    ClipId(download_id=12, clip=10, former=1)
    >>> clip_id_in({"clip_id": "12.10"})
    ClipId(download_id=12, clip=10, former=10)

    Raises:
        RowError: they cannot be read, or clip_id and file_path name different clips.
    """
    written, path = row["clip_id"].strip(), (row.get("file_path") or "").strip()
    whole = _CLIP_ID.fullmatch(written)
    if not path:
        if whole is None:
            raise RowError(f"clip_id {written[:40]!r} is not like 12.10")
        return ClipId(int(whole[1]), int(whole[2]), int(whole[2]))
    named = _IN_PATH.fullmatch(path)
    if named is None or not _NUMBER.fullmatch(written) or Decimal(written) != Decimal(f"{int(named[1])}.{named[2]}"):
        raise RowError(f"clip_id {written[:40]!r} and file_path {path[-60:]!r} do not name the same clip")
    return ClipId(int(named[1]), int(named[2]), int(whole[2]) if whole else int(named[2]))


def index_in(row: Mapping[str, str]) -> ClipId:
    """The numbers of a v0 row, in which nothing is lost.

    Raises:
        RowError: they cannot be read.
    """
    match = _INDEX.fullmatch(row["index"].strip())
    if match is None:
        raise RowError(f"index {row['index'][:40]!r} is not like 000000000012_VIDEO-000010")
    return ClipId(int(match[1]), int(match[3]), int(match[3]))


def download_id_in(row: Mapping[str, str]) -> int | None:
    """The source video's number, as far as that alone can be read."""
    match = re.match(r"\s*(\d{1,12})(?:[._]|\s*$)", row.get("clip_id") or row.get("index") or "", re.ASCII)
    return int(match[1]) if match else None
