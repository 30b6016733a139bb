"""Questions to all clips at once: counts, distributions, one page of them, one of them.

A question becomes an array with one truth value per clip; counts, orders and cards follow from it. No Python object is made per
clip but for those that are shown.
Belongs here: asking. Does not belong here: what an address means (`look.rules`), the arithmetic of orders and bins
(`look.numbers`), when to read anew (`look.catalogue`).
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from video_assets.look.build import ROWS_PER_CHUNK
from video_assets.look.files import Names, Rows, Texts, has_part, read_about
from video_assets.look.numbers import axis_of, bins_of, count_bins, first, shuffled
from video_assets.look.rules import Ask, Order
from video_assets.look.tables import NUMBERS
from video_assets.look.words import Words

_MAX_SEARCHES = 24
_WHOLE = frozenset({"file_size", "num_frames", "resolution", "height", "width"})
_WORDS_WAIT_S = 1.0  # the page asks again; who types quickly must not hold all threads of the server
_BESIDE = 500


class WordsNotReadyError(RuntimeError):
    """Captions cannot be searched yet; the message says why."""


@dataclass(frozen=True)
class Clip:
    """One clip: where it came to and why, its file, and its numbers by column (None: not known)."""

    n: int
    clip_key: str
    source: str
    path: str
    mtime_ns: int | None
    text: str
    status: str
    stage: str
    reason: str
    detail: str
    video_codec: str | None
    numbers: Mapping[str, float | None]

    @property
    def file_size(self) -> int | None:
        """Bytes."""
        size = self.numbers["file_size"]
        return None if size is None else int(size)


@dataclass(frozen=True)
class Facets:
    """How many clips fit: in all, by cell (whatever facets are asked for), and by bin of each axis."""

    total: int
    cells: Mapping[int, int]
    histograms: Mapping[str, Sequence[int]]


class Index:
    """All clips of one state of the tables. Safe to ask from several threads."""

    def __init__(self, folder: Path, stamp: object) -> None:
        """Open what `look.build` wrote.

        Raises:
            OSError, ValueError: it is not there, or not whole.
        """
        self.stamp, self.folder = stamp, folder
        about = read_about(folder)
        self.cells = about.cells
        self._rows, self._names, self.texts = Rows(folder), Names(folder, is_sorted=about.is_sorted), Texts(folder)
        self.n_clips = len(self._rows)
        self.columns = (*NUMBERS, *about.scores)
        self._cell = self._rows.column("cell")
        self._columns = {name: self._rows.column(name) for name in (*self.columns, "height", "width")}
        axes = (axis_of(name, self._columns[name]) for name in self.columns)
        self.axes = [axis for axis in axes if axis is not None]
        self._bins = {axis.name: bins_of(axis, self._columns[axis.name]) for axis in self.axes}
        self._words: Words | None = None
        self._are_words_there = threading.Event()
        self._why_no_words = "captions are still being read: words can be searched in a moment"
        self._searches: OrderedDict[tuple[str, ...], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def why_no_words(self) -> str:
        """Why captions cannot be searched; empty when they can."""
        return "" if self._words is not None else self._why_no_words

    @property
    def are_words_coming(self) -> bool:
        """True while captions are read; False when they can be searched, and when they never can."""
        return not self._are_words_there.is_set()

    def take_words(self) -> None:
        """Let captions be searched from now on, by the files that `look.words` wrote into the folder.

        Raises:
            OSError, pyarrow.ArrowException: they are not there, or not whole.
        """
        self._words = Words(self.folder, self.n_clips)
        self._are_words_there.set()

    def do_without_words(self, why: str) -> None:
        """Say why captions cannot be searched."""
        self._why_no_words = why
        self._are_words_there.set()

    def page(self, ask: Ask, order: Order) -> list[Clip]:
        """Clips in their order.

        Raises:
            WordsNotReadyError: it asks for words.
        """
        fits = self._fits(ask)
        numbers = np.arange(self.n_clips) if fits is None else np.flatnonzero(fits)
        end = order.offset + order.limit
        if order.seed is not None:
            numbers = first(numbers, shuffled(numbers, order.seed), end)
        elif order.column:
            values = self._columns[order.column][numbers]
            numbers = first(numbers, -values if order.is_descending else values, end)
        return [self.clip(int(number)) for number in numbers[order.offset : end]]

    def clip(self, number: int) -> Clip:
        """One clip by its number."""
        cell = self.cells[self._cell[number]]
        return Clip(
            n=number,
            clip_key=self._names.key(number),
            source=cell.source,
            path=self._names.path(number),
            mtime_ns=self._names.mtime_ns(number),
            text=self.texts.text(number),
            status=cell.status,
            stage=cell.stage,
            reason=cell.reason,
            detail=self._rows.detail(number),
            video_codec=self._rows.codec(number),
            numbers={name: _number(name, float(column[number])) for name, column in self._columns.items()},
        )

    def find(self, clip_key: str) -> Clip | None:
        """The clip of this key."""
        number = self._names.find(clip_key)
        return None if number is None else self.clip(number)

    def facets(self, ask: Ask) -> Facets:
        """Counts for the left side of the page.

        Raises:
            WordsNotReadyError: it asks for words.
        """
        fits_but_facets = self._fits(Ask(ranges=ask.ranges, words=ask.words, keys=ask.keys))
        counted = self._cell if fits_but_facets is None else self._cell[fits_but_facets]
        by_cell = np.bincount(counted, minlength=len(self.cells))
        fits = self._with_facets(fits_but_facets, ask)
        total = self.n_clips if fits is None else int(np.count_nonzero(fits))
        histograms = {
            axis.name: axis.clips if fits is None else count_bins(self._bins[axis.name][fits]) for axis in self.axes
        }  # fmt: skip
        return Facets(total, {cell: int(n) for cell, n in enumerate(by_cell) if n}, histograms)

    def keys(self, ask: Ask) -> Iterator[list[tuple[str, str]]]:
        """Clip key and path of all clips that fit, in their order, some thousands at a time.

        Raises:
            WordsNotReadyError: it asks for words.
        """
        fits = self._fits(ask)
        return self._keys(fits)

    def _keys(self, fits: np.ndarray | None) -> Iterator[list[tuple[str, str]]]:
        for number, batch in enumerate(self._names.batches):
            start = number * ROWS_PER_CHUNK
            wanted = batch if fits is None else batch.take(np.flatnonzero(fits[start : start + batch.num_rows]))
            yield list(zip(wanted.column(0).to_pylist(), wanted.column(1).to_pylist(), strict=True))

    def neighbours(self, clip: Clip, *, limit: int = 12) -> list[Clip]:
        """Clips listed beside this one in the same folder, archive or source video."""
        folder = clip.clip_key.rpartition("/")[0] + "/"
        around = range(max(0, clip.n - _BESIDE), min(self.n_clips, clip.n + _BESIDE + 1))
        beside = [number for number in around if number != clip.n and self._names.key(number).startswith(folder)]
        nearest = sorted(beside, key=lambda number: abs(number - clip.n))[:limit]
        return [self.clip(number) for number in sorted(nearest)]

    def _fits(self, ask: Ask) -> np.ndarray | None:
        """For every clip, whether it fits; None: all do."""
        fits: np.ndarray | None = None
        for name, (low, high) in ask.ranges.items():
            values = self._columns[name]
            for is_inside in (low is not None and values >= low, high is not None and values <= high):
                fits = _both(fits, is_inside) if isinstance(is_inside, np.ndarray) else fits
        if ask.keys:
            fits = _both(fits, self._with_key(ask.keys))
        if ask.words:
            fits = _both(fits, self._with_words(ask.words))
        return self._with_facets(fits, ask)

    def _with_facets(self, fits: np.ndarray | None, ask: Ask) -> np.ndarray | None:
        if not ask.facets:
            return fits
        wanted = [all(getattr(cell, name) in values for name, values in ask.facets.items()) for cell in self.cells]
        return _both(fits, np.array(wanted, bool)[self._cell])

    def _with_key(self, part: str) -> np.ndarray:
        parts = [has_part(batch.column(0), part).to_numpy(zero_copy_only=False) for batch in self._names.batches]
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def _with_words(self, words: tuple[str, ...]) -> np.ndarray:
        """Counts and clips of one state of the page ask for the same words, so some answers are kept."""
        with self._lock:
            if words in self._searches:
                self._searches.move_to_end(words)
                return self._searches[words]
        if not self._are_words_there.wait(_WORDS_WAIT_S) or self._words is None:
            raise WordsNotReadyError(self._why_no_words)
        found = self._words.find(words)
        with self._lock:
            self._searches[words] = found
            if len(self._searches) > _MAX_SEARCHES:
                self._searches.popitem(last=False)
        return found


def _both(fits: np.ndarray | None, more: np.ndarray) -> np.ndarray:
    return more if fits is None else fits & more


def _number(name: str, value: float) -> float | None:
    if not np.isfinite(value):
        return None
    return int(value) if name in _WHOLE else value
