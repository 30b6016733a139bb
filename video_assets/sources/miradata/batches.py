"""The batches that source videos have had so far: what listings and ledgers say. A video that has one keeps it.

Belongs here: reading that off the disk. Does not belong here: which batch a new video gets (`rules.batches`), working on batches
(`sources.miradata.batch`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.sources.miradata.rules.rows import SOURCE
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

# Clips are called as their source video; lines that are no clips have other names.
CLIP_KEY = re.compile(rf"{SOURCE}/(mira_\d+)/(\d{{12}})_.*")


def known_batches(layout: Layout) -> dict[int, str]:
    """Batches by the authors' number of the source video.

    Raises:
        StageError: a table cannot be read.
    """
    listed = layout.listing(SOURCE, "x").parent.glob("*.parquet")
    known = {video: batch for path in sorted(listed) for batch, video in _rows(path, "batch", "download_id")}
    fetched = layout.fetches(SOURCE, "x").parent.glob("*.parquet")
    keys = (CLIP_KEY.fullmatch(key) for path in sorted(fetched) for (key,) in _rows(path, "clip_key"))
    known |= {int(key[2]): key[1] for key in keys if key}
    return {video: batch for video, batch in known.items() if video is not None}


def _rows(path: Path, *columns: str) -> Iterator[tuple]:
    try:
        table = pq.read_table(path, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise StageError(
            f"{path}: not readable ({error}); clips would get other batches without it: restore it, or delete it when nothing of "
            "it was fetched"
        ) from error
    yield from zip(*(column.to_pylist() for column in table.columns), strict=True)
