"""The column contract of every table: names, types, units, meaning.

Belongs here: what a column is. Does not belong here: how tables are read or written (`storage.tables`), what is decided with
them. Definitions follow the trainer (Open-Sora): `aspect_ratio = height / width`, `resolution = height * width`, height and width
as coded, before any rotation is applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # Dagster's definitions read the columns; they must load without pandas
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa
    from pandas.api.extensions import ExtensionArray

TypeName = Literal["string", "int64", "double", "bool"]


@dataclass(frozen=True)
class Column:
    """One column: its type, its meaning with the unit, and whether it may be null."""

    name: str
    type: TypeName
    description: str
    is_nullable: bool = False


@dataclass(frozen=True)
class TableSpec:
    """The columns of a table, in order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The table's Arrow schema."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, _arrow_type(c), nullable=c.is_nullable) for c in self.columns])

    @cached_property
    def dtypes(self) -> Mapping[str, pd.ArrowDtype]:
        """Pandas types (Arrow-backed, so that missing is always `pd.NA` and "None" is always text)."""
        return {c.name: _dtype(c) for c in self.columns}

    @cached_property
    def _empty(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({name: pd.array([], dtype=dtype) for name, dtype in self.dtypes.items()})

    def frame(self, rows: object = ()) -> pd.DataFrame:
        """A DataFrame of this table from records (mappings) or another DataFrame; absent nullable columns become null.

        Raises:
            ValueError: a column that may not be null is absent or holds nulls; the message names the table and the column.
        """
        import pandas as pd

        given = rows if isinstance(rows, pd.DataFrame) else list(rows)  # type: ignore[call-overload]
        return pd.DataFrame(self._arrays(given)) if len(given) else self._empty.copy()

    def table(self, rows: pd.DataFrame) -> pa.Table:
        """As `frame`, for what takes Arrow."""
        import pyarrow as pa

        if not len(rows):
            return self.arrow.empty_table()
        arrays = self._arrays(rows)
        return pa.Table.from_arrays([pa.array(arrays[name]) for name in self.names], schema=self.arrow)

    def _arrays(self, given: pd.DataFrame | list[Mapping[str, object]]) -> dict[str, ExtensionArray]:
        import pandas as pd
        import pyarrow as pa

        # Column by column: most tables are of few rows, and cost what pandas takes for each step of a whole frame.
        if isinstance(given, pd.DataFrame):
            arrays = {name: _column_of_frame(given, name, dtype) for name, dtype in self.dtypes.items()}
        else:
            arrays = {name: pd.array([row.get(name) for row in given], dtype=dtype) for name, dtype in self.dtypes.items()}
        for column in self.columns:
            if not column.is_nullable and (n := pa.array(arrays[column.name]).null_count):
                raise ValueError(f"{self.name}: column {column.name!r} may not be null ({n} null rows)")
        return arrays


def _column_of_frame(frame: pd.DataFrame, name: str, dtype: pd.ArrowDtype) -> ExtensionArray:
    import pandas as pd

    if name not in frame.columns:
        return pd.array([None] * len(frame), dtype=dtype)
    column = frame[name]
    return column.array if column.dtype == dtype else column.astype(dtype).array


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    return {"string": pa.string(), "int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}[column.type]


@cache
def _dtype(column: Column) -> pd.ArrowDtype:
    import pandas as pd

    return pd.ArrowDtype(_arrow_type(column))


KEY = Column("clip_key", "string", "source/path below the clips folder; names one clip for ever")
SOURCE = Column("source", "string", "source that the clip came from, for example own_clips")
PATH = Column("path", "string", "absolute path of the clip on the shared storage")
TEXT = Column("text", "string", "caption, unchanged")
FILE_SIZE = Column("file_size", "int64", "bytes")
MTIME = Column("mtime_ns", "int64", "modification time of the file, ns since 1970; with file_size the clip's fingerprint")

_MEASURED = (
    Column("num_frames", "int64", "frames of the video stream that a player shows", is_nullable=True),
    Column("height", "int64", "pixels, as coded, before rotation", is_nullable=True),
    Column("width", "int64", "pixels, as coded, before rotation", is_nullable=True),
    Column("fps", "double", "average frame rate, frames per second", is_nullable=True),
    Column("duration_s", "double", "seconds", is_nullable=True),
    Column("video_codec", "string", "FFmpeg's decoder name", is_nullable=True),
    Column("pix_fmt", "string", "FFmpeg's pixel format name", is_nullable=True),
    Column("rotation_deg", "int64", "display rotation, degrees", is_nullable=True),
    Column("header_frames", "int64", "frames that the container's header claims; null when it claims none", is_nullable=True),
    Column("packet_frames", "int64", "video packets that are shown (edit lists applied)", is_nullable=True),
)
_SHAPE = (
    Column("aspect_ratio", "double", "height / width", is_nullable=True),
    Column("resolution", "int64", "height * width, pixels", is_nullable=True),
)

# What the pictures show, and what some readers mind. Null in verdicts of checker version 3 and before.
_SHOWS = (
    Column("static_share", "double", "share of the video (by packets) that shows one picture without change", is_nullable=True),
    Column("black_share", "double", "share of the video (by packets) that is black and does not change", is_nullable=True),
    Column("is_static", "bool", "the picture hardly ever changes: static_share is 0.95 or more", is_nullable=True),
    Column("is_black", "bool", "there is nothing to see: black_share is 0.95 or more", is_nullable=True),
    Column("is_interlaced", "bool", "the first frame is made of two fields", is_nullable=True),
    Column("pixel_aspect", "double", "width / height of a pixel, 1 for square ones; null when not stored", is_nullable=True),
    Column("color_transfer", "string", "FFmpeg's name of the transfer function, for example bt709", is_nullable=True),
    Column("has_alpha", "bool", "pixel format or track with transparency", is_nullable=True),
)

LEDGER = TableSpec(
    "raw ledger",
    (
        KEY,
        SOURCE,
        Column("path", "string", "absolute path of the clip; escaped when the name is not UTF-8"),
        Column("text", "string", "caption, unchanged; empty when there is none"),
        Column("status", "string", "ok | waiting (looked at again next time) | skipped (not wanted) | failed"),
        Column("reason", "string", "why not ok; empty when ok"),
        Column("detail", "string", "the reason in words, with names and numbers"),
        Column("file_size", "int64", "bytes", is_nullable=True),
        Column("mtime_ns", "int64", "modification time, ns since 1970", is_nullable=True),
        Column("origin", "string", "where the clip was listed: table and line, sidecar, folder, archive member, URL"),
        Column("extras", "string", "the source's other columns, a JSON object"),
    ),
)
CLIPS = TableSpec(
    "clips",
    (
        KEY,
        SOURCE,
        PATH,
        TEXT,
        *_MEASURED[:3],
        _SHAPE[0],
        _MEASURED[3],
        _SHAPE[1],
        FILE_SIZE,
        *_MEASURED[4:],
        Column("probe_status", "string", "ok, or the reason why the container could not be read"),
        Column("probe_detail", "string", "FFmpeg's first words when probe_status is not ok"),
        MTIME,
        Column("extras", "string", "the source's other columns, a JSON object"),
    ),
)
_LIMITS = (
    Column("max_duration_s", "double", "seconds, the limit that it was given under; null: none, or not noted", is_nullable=True),
    Column("timeout_s", "double", "wall seconds that the clip could take; null: not noted", is_nullable=True),
    Column("cpu_s", "double", "CPU seconds that it could take; null: not noted", is_nullable=True),
    Column("memory_mib", "int64", "MiB that it could take; null: not noted", is_nullable=True),
)
VERDICTS = TableSpec(
    "verdicts",
    (
        KEY,
        FILE_SIZE,
        MTIME,
        Column("verdict", "string", "good | bad | unreadable_now | timeout | crashed | out_of_memory"),
        Column("reason", "string", "why the verdict is not good; empty when good"),
        Column("errors", "string", "FFmpeg's first lines, addresses stripped, one per line"),
        *_MEASURED,
        Column("header_fps", "double", "frame rate that the container claims; null when it claims none", is_nullable=True),
        Column("size_changes", "int64", "times that the picture's size or pixel format changes", is_nullable=True),
        Column("starts_at_s", "double", "seconds from the clip's start to its first picture", is_nullable=True),
        Column("missing_s", "double", "seconds without a picture at the clip's start and end", is_nullable=True),
        Column("is_variable_rate", "bool", "frame durations differ", is_nullable=True),
        Column("is_count_consistent", "bool", "header, packets and decoded frames agree", is_nullable=True),
        *_SHOWS,
        Column("content_hash", "string", "xxh3-128 of the file's bytes", is_nullable=True),
        Column("decode_seconds", "double", "CPU seconds spent on this clip", is_nullable=True),
        Column("checker_version", "string", "version of the rules that made the verdict"),
        Column("ffmpeg_versions", "string", "libav library versions that made the verdict"),
        *_LIMITS,
    ),
)
# CHECKED leaves the CPU seconds out, and which limits there once were: the same clips must give the same bytes.
_NOT_AGAIN = {"clip_key", "file_size", "mtime_ns", "decode_seconds", *(column.name for column in (*_MEASURED, *_LIMITS))}
_VERDICT_ONLY = tuple(column for column in VERDICTS.columns if column.name not in _NOT_AGAIN)
CHECKED = TableSpec("decode_check", (*CLIPS.columns, *_VERDICT_ONLY))
TRAINING = TableSpec(
    "training_csv",
    (
        PATH,
        TEXT,
        Column("num_frames", "int64", "frames that decode"),
        Column("height", "int64", "pixels, as decoded, before rotation"),
        Column("width", "int64", "pixels, as decoded, before rotation"),
        Column("aspect_ratio", "double", "height / width"),
        Column("fps", "double", "average frame rate, frames per second"),
        Column("resolution", "int64", "height * width, pixels"),
        FILE_SIZE,
    ),
)
DROPPED = TableSpec(
    "dropped",
    (
        KEY,
        SOURCE,
        PATH,
        Column("stage", "string", "asset that dropped the clip"),
        Column("reason", "string", "one word of the vocabulary in docs/results.md"),
        Column("detail", "string", "the reason in words; FFmpeg's own where it spoke"),
    ),
)
