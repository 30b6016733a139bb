"""Which clips have a word in their captions, without reading a caption.

For every `ROWS_PER_CHUNK` clips there is one batch: each string between two spaces that occurs, in small letters, and the clips
that have it. A word that is asked for has no space in it, so it is part of a caption where it is part of such a string: a few
thousand strings are searched in place of all captions, and the answer is the same.
Belongs here: making and asking that index. Does not belong here: which words an address asks for (`look.rules`).
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.look.build import ROWS_PER_CHUNK
from video_assets.look.files import Texts, has_part, mapped_batches

_SCHEMA = pa.schema([("token", pa.string()), ("rows", pa.list_(pa.uint16()))])
_ROW_BITS = (ROWS_PER_CHUNK - 1).bit_length()
_N_THREADS = 2


class Words:
    """The index of one state of the tables. Safe to ask from several threads."""

    def __init__(self, path: Path, n_clips: int) -> None:
        self._batches, self._n_clips = mapped_batches(path), n_clips
        self._pool = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="look-words")

    def find(self, words: Sequence[str]) -> np.ndarray:
        """For every clip, whether each of the words is part of its caption; large and small letters are the same."""
        looked_for = [_lower(pa.array([word]))[0].as_py() for word in words]
        parts = list(self._pool.map(lambda number: self._find(number, looked_for), range(len(self._batches))))
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def _find(self, number: int, words: Sequence[str]) -> np.ndarray:
        n_rows = min(ROWS_PER_CHUNK, self._n_clips - number * ROWS_PER_CHUNK)
        tokens, rows = self._batches[number].columns
        found = np.ones(n_rows, bool)
        for word in words:
            has_word = np.zeros(n_rows, bool)
            fitting = rows.filter(has_part(tokens, word))
            has_word[fitting.flatten().to_numpy()] = True
            found &= has_word
        return found


def write_words(texts: Texts, path: Path, stop: threading.Event) -> bool:
    """Read all captions and write the index; False when it was stopped before the end.

    Raises:
        OSError: the disk did not take it.
    """
    with pa.ipc.new_file(str(path), _SCHEMA) as file:
        for captions in texts.chunks():
            if stop.is_set():
                return False
            file.write_batch(_indexed(captions))
    return True


def _indexed(captions: pa.Array) -> pa.RecordBatch:
    strings = pc.call_function("ascii_split_whitespace", [_lower(captions.fill_null(""))])
    codes = strings.flatten().dictionary_encode()
    # One number for string and clip: sorted, they are the clips of each string, and equal ones are neighbours.
    pairs = codes.indices.to_numpy().astype(np.int64) << _ROW_BITS
    pairs |= np.repeat(np.arange(len(captions)), np.diff(strings.offsets.to_numpy()))
    pairs.sort()
    pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])] if len(pairs) else pairs
    n_clips = np.bincount(pairs >> _ROW_BITS, minlength=len(codes.dictionary))
    starts = np.concatenate([[0], np.cumsum(n_clips)]).astype(np.int32)
    rows = (pairs & (ROWS_PER_CHUNK - 1)).astype(np.uint16)
    lists = pa.ListArray.from_arrays(pa.array(starts), pa.array(rows))
    return pa.record_batch([codes.dictionary, lists], schema=_SCHEMA)


def _lower(texts: pa.Array) -> pa.Array:
    return pc.call_function("utf8_lower", [texts])
