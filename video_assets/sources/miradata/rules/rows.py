"""MiraData's tables, v1 and v0: what a row says, and which batch it belongs to.

Belongs here: rows to values, as pure functions. Does not belong here: single cells (`rules.cells`, `rules.ids`,
`rules.captions`), opening tables (`sources.miradata.listing`), the web, cutting.

The authors give a clip by its place in a web video. v1 has `clip_id` and `file_path`, `video_url`, `video_id`, and
`timestamp`, the text of a list of two times; v0 has `index` ("000000000012_VIDEO-000010"), `video_id`, and frame numbers with a
rate.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from video_assets.core.captions import extras_json
from video_assets.core.errors import SourceError
from video_assets.core.schema import KEY, Column, TableSpec
from video_assets.core.text import escape, is_storable
from video_assets.sources.miradata.rules.batches import INVALID_BATCH
from video_assets.sources.miradata.rules.captions import (
    CaptionError,
    Segment,
    Segments,
    choose_cell,
    is_markup,
    one_caption,
    parse_segments,
)
from video_assets.sources.miradata.rules.cells import RowError, address_in, checked_span, frames_in, number_in, parse_span
from video_assets.sources.miradata.rules.ids import ClipId, clip_id_in, download_id_in, index_in

SOURCE = "miradata"
ROW_REASONS = frozenset({"invalid_row", "duplicate_row", "invalid_caption", "taken_down"})
"""Reasons for which a clip is not asked for, whatever the web says."""

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
        Column("former_key", "string", "the key that an earlier version gave the clip; empty when it was the same"),
        Column("file_name", "string", "name of the clip in its batch's folder"),
        Column("url", "string", "address of the source video"),
        Column("video_id", "string", "the site's id of the source video; empty when the table has none"),
        Column("start_s", "double", "where the clip starts in the source video, seconds", is_nullable=True),
        Column("end_s", "double", "where it ends, seconds", is_nullable=True),
        Column("rate", "double", "frames per second, as the table has it; null when the frames are not known", is_nullable=True),
        Column("first_frame", "int64", "number of the clip's first frame in the source video", is_nullable=True),
        Column("n_frames", "int64", "frames of the clip", is_nullable=True),
        Column("line", "int64", "line of the authors' table on which the row begins"),
        Column("reason", "string", "why the row is of no use; empty when it is"),
        Column("detail", "string", "the reason in words"),
        Column("text", "string", "caption, chosen by miradata.text_columns and miradata.segments"),
        Column("extras", "string", "the table's other columns, all captions among them, a JSON object"),
    ),
)

_V1 = ("clip_id", "video_url", "timestamp")
_V0 = ("index", "video_id", "start_frame", "end_frame", "fps")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_MAX_ID_CHARS = 64


@dataclass(frozen=True)
class MiraRow:
    """One row, see `MIRA_ROWS`."""

    batch: str
    download_id: int | None
    clip_key: str
    former_key: str
    file_name: str
    url: str
    video_id: str
    start_s: float | None
    end_s: float | None
    rate: float | None
    first_frame: int | None
    n_frames: int | None
    line: int
    reason: str
    detail: str
    text: str
    extras: str


class Place(NamedTuple):
    """Where a clip lies: numbers of source video and clip, address and id of the video, seconds from its start.

    `frames`: rate, first one, how many; None when they are not known.
    """

    clip_id: ClipId
    url: str
    video_id: str
    start_s: float
    end_s: float
    frames: tuple[float, int, int] | None = None


class RowReader:
    """Turns rows of one table into `MiraRow`; knows which ids it has seen.

    `batches`: the batch of every source video, by the authors' number.

    Raises:
        SourceError: the header is neither v1's nor v0's, or has none of the caption columns.
    """

    def __init__(
        self,
        header: Sequence[str],
        *,
        table: str,
        text_columns: Sequence[str],
        segments: Segments = "join",
        batches: Mapping[int, str] | None = None,
    ) -> None:
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
        self._text_columns: Sequence[str] = text_columns
        self._segments: Segments = segments
        self._table, self._batches = table, batches or {}
        self._lines: dict[str, int] = {}

    def wanted(self, row: Mapping[str, str]) -> tuple[int, float] | None:
        """Number of the row's source video and seconds of the clip, 0 where that cannot be read; None without a number."""
        video = download_id_in(row)
        if video is None:
            return None
        try:
            place = self._place_of(row)
        except RowError:
            return video, 0.0
        return video, place.end_s - place.start_s

    def read(self, row: Mapping[str, str], line: int, problem: str = "") -> list[MiraRow]:
        """The clips of the row that begins on `line`, whatever is wrong with it; `row` has text only, by column name.

        `problem`: it is no row of this table at all, and why; then nothing else of it is looked at.

        One, unless `segments` is "split" and its caption has several segments.

        Raises:
            SourceError: its source video has no batch.
        """
        video = download_id_in(row)
        blank = _blank(video, self._batch_of(video, line), line)
        if problem:
            return [_refused(blank, "invalid_row", f"line {line}: {escape(problem)}")]
        try:
            place = self._place_of(row)
        except RowError as error:
            return [_refused(blank, "invalid_row", f"line {line}: {escape(str(error))}")]
        name, former = (_file_name(place, number) for number in (place.clip_id.clip, place.clip_id.former))
        full = replace(
            blank, clip_key=f"{SOURCE}/{blank.batch}/{name}", file_name=name, url=place.url, video_id=place.video_id,
            former_key=f"{SOURCE}/{blank.batch}/{former}" if former != name else "", start_s=place.start_s,
            end_s=place.end_s, extras=_extras(row, place),
        )  # fmt: skip
        if place.frames:
            full = replace(full, rate=place.frames[0], first_frame=place.frames[1], n_frames=place.frames[2])
        first = self._lines.setdefault(name, line)
        if first != line:
            return [_refused(full, "duplicate_row", f"line {line}: line {first} has the same id")]
        column, cell = choose_cell(row, self._text_columns)
        try:
            return self._captioned(full, cell)
        except CaptionError as error:
            return [replace(full, reason="invalid_caption", detail=f"line {line}: {column}: {escape(str(error))}")]

    def _batch_of(self, video: int | None, line: int) -> str:
        try:
            return INVALID_BATCH if video is None else self._batches[video]
        except KeyError:
            raise SourceError(
                f"{self._table}, line {line}: the table was changed while it was read; materialize miradata_listing again"
            ) from None

    def _captioned(self, row: MiraRow, cell: str) -> list[MiraRow]:
        if self._segments == "split" and is_markup(cell):
            return [_segment(row, segment) for segment in parse_segments(cell)]
        return [replace(row, text=one_caption(cell, self._segments))]


def _segment(row: MiraRow, segment: Segment) -> MiraRow:
    """A clip of its own for a segment of a clip."""
    start_s, clip_end_s = row.start_s or 0.0, row.end_s or 0.0
    if start_s + segment.start_s >= clip_end_s:
        raise CaptionError(f"the segment from {segment.start_s} s on begins after the clip's end")
    name = f"{row.file_name.removesuffix('.mp4')}-{segment.start_s:06d}.mp4"
    return replace(
        row, clip_key=f"{SOURCE}/{row.batch}/{name}", former_key="", file_name=name, text=segment.text,
        start_s=round(start_s + segment.start_s, 6), end_s=round(min(start_s + segment.end_s, clip_end_s), 6),
        rate=None, first_frame=None, n_frames=None,
    )  # fmt: skip


def _blank(download_id: int | None, batch: str, line: int) -> MiraRow:
    return MiraRow(
        batch=batch,
        download_id=download_id,
        clip_key="",
        former_key="",
        file_name="",
        url="",
        video_id="",
        start_s=None,
        end_s=None,
        rate=None,
        first_frame=None,
        n_frames=None,
        line=line,
        reason="",
        detail="",
        text="",
        extras="{}",
    )


def _file_name(place: Place, clip: int) -> str:
    return f"{place.clip_id.download_id:012d}_{_safe(place.video_id)}-{clip:06d}.mp4"


def _refused(row: MiraRow, reason: str, detail: str) -> MiraRow:
    """A row without a place of its own has a key of its own, so that it is a line of the ledger."""
    name = f"line-{row.line:09d}"
    return replace(row, clip_key=f"{SOURCE}/{row.batch}/{name}", former_key="", file_name=name, reason=reason, detail=detail)


def _extras(row: Mapping[str, str], place: Place) -> str:
    """Every column but those that are of no use once they are read; with the address, by which take-downs find the clip."""
    cells = {name: cell for name, cell in row.items() if name and cell != "" and name not in {"video_url", "video_id"}}
    return extras_json({**cells, "video_url": place.url, "video_id": place.video_id})


def _place_v1(row: Mapping[str, str]) -> Place:
    clip_id, span = clip_id_in(row), parse_span(row["timestamp"])
    return Place(clip_id, address_in(row["video_url"]), _video_id(row.get("video_id") or ""), *span, frames_in(row, span))


def _place_v0(row: Mapping[str, str]) -> Place:
    clip_id, video_id = index_in(row), _video_id(row["video_id"])
    if not _YOUTUBE_ID.fullmatch(video_id):
        raise RowError(f"video_id {video_id[:40]!r} is no id of a YouTube video")
    rate = number_in(row, "fps")
    if not 1 <= rate <= 1000:
        raise RowError(f"fps {row['fps'][:40]!r} is no frame rate")
    span = checked_span(number_in(row, "start_frame") / rate, number_in(row, "end_frame") / rate, "start_frame and end_frame")
    return Place(clip_id, f"https://www.youtube.com/watch?v={video_id}", video_id, *span)


def _video_id(cell: str) -> str:
    return cell.strip() if is_storable(cell) else ""


def _safe(video_id: str) -> str:
    return _NOT_IN_NAMES.sub("_", video_id)[:_MAX_ID_CHARS] or "x"
