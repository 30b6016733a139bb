"""The fate of every clip of the shards under some settings: kept, or dropped by which stage and reason.

Fates are numbers into a list of words, since millions of clips share a few dozen. The order of the rules is that of
`publish.which_rows`, and tests hold the two against each other.
Belongs here: fates of whole columns. Does not belong here: reading them (`what_if.tables`), adding up (`what_if.rules.outcome`).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from video_assets.select.rules.reasons import Reasons

Codes = npt.NDArray[np.int16]
KEPT = 0


class Words:
    """Stages and reasons by number; 0 is kept."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], int] = {("", ""): KEPT}

    def __len__(self) -> int:
        """How many fates there are, kept included."""
        return len(self._codes)

    def code(self, stage: str, reason: str) -> int:
        """The number of a fate; a new one for a new fate."""
        return self._codes.setdefault((stage, reason), len(self._codes))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Stage and reason, by number."""
        return list(self._codes)


def fates_by_rules(found: Iterable[tuple[str, Reasons]], n_clips: int, words: Words) -> Codes:
    """Fates from pairs of a stage and the reasons that it gives; the first reason counts."""
    fates = np.zeros(n_clips, dtype=np.int16)
    for stage, reasons in found:
        numbers = np.array([words.code(stage, word) if word else KEPT for word in reasons.words], dtype=np.int16)
        fates = np.where(fates == KEPT, numbers[reasons.codes], fates)
    return fates


_N_DIGITS = 32
"""Of a hash of 128 bits, in hexadecimal."""
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)
"""Odd and of no pattern: digits that differ anywhere make another sum."""


def hash_numbers(hashes: pa.StringArray) -> npt.NDArray[np.uint64]:
    """64 bits of each hash, 0 for null: of a hundred million clips, two different ones share them once in 3,700 tables."""
    found = np.zeros(len(hashes), dtype=np.uint64)
    ends = np.frombuffer(hashes.buffers()[1], np.int32)[hashes.offset : hashes.offset + len(hashes) + 1]
    is_known = hashes.is_valid().to_numpy(zero_copy_only=False)
    is_usual = is_known & (np.diff(ends) == _N_DIGITS)
    if is_usual.any():
        digits = np.frombuffer(hashes.buffers()[2], np.uint8)[ends[0] : ends[-1]]
        if not is_usual.all():
            digits = digits[np.repeat(is_usual, np.diff(ends))]
        found[is_usual] = (digits.view(np.uint64).reshape(-1, len(_FACTORS)) * _FACTORS).sum(axis=1, dtype=np.uint64)
    others = np.flatnonzero(is_known & ~is_usual)
    found[others] = [xxhash.xxh3_64_intdigest(hashes[int(row)].as_py().encode()) for row in others]
    return found


class Copies:
    """Clips that share their bytes with another, found once for all fates."""

    def __init__(self, hashes: npt.NDArray[np.uint64], keys: pa.ChunkedArray) -> None:
        """Take 64 bits of the hash of each clip's bytes (0: not known, then it is nobody's copy), and the clips' keys."""
        rising = np.argsort(hashes)
        is_as_before = np.zeros(len(hashes) + 1, dtype=bool)
        is_as_before[1:-1] = (np.diff(hashes[rising]) == 0) & (hashes[rising[1:]] != 0)
        shared = np.sort(rising[is_as_before[:-1] | is_as_before[1:]])
        by_key = pc.call_function("sort_indices", [keys.take(pa.array(shared))]).to_numpy()
        order = by_key[np.argsort(hashes[shared[by_key]], kind="stable")]
        self._rows, self._hashes = shared[order], hashes[shared[order]]

    def among(self, is_there: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Rows that are the second or a later one, by clip key, of the same bytes among the clips that are there."""
        is_in = is_there[self._rows]
        rows, hashes = self._rows[is_in], self._hashes[is_in]
        return rows[1:][hashes[1:] == hashes[:-1]]
