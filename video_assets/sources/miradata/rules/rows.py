"""MiraData's tables, v1 and v0: what a row says, and which batch it belongs to.

Belongs here: rows to values, as pure functions. Does not belong here: opening tables (`sources.miradata.listing`), the web,
cutting.

The authors give a clip by its place in a web video. v1 has `clip_id` ("12.10", text: as a number 12.1 and 12.10 would be one),
`video_url`, `video_id`, and `timestamp`, the text of a list of two times; v0 has `index` ("000000000012_VIDEO-000010"),
`video_id`, and frame numbers with a rate. Their scripts `eval` those cells; here they are parsed.
"""

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from video_assets.core.captions import extras_json, is_empty_caption
from video_assets.core.errors import SourceError
from video_assets.core.schema import KEY, Column, TableSpec
from video_assets.core.text import escape, is_storable

SOURCE = "miradata"
VIDEOS_PER_BATCH = 500
INVALID_BATCH = "mira_invalid"
"""Batch of the rows whose id cannot be read: they are accounted for like all others."""

CAPTION_COLUMNS = (
    "short_caption", "dense_caption", "background_caption", "main_object_caption", "style_caption", "camera_caption",
)  # fmt: skip
TERMS = (
    "MiraData's authors give the table for informational use only: no commercial use, no redistribution of the videos. The table "
    "is under GPL-3.0 (repository) and Apache-2.0 (hub card); the videos belong to their owners, and the terms of the sites that "
    "show them (YouTube, Pexels, Pixabay, Videvo) apply to whoever downloads them. video_assets publishes no clips."
)

MIRA_ROWS = TableSpec(
    "miradata rows",
    (
        Column("batch", "string", "partition of miradata_clips"),
        Column("download_id", "int64", "the authors' number of the source video; null when it cannot be read", is_nullable=True),
        KEY,
        Column("file_name", "string", "name of the clip in its batch's folder"),
        Column("url", "string", "address of the source video"),
        Column("video_id", "string", "the site's id of the source video; empty when the table has none"),
        Column("start_s", "double", "where the clip starts in the source video, seconds", is_nullable=True),
        Column("end_s", "double", "where it ends, seconds", is_nullable=True),
        Column("line", "int64", "line of the authors' table on which the row begins"),
        Column("reason", "string", "why the row is of no use; empty when it is"),
        Column("detail", "string", "the reason in words"),
        Column("text", "string", "caption, chosen by miradata.text_columns"),
        Column("extras", "string", "the table's other columns, all captions among them, a JSON object"),
    ),
)

_V1 = ("clip_id", "video_url", "timestamp")
_V0 = ("index", "video_id", "start_frame", "end_frame", "fps")
_CLIP_ID = re.compile(r"(\d{1,12})\.(\d{1,9})")
_INDEX = re.compile(r"(\d{1,12})_(.*)-(\d{1,9})")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_MAX_ID_CHARS = 64
_MAX_URL_CHARS = 2048
_LONGEST_CLIP_S = 3600.0


class RowError(ValueError):
    """A row is of no use; the message names the column."""


@dataclass(frozen=True)
class MiraRow:
    """One row, see `MIRA_ROWS`."""

    batch: str
    download_id: int | None
    clip_key: str
    file_name: str
    url: str
    video_id: str
    start_s: float | None
    end_s: float | None
    line: int
    reason: str
    detail: str
    text: str
    extras: str


class Place(NamedTuple):
    """Where a clip lies: numbers of source video and clip, address and id of the video, seconds from its start."""

    download_id: int
    clip: int
    url: str
    video_id: str
    start_s: float
    end_s: float


class RowReader:
    """Turns rows of one table into `MiraRow`; knows which ids it has seen.

    Raises:
        SourceError: the header is neither v1's nor v0's, or has none of the caption columns.
    """

    def __init__(self, header: Sequence[str], *, table: str, text_columns: Sequence[str]) -> None:
        names = {name.strip("\ufeff ") for name in header}
        if not (is_v1 := names.issuperset(_V1)) and not names.issuperset(_V0):
            raise SourceError(
                f"{table}: not a table of MiraData: v1 has the columns {', '.join(_V1)}, v0 has {', '.join(_V0)}; the "
                f"columns are {', '.join(map(repr, header[:30])) or '(none)'}"
            )
        if names.isdisjoint(text_columns):
            raise SourceError(
                f"{table}: none of the caption columns {', '.join(text_columns)} (miradata.text_columns); the columns are "
                f"{', '.join(map(repr, header[:30]))}"
            )
        self.version = "v1" if is_v1 else "v0"
        self._place_of = _place_v1 if is_v1 else _place_v0
        self._text_columns = text_columns
        self._lines: dict[str, int] = {}

    def read(self, row: Mapping[str, str], line: int) -> MiraRow:
        """The row that begins on `line`, whatever is wrong with it; `row` has text only, by column name."""
        broken = _download_id(row)
        blank = MiraRow(
            batch=batch_of(broken) if broken is not None else INVALID_BATCH,
            download_id=broken,
            clip_key="",
            file_name="",
            url="",
            video_id="",
            start_s=None,
            end_s=None,
            line=line,
            reason="",
            detail="",
            text="",
            extras="{}",
        )
        try:
            place = self._place_of(row)
        except RowError as error:
            return _refused(blank, "invalid_row", f"line {line}: {escape(str(error))}")
        name = f"{place.download_id:012d}_{_safe(place.video_id)}-{place.clip:06d}.mp4"
        full = replace(
            blank, clip_key=f"{SOURCE}/{blank.batch}/{name}", file_name=name, url=place.url, video_id=place.video_id,
            start_s=place.start_s, end_s=place.end_s, text=choose_caption(row, self._text_columns), extras=_extras(row, place),
        )  # fmt: skip
        first = self._lines.setdefault(name, line)
        if first != line:
            return _refused(full, "duplicate_row", f"line {line}: line {first} has the same id")
        return full


def _refused(row: MiraRow, reason: str, detail: str) -> MiraRow:
    """A row of no use has a key of its own, so that it is a line of the ledger."""
    name = f"line-{row.line:09d}"
    return replace(row, clip_key=f"{SOURCE}/{row.batch}/{name}", file_name=name, reason=reason, detail=detail)


def batch_of(download_id: int) -> str:
    """Partition of a source video, for ever the same.

    >>> batch_of(61_999)
    'mira_000123'
    """
    return f"mira_{download_id // VIDEOS_PER_BATCH:06d}"


def choose_caption(row: Mapping[str, str], columns: Sequence[str]) -> str:
    """The first of `columns` that has more than white space; empty when none has.

    >>> choose_caption({"dense_caption": " ", "short_caption": "a dog"}, ["dense_caption", "short_caption"])
    'a dog'
    """
    cells = (row.get(name) or "" for name in columns)
    return next((cell for cell in cells if not is_empty_caption(cell) and is_storable(cell)), "")


def _extras(row: Mapping[str, str], place: Place) -> str:
    """Every column but those that are of no use once they are read; with the address, by which take-downs find the clip."""
    cells = {name: cell for name, cell in row.items() if name and cell != "" and name not in {"video_url", "video_id"}}
    return extras_json({**cells, "video_url": place.url, "video_id": place.video_id})


def _download_id(row: Mapping[str, str]) -> int | None:
    """The source video's number, as far as that alone can be read."""
    match = re.match(r"\s*(\d{1,12})[._]", row.get("clip_id") or row.get("index") or "")
    return int(match[1]) if match else None


def _place_v1(row: Mapping[str, str]) -> Place:
    match = _CLIP_ID.fullmatch(row["clip_id"].strip())
    if match is None:
        raise RowError(f"clip_id {row['clip_id'][:40]!r} is not like 12.10")
    start_s, end_s = parse_span(row["timestamp"])
    return Place(int(match[1]), int(match[2]), _url(row["video_url"]), _video_id(row.get("video_id") or ""), start_s, end_s)


def _place_v0(row: Mapping[str, str]) -> Place:
    match = _INDEX.fullmatch(row["index"].strip())
    if match is None:
        raise RowError(f"index {row['index'][:40]!r} is not like 000000000012_VIDEO-000010")
    video_id = _video_id(row["video_id"])
    if not _YOUTUBE_ID.fullmatch(video_id):
        raise RowError(f"video_id {video_id[:40]!r} is no id of a YouTube video")
    rate = _number(row, "fps")
    if not 1 <= rate <= 1000:
        raise RowError(f"fps {row['fps'][:40]!r} is no frame rate")
    span = _checked(_number(row, "start_frame") / rate, _number(row, "end_frame") / rate, "start_frame and end_frame")
    return Place(int(match[1]), int(match[3]), f"https://www.youtube.com/watch?v={video_id}", video_id, *span)


def parse_span(cell: str) -> tuple[float, float]:
    """Start and end in seconds, from the text of a list of two times.

    >>> parse_span("['00:01:02.500000', '00:02:00']")
    (62.5, 120.0)

    Raises:
        RowError: it is not that.
    """
    try:
        values = ast.literal_eval(cell.strip()) if len(cell) <= 200 else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = None
    if not isinstance(values, list | tuple) or len(values) != 2:
        raise RowError(f"timestamp {cell[:60]!r} is not like ['00:01:02.500000', '00:02:00.000000']")
    return _checked(*(_seconds(value) for value in values), what="timestamp")


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _CLOCK.fullmatch(str(value).strip())
    if match is None:
        raise RowError(f"timestamp {str(value)[:40]!r} is no time like 00:01:02.500000")
    return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])


def _checked(start_s: float, end_s: float, what: str) -> tuple[float, float]:
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or start_s < 0 or end_s <= start_s:
        raise RowError(f"{what}: from {start_s:g} s to {end_s:g} s is no span of time")
    if end_s - start_s > _LONGEST_CLIP_S:
        raise RowError(f"{what}: {end_s - start_s:,.0f} s is longer than any clip")
    return round(start_s, 6), round(end_s, 6)


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise RowError(f"{name} {row[name][:40]!r} is no number") from None


def _url(cell: str) -> str:
    url = cell.strip()
    if not re.match(r"https?://[^\s/]", url, re.IGNORECASE):
        raise RowError(f"video_url {url[:60]!r} is not an http(s) address")
    if len(url) > _MAX_URL_CHARS or not url.isprintable() or not is_storable(url):
        raise RowError("video_url is too long, or has characters that no address has")
    return url


def _video_id(cell: str) -> str:
    return cell.strip() if is_storable(cell) else ""


def _safe(video_id: str) -> str:
    return _NOT_IN_NAMES.sub("_", video_id)[:_MAX_ID_CHARS] or "x"
