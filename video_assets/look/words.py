"""Which clips have a word in their captions, without reading a caption.

The strings between two spaces of all captions, in small letters, are a vocabulary (`vocabulary.arrow`, each string once in some
ten thousand clips or more). For every `ROWS_PER_CHUNK` clips there is one batch: the strings that occur, as numbers
(`tokens.arrow`), and the clips that have each (`words.arrow`). A word that is asked for has no space in it, so it is part of a
caption where it is part of such a string: some hundred thousand strings are searched in place of all captions.
One letter or digit alone is a whole word: nearly every caption has an `a` somewhere, hardly anybody looks for that.
Belongs here: making and asking that index. Does not belong here: which words an address asks for (`look.rules`).
"""

import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.look.build import ROWS_PER_CHUNK
from video_assets.look.files import Texts, has_part, mapped_batches

_ROWS = pa.schema([("rows", pa.list_(pa.uint16()))])
_TOKENS = pa.schema([("token", pa.int32())])
_VOCABULARY = pa.schema([("string", pa.string())])
_VOCABULARY_BYTES = 64 << 20  # strings of more chunks are not held in memory; languages without spaces have long ones
_ROW_BITS = (ROWS_PER_CHUNK - 1).bit_length()
_N_THREADS = 2
_NO_SPACES_FROM = "\u2e80"  # from here on mostly Chinese, Japanese and Korean: one sign is a word, and no space ends it


class Words:
    """The index of one state of the tables. Safe to ask from several threads."""

    def __init__(self, folder: Path, n_clips: int) -> None:
        """Open what `write_words` wrote.

        Raises:
            OSError, pyarrow.ArrowException: it is not there, or not whole.
        """
        self._rows, self._tokens, self._strings = (mapped_batches(folder / name) for name in _FILES)
        self._n_clips = n_clips
        self._pool = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="look-words")

    def find(self, words: Sequence[str]) -> np.ndarray:
        """For every clip, whether each of the words is part of its caption; large and small letters are the same."""
        fitting = [self._strings_with(_lower(pa.array([word]))[0].as_py()) for word in words]
        parts = list(self._pool.map(lambda number: self._find(number, fitting), range(len(self._rows))))
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def _strings_with(self, word: str) -> np.ndarray:
        """Of each string of the vocabulary, whether it has the word."""
        has = _has_letter if len(word) == 1 and word.isalnum() and word < _NO_SPACES_FROM else has_part
        parts = self._pool.map(lambda batch: has(batch.column(0), word).to_numpy(zero_copy_only=False), self._strings)
        return np.concatenate([np.zeros(0, bool), *parts])

    def _find(self, number: int, fitting: Sequence[np.ndarray]) -> np.ndarray:
        n_rows = min(ROWS_PER_CHUNK, self._n_clips - number * ROWS_PER_CHUNK)
        tokens, rows = self._tokens[number].column(0).to_numpy(), self._rows[number].column(0)
        found = np.ones(n_rows, bool)
        for is_wanted in fitting:
            has_word = np.zeros(n_rows, bool)
            has_word[rows.take(pa.array(np.flatnonzero(is_wanted[tokens]))).flatten().to_numpy()] = True
            found &= has_word
        return found


_FILES = ("words.arrow", "tokens.arrow", "vocabulary.arrow")


def write_words(texts: Texts, folder: Path, stop: threading.Event) -> bool:
    """Read all captions and write the index; False when it was stopped before the end.

    Raises:
        OSError: the disk did not take it.
    """
    rows_path, *others = (folder / name for name in _FILES)
    with pa.ipc.new_file(str(rows_path), _ROWS) as file, _Vocabulary(*others) as vocabulary:
        for captions in texts.chunks():
            if stop.is_set():
                return False
            strings, rows = _indexed(captions)
            vocabulary.add(strings)
            file.write_batch(pa.record_batch([rows], schema=_ROWS))
    return True


class _Vocabulary:
    """Writes strings as numbers, and the strings themselves, each once for as many chunks as are held in memory together."""

    def __init__(self, tokens: Path, strings: Path) -> None:
        self._tokens, self._strings = pa.ipc.new_file(str(tokens), _TOKENS), pa.ipc.new_file(str(strings), _VOCABULARY)
        self._held: list[pa.Array] = []
        self._n_bytes = self._n_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._write()
        self._tokens.close()
        self._strings.close()

    def add(self, strings: pa.Array) -> None:
        """The strings of the next chunk."""
        self._held.append(strings)
        self._n_bytes += strings.nbytes
        if self._n_bytes >= _VOCABULARY_BYTES:
            self._write()

    def _write(self) -> None:
        if not self._held:
            return
        coded = pa.chunked_array(self._held, pa.string()).dictionary_encode().chunks
        for chunk in coded:
            numbers = chunk.indices.to_numpy() + np.int32(self._n_written)
            self._tokens.write_batch(pa.record_batch([pa.array(numbers)], schema=_TOKENS))
        strings = coded[0].dictionary
        self._strings.write_batch(pa.record_batch([strings], schema=_VOCABULARY))
        self._held, self._n_bytes, self._n_written = [], 0, self._n_written + len(strings)


def _indexed(captions: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Each string of the captions once, and which captions have it: uint16, rising."""
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
    return codes.dictionary, pa.ListArray.from_arrays(pa.array(starts), pa.array(rows))


def _has_letter(strings: pa.Array, letter: str) -> pa.Array:
    """Of each string, whether `letter` is in it with no letter, digit or accent beside it."""
    pattern = rf"(^|[^\pL\pN\pM]){re.escape(letter)}($|[^\pL\pN\pM])"
    return pc.call_function("match_substring_regex", [strings], pc.MatchSubstringOptions(pattern))


def _lower(texts: pa.Array) -> pa.Array:
    return pc.call_function("utf8_lower", [texts])
