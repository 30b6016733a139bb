"""The fate of every clip of the shards under some settings: kept, or dropped by which stage and reason.

Fates are numbers into a list of words, since millions of clips share a few dozen. The order of the rules is that of
`publish.plan`, and tests hold the two against each other.
Belongs here: fates of whole columns. Does not belong here: reading them (`what_if.tables`), adding up (`what_if.rules.outcome`).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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


def fates_by_rules(found: Iterable[tuple[str, npt.NDArray[np.object_]]], n_clips: int, words: Words) -> Codes:
    """Fates from pairs of a stage and the reasons that it gives ("" for none); the first reason counts."""
    fates = np.zeros(n_clips, dtype=np.int16)
    for stage, reasons in found:
        codes, names = pd.factorize(reasons)
        numbers = np.array([words.code(stage, str(name)) if name else KEPT for name in names], dtype=np.int16)
        fates = np.where(fates == KEPT, numbers[codes], fates) if n_clips else fates
    return fates


class Copies:
    """Clips that share their bytes with another, found once for all fates."""

    def __init__(self, hashes: npt.NDArray[np.uint64], keys: pa.ChunkedArray) -> None:
        """Take 64 bits of the hash of each clip's bytes (0: not known, then it is nobody's copy), and the clips' keys."""
        _, codes, uses = np.unique(hashes, return_inverse=True, return_counts=True)
        shared = np.flatnonzero((hashes != 0) & (uses[codes] > 1))
        by_key = pc.call_function("sort_indices", [keys.take(pa.array(shared))]).to_numpy()
        order = by_key[np.argsort(hashes[shared[by_key]], kind="stable")]
        self._rows, self._hashes = shared[order], hashes[shared[order]]

    def among(self, is_there: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Rows that are the second or a later one, by clip key, of the same bytes among the clips that are there."""
        is_in = is_there[self._rows]
        rows, hashes = self._rows[is_in], self._hashes[is_in]
        return rows[1:][hashes[1:] == hashes[:-1]]
