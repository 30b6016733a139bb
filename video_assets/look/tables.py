"""The tables of a data root as one: every clip ever listed, with stage, status, reason, numbers, source.

Belongs here: which files are read, and the statement that joins them. Does not belong here: captions, which are not joined, and
what is made of the answer (`look.build`). What a table says, and which one counts, is as in `explain.why`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.schema import CHECKED, CLIPS, DROPPED, LEDGER, TRAINING, TableSpec
from video_assets.core.sharding import shard_keys
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import ledgers
from video_assets.storage.layout import Layout
from video_assets.storage.stages import dropped_path
from video_assets.storage.tables import table_files

NUMBERS = ("duration_s", "file_size", "num_frames", "resolution", "fps", "aspect_ratio")
_MAX_SCORES = 6
_WORDS_OF_ADDRESSES = frozenset(
    {
        "sort",
        "seed",
        "offset",
        "limit",
        "words",
        "key",
        "status",
        "view",
        "columns",
        "clip",
        "token",
        "caption",
        "shape",
        "stage_words",
    }
)
_SCORE = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}


@dataclass(frozen=True)
class Files:
    """Files of each table, by a name of their own, and what identifies their state."""

    tables: dict[str, tuple[TableSpec, tuple[Path, ...]]]
    relative_to: str
    stamp: tuple[tuple[str, int, int], ...]

    @property
    def is_empty(self) -> bool:
        """True when no source has listed anything."""
        return not self.ledgers

    @property
    def ledgers(self) -> tuple[Path, ...]:
        """Files whose rows, one file after the other, are the clips."""
        return self.tables["listed"][1]

    @property
    def is_current(self) -> bool:
        """False when one of the files is not what it was when it was found."""
        return self.stamp == _stamp(file for _, files in self.tables.values() for file in files)


@dataclass(frozen=True)
class Cell:
    """A combination of status, stage, reason and source that occurs, and how many clips have it."""

    cell: int
    status: str
    stage: str
    reason: str
    source: str
    clips: int


@dataclass(frozen=True)
class Joined:
    """What the tables say of all clips but captions, keys and paths.

    `clips`: a row per clip in the order of the ledgers: `cell`, height, width, video_codec, `NUMBERS` (null: not known), scores.
    `details`: `n` (rising, the row in `clips`) and `detail`, of clips of which there is one.
    """

    cells: tuple[Cell, ...]
    scores: tuple[str, ...]
    clips: pa.Table
    details: pa.Table


def find_files(layout: Layout, settings: Settings) -> Files:
    """The files that are there now."""
    shards = shard_keys(settings.decode.n_shards)
    lists, checked = ([place(shard) for shard in shards] for place in (layout.shard_list, layout.checked))
    places = {
        "listed": (LEDGER, list(ledgers(layout, settings.sources).values())),
        "measured": (CLIPS, [layout.enriched_metadata]),
        "checked": (CHECKED, checked),
        "dropped_1": (DROPPED, [dropped_path(layout.enriched_metadata)]),
        "dropped_2": (DROPPED, [dropped_path(layout.size_filtered)]),
        "dropped_3": (DROPPED, [dropped_path(path) for path in lists]),
        "dropped_4": (DROPPED, [dropped_path(path) for path in checked]),
        "dropped_5": (DROPPED, [layout.dropped]),
        "trained": (TRAINING, [layout.training_table(settings.product_name)]),
    }
    found = {name: (spec, tuple(file for path in paths for file in table_files(path))) for name, (spec, paths) in places.items()}
    root = settings.training.relative_to
    return Files(found, "" if root is None else f"{root}/", _stamp(file for _, files in found.values() for file in files))


def _stamp(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    seen = []
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError:
            continue  # replaced at this moment: the next look sees it
        seen.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(seen)


def join(con: duckdb.DuckDBPyConnection, files: Files) -> Joined:
    """All tables, joined.

    Raises:
        duckdb.Error: a table is torn, or of another version.
    """
    for name, (spec, paths) in files.tables.items():
        con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {_rows(spec, paths)}")
    scores = _scores(files.tables["measured"][1])
    columns = "".join(f""", try_cast(json_extract_string(m.extras, '$."{name}"') AS DOUBLE) AS "{name}" """ for name in scores)
    con.execute(_EVERY.format(scores=columns), [files.relative_to])
    con.execute(_CELLS)
    cells = tuple(Cell(*row) for row in con.execute("SELECT * FROM cells ORDER BY cell").fetchall())
    clips = con.sql(_CLIPS.format(scores="".join(f', "{name}"' for name in scores))).to_arrow_table()
    details = con.sql("SELECT n, detail FROM every_clip WHERE detail <> '' ORDER BY n").to_arrow_table()
    con.execute("DROP TABLE every_clip")
    return Joined(cells, scores, clips.sort_by("n").drop_columns("n"), details)


def _rows(spec: TableSpec, paths: tuple[Path, ...]) -> str:
    if not paths:
        columns = ", ".join(f'CAST(NULL AS {_TYPES[column.type]}) AS "{column.name}"' for column in spec.columns)
        return f"SELECT {columns} WHERE false"
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"SELECT * FROM read_parquet([{names}], union_by_name=true, hive_partitioning=false)"


def _scores(paths: tuple[Path, ...]) -> tuple[str, ...]:
    """Names among the extras of the first clips that have numbers: aesthetic score, motion score, ..."""
    found: dict[str, None] = {}
    for path in paths[:1]:
        batch = next(pq.ParquetFile(path).iter_batches(batch_size=200, columns=["extras"]), None)
        for text in [] if batch is None else batch.column(0).to_pylist():
            extras = json.loads(text)
            found |= {name: None for name, value in extras.items() if _SCORE.fullmatch(name) and _is_number(value)}
    taken = {*CLIPS.names, *CHECKED.names, *_WORDS_OF_ADDRESSES, "n", "cell", "hash"}
    return tuple(name for name in found if name.lower() not in taken)[:_MAX_SCORES]


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


_EVERY = """
CREATE OR REPLACE TEMP TABLE every_clip AS
WITH l AS (
    SELECT (row_number() OVER () - 1)::INTEGER AS n, clip_key, path, source, status, reason, detail, file_size FROM listed
),
drops AS (
    SELECT clip_key, arg_min(stage, place) AS stage, arg_min(reason, place) AS reason, arg_min(detail, place) AS detail
    FROM (
        SELECT clip_key, stage, reason, detail, 1 AS place FROM dropped_1
        UNION ALL SELECT clip_key, stage, reason, detail, 2 FROM dropped_2
        UNION ALL SELECT clip_key, stage, reason, detail, 3 FROM dropped_3
        UNION ALL SELECT clip_key, stage, reason, detail, 4 FROM dropped_4
        UNION ALL SELECT clip_key, stage, reason, detail, 5 FROM dropped_5 WHERE stage = 'training_csv'
    ) GROUP BY clip_key
)
SELECT l.n, l.source,
    CASE WHEN l.status = 'waiting' THEN 'waiting' WHEN l.status <> 'ok' OR d.clip_key IS NOT NULL THEN 'dropped'
        WHEN c.clip_key IS NOT NULL AND l.path IN (SELECT ? || path FROM trained) THEN 'kept' ELSE 'pending' END AS status,
    CASE WHEN l.status <> 'ok' THEN l.source WHEN d.clip_key IS NOT NULL THEN d.stage
        WHEN m.clip_key IS NULL THEN 'enriched_metadata' WHEN c.clip_key IS NULL THEN 'decode_check'
        ELSE 'training_csv' END AS stage,
    CASE WHEN l.status <> 'ok' THEN coalesce(nullif(l.reason, ''), l.status) ELSE coalesce(d.reason, '') END AS reason,
    CASE WHEN l.status <> 'ok' THEN l.detail ELSE coalesce(d.detail, '') END AS detail,
    coalesce(c.file_size, m.file_size, l.file_size) AS file_size, coalesce(c.num_frames, m.num_frames) AS num_frames,
    coalesce(c.height, m.height) AS height, coalesce(c.width, m.width) AS width, coalesce(c.fps, m.fps) AS fps,
    coalesce(c.duration_s, m.duration_s) AS duration_s, coalesce(c.video_codec, m.video_codec) AS video_codec {scores}
FROM l LEFT JOIN measured m USING (clip_key) LEFT JOIN checked c USING (clip_key) LEFT JOIN drops d USING (clip_key)
"""
_CELLS = """
CREATE OR REPLACE TEMP TABLE cells AS
SELECT (row_number() OVER (ORDER BY status, stage, reason, source) - 1)::INTEGER AS cell, * FROM
    (SELECT status, stage, reason, source, count(*) AS clips FROM every_clip GROUP BY ALL)
"""
_CLIPS = """
SELECT n, cell, duration_s, file_size, num_frames, height * width AS resolution, fps,
    height / nullif(width, 0) AS aspect_ratio, height, width, video_codec {scores}
FROM every_clip JOIN cells USING (status, stage, reason, source)
"""
