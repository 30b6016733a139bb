"""The reason of every clip of a table as a small number: an object for each of millions of clips takes seconds.

Belongs here: that form and the one in words. Does not belong here: which clips have which reason (`select.rules.limits`,
`select.rules.lint`, `select.rules.licences`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Reasons:
    """`codes` are numbers into `words`, one per clip; number 0 is "": no reason."""

    words: tuple[str, ...]
    codes: npt.NDArray[np.int8]

    @property
    def in_words(self) -> npt.NDArray[np.object_]:
        """The reason of each clip, "" for none."""
        return np.array(self.words, dtype=object)[self.codes]

    def where(self, is_meant: npt.NDArray[np.bool_]) -> "Reasons":
        """The same for these clips, and no reason for all others."""
        return Reasons(self.words, np.where(is_meant, self.codes, np.int8(0)))


def first_of(complaints: Iterable[tuple[str, npt.NDArray[np.bool_]]], n_clips: int) -> Reasons:
    """Of reasons with the clips that have them, the first that each clip has.

    >>> first_of([("long", np.array([True, False])), ("dark", np.array([True, True]))], 2).in_words.tolist()
    ['long', 'dark']
    """
    words, codes = [""], np.zeros(n_clips, dtype=np.int8)
    for word, has_it in complaints:
        if word not in words:
            words.append(word)
        codes[has_it & (codes == 0)] = words.index(word)
    return Reasons(tuple(words), codes)
