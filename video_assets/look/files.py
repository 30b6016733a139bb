"""The page's Arrow files, opened: columns as arrays, names and captions by the number of a clip.

What is not compressed is mapped, so that memory holds what was asked for, and the system may drop it. The files lie on a disk
of this machine: a mapped file of a storage that goes away would end the process.
Belongs here: reading. Does not belong here: writing (`look.build`), questions (`look.index`).
"""

import json
import threading
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.json_values import read_value
from video_assets.look.build import ROWS_PER_CHUNK, ROWS_PER_TEXT_BATCH, About


def mapped_batches(path: Path) -> list[pa.RecordBatch]:
    """All batches of a file, read when they are looked at."""
    file = _mapped(path)
    return [file.get_batch(number) for number in range(file.num_record_batches)]


def has_part(texts: pa.Array, part: str) -> pa.Array:
    """Of each text, whether `part` is in it."""
    return pc.call_function("match_substring", [texts], pc.MatchSubstringOptions(part))


def _mapped(path: Path) -> pa.RecordBatchFileReader:
    return pa.ipc.open_file(pa.memory_map(str(path)))


def read_about(folder: Path) -> About:
    """What is said of the files in a folder.

    Raises:
        OSError: it is not there.
        ValueError: it says something else.
    """
    return read_value(About, json.loads((folder / "about.json").read_text(encoding="utf-8")))


class Rows:
    """A number of each clip, by column; whether a clip was dropped, in words."""

    def __init__(self, folder: Path) -> None:
        self._rows = _mapped(folder / "rows.arrow").read_all()
        details = _mapped(folder / "details.arrow").read_all()
        self._detailed = details.column("n").to_numpy()
        self._details = details.column("detail")

    def __len__(self) -> int:
        return self._rows.num_rows

    def column(self, name: str) -> np.ndarray:
        """Of all clips: float64, NaN where it is not known; int32 for `cell`."""
        column = self._rows.column(name)
        return column.chunk(0).to_numpy() if column.num_chunks == 1 else column.to_numpy()

    def codec(self, number: int) -> str | None:
        """FFmpeg's name of the decoder."""
        return self._rows.column("video_codec")[number].as_py()

    def detail(self, number: int) -> str:
        """Why a clip was dropped, in words; empty when nothing was said."""
        place = int(np.searchsorted(self._detailed, number))
        is_there = place < len(self._detailed) and self._detailed[place] == number
        return self._details[place].as_py() if is_there else ""


class Names:
    """Clip keys, paths and times of files."""

    def __init__(self, folder: Path, *, is_sorted: bool) -> None:
        self.batches = mapped_batches(folder / "names.arrow")
        self._n = sum(batch.num_rows for batch in self.batches)
        self._order = None if is_sorted else self._by_key()

    def key(self, number: int) -> str:
        """Clip key."""
        return self._value(0, number)

    def path(self, number: int) -> str:
        """Path of the file."""
        return self._value(1, number)

    def mtime_ns(self, number: int) -> int | None:
        """Time of the file when it was listed."""
        return self._value(2, number)

    def find(self, clip_key: str) -> int | None:
        """The number of the clip with this key."""
        order = self._order
        places = range(self._n) if order is None else order
        place = bisect_left(places, clip_key.encode(), key=lambda number: self.key(int(number)).encode())
        number = int(places[place]) if place < self._n else None
        return number if number is not None and self.key(number) == clip_key else None

    def _value(self, column: int, number: int) -> Any:
        return self.batches[number // ROWS_PER_CHUNK].column(column)[number % ROWS_PER_CHUNK].as_py()

    def _by_key(self) -> np.ndarray:
        keys = pa.chunked_array([batch.column(0) for batch in self.batches], pa.string())
        return pc.call_function("sort_indices", [keys], pc.SortOptions([("", "ascending")])).to_numpy()


class Texts:
    """Captions."""

    def __init__(self, folder: Path) -> None:
        self._file = _mapped(folder / "texts.arrow")
        self._lock = threading.Lock()
        self._newest = lru_cache(maxsize=4)(self._file.get_batch)

    def text(self, number: int) -> str:
        """The caption of a clip, unchanged. Those of clips beside each other are unpacked together."""
        with self._lock:
            batch = self._newest(number // ROWS_PER_TEXT_BATCH)
        return batch.column(0)[number % ROWS_PER_TEXT_BATCH].as_py()

    def chunks(self) -> Iterator[pa.Array]:
        """All captions, `ROWS_PER_CHUNK` at a time, the last fewer."""
        step = ROWS_PER_CHUNK // ROWS_PER_TEXT_BATCH
        for start in range(0, self._file.num_record_batches, step):
            with self._lock:
                numbers = range(start, min(start + step, self._file.num_record_batches))
                parts = [self._file.get_batch(number).column(0) for number in numbers]
            yield pa.concat_arrays(parts)
