"""Questions to all clips at once: counts, distributions, one page of them, one of them.

The tables are joined once into a file of DuckDB's (`look.tables`) in a temporary folder, and that is asked. It reads what it
needs, a few megabytes at a time, so memory does not grow with the captions.
Belongs here: asking. Does not belong here: what an address means (`look.rules`), when to read anew (`look.catalogue`).
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from video_assets.look.rules import Ask, Order, by, where
from video_assets.look.tables import NUMBERS, Files, load

N_BINS = 40
_MEMORY = "400MiB"
_MAX_SEARCHES = 24
_LONG_TAILED = ("duration_s", "file_size", "num_frames", "resolution")


@dataclass(frozen=True)
class Axis:
    """One number of all clips: bin edges (ascending), clips in each bin, and whether the bins grow by a factor."""

    name: str
    edges: list[float]
    clips: list[int]
    is_logarithmic: bool


class Index:
    """All clips of one state of the tables. Safe to ask from several threads; close it when another has taken its place."""

    def __init__(self, files: Files, folder: Path) -> None:
        """Read the tables.

        Raises:
            duckdb.Error: a table is torn, or of another version.
        """
        self.stamp = files.stamp
        spill: dict[str, bool | float | int | list[str] | str] = {
            "memory_limit": _MEMORY,
            "threads": 2,
            "temp_directory": str(folder / "spill"),
        }
        self._con = duckdb.connect(str(folder / "clips.duckdb"), config=spill)
        self.scores = load(self._con, files)
        self._con.execute("CHECKPOINT")
        self._con.execute("SET enable_external_access = false")
        self.columns = (*NUMBERS, *self.scores)
        self.cells: list[dict[str, Any]] = self._ask("SELECT * FROM cells ORDER BY cell")
        self.n_clips = sum(cell["clips"] for cell in self.cells)
        self.axes = [axis for name in self.columns if (axis := self._axis(name)) is not None]
        self._searches: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._lock = threading.Lock()
        self._n_searches = 0

    def close(self) -> None:
        """Let the file go."""
        self._con.close()

    def page(self, ask: Ask, order: Order) -> list[dict[str, Any]]:
        """Clips in their order, with what a card shows."""
        condition, values = self._where(ask, is_search_kept=False)
        chosen = f"SELECT n FROM clips WHERE {condition} ORDER BY {by(order)} LIMIT {order.limit} OFFSET {order.offset}"
        numbers = [row["n"] for row in self._ask(chosen, values)]
        return self.clips(numbers)

    def clips(self, numbers: list[int]) -> list[dict[str, Any]]:
        """Clips by their numbers, in that order."""
        if not numbers:
            return []
        listed = ", ".join(str(int(number)) for number in numbers)
        parts = (f"(SELECT * FROM {table} WHERE n IN ({listed}))" for table in ("clips", "words", "details"))
        names = ["n", "clip_key", "path", "text", "mtime_ns", "status", "stage", "reason", "source", *self.columns, *_MORE]
        columns = ", ".join(f'"{name}"' for name in names)
        rows = self._ask(_CARDS.format(columns, *parts))
        by_number = {row["n"]: row for row in rows}
        return [by_number[number] for number in numbers]

    def find(self, clip_key: str) -> dict[str, Any] | None:
        """The clip of this key."""
        found = self._ask("SELECT n FROM clips WHERE hash = hash(?)", [clip_key])
        return next((row for row in self.clips([each["n"] for each in found]) if row["clip_key"] == clip_key), None)

    def facets(self, ask: Ask) -> dict[str, Any]:
        """Clips by cell (whatever facets are asked for), and how many there are with all filters, by bin of each axis."""
        condition, values = self._where(Ask(ranges=ask.ranges, words=ask.words, keys=ask.keys), is_search_kept=True)
        by_cell = {row["cell"]: row["clips"] for row in self._ask(_BY_CELL.format(condition), values)}
        condition, values = self._where(ask, is_search_kept=True)
        total = self._ask(f"SELECT count(*) AS clips FROM clips WHERE {condition}", values)[0]["clips"]
        return {"total": total, "cells": by_cell, "histograms": self._histograms(condition, values)}

    def _histograms(self, condition: str, values: list[object]) -> dict[str, list[int]]:
        """Clips by bin of each axis, in one pass."""
        counts: dict[str, list[int]] = {axis.name: [0] * len(axis.clips) for axis in self.axes}
        if not counts:
            return counts
        bins = ", ".join(f'{_bin(axis)} AS "{axis.name}"' for axis in self.axes)
        names = ", ".join(f'"{name}"' for name in counts)
        sets = ", ".join(f'("{name}")' for name in counts)
        binned = f"SELECT {bins} FROM clips WHERE {condition}"
        for row in self._ask(f'SELECT {names}, count(*) AS "how many" FROM ({binned}) GROUP BY GROUPING SETS ({sets})', values):
            for name, found in counts.items():
                if row[name] is not None:
                    found[row[name]] = row["how many"]
        return counts

    def keys(self, ask: Ask, *, limit: int) -> list[tuple[str, str]]:
        """Clip key and path of all clips that fit, in the order of the key."""
        condition, values = self._where(ask, is_search_kept=True)
        question = f"SELECT clip_key, path FROM words WHERE n IN (SELECT n FROM clips WHERE {condition}) ORDER BY n LIMIT {limit}"
        return [(row["clip_key"], row["path"]) for row in self._ask(question, values)]

    def neighbours(self, clip: dict[str, Any], *, limit: int = 12) -> list[dict[str, Any]]:
        """Clips listed beside this one in the same folder, archive or source video."""
        folder = clip["clip_key"].rpartition("/")[0] + "/"
        question = (
            "SELECT n FROM words WHERE n BETWEEN ? AND ? AND n <> ? AND starts_with(clip_key, ?) ORDER BY abs(n - ?) LIMIT ?"
        )
        span = [clip["n"] - 500, clip["n"] + 500, clip["n"], folder, clip["n"], limit]
        return self.clips(sorted(row["n"] for row in self._ask(question, span)))

    def _where(self, ask: Ask, *, is_search_kept: bool) -> tuple[str, list[object]]:
        cells = None
        if ask.facets:
            fits = (cell for cell in self.cells if all(cell[name] in values for name, values in ask.facets.items()))
            cells = [cell["cell"] for cell in fits]
        condition, values = where(ask, cells)
        if ask.keys:
            condition += " AND n IN (SELECT n FROM words WHERE contains(clip_key, ?))"
            values.append(ask.keys)
        if ask.words:
            found, words = self._search(ask.words, is_kept=is_search_kept)
            condition, values = f"{condition} AND n IN ({found})", [*values, *words]
        return condition, values

    def _search(self, words: tuple[str, ...], *, is_kept: bool) -> tuple[str, list[object]]:
        """A statement for the clips with all words in their captions. Where it is kept, asking again costs next to nothing."""
        looked_for: list[object] = [word.lower() for word in words]
        question = f"SELECT n FROM words WHERE {' AND '.join(['contains(lower(text), ?)'] * len(words))}"
        with self._lock:
            if words not in self._searches:
                if not is_kept:
                    return question, looked_for
                self._n_searches += 1
                self._searches[words] = f"found_{self._n_searches}"
                self._ask(f"CREATE TABLE {self._searches[words]} AS {question}", looked_for)
            self._searches.move_to_end(words)
            if len(self._searches) > _MAX_SEARCHES:
                self._ask(f"DROP TABLE {self._searches.popitem(last=False)[1]}")
            return f"SELECT n FROM {self._searches[words]}", []

    def _axis(self, name: str) -> Axis | None:
        question = f'SELECT min("{name}") AS low, max("{name}") AS high FROM clips WHERE isfinite("{name}"::DOUBLE)'
        low, high = self._ask(question)[0].values()
        if low is None or low == high:
            return None
        is_logarithmic = name in _LONG_TAILED and low > 0 and high / low > 20
        edges = _edges(float(low), float(high), is_logarithmic=is_logarithmic)
        axis = Axis(name, edges, [0] * N_BINS, is_logarithmic)
        for row in self._ask(f"SELECT {_bin(axis)} AS bin, count(*) AS clips FROM clips GROUP BY bin"):
            if row["bin"] is not None:
                axis.clips[row["bin"]] = row["clips"]
        return axis

    def _ask(self, question: str, values: list[object] | None = None) -> list[dict[str, Any]]:
        cursor = self._con.cursor()
        try:
            cursor.execute(question, values or [])
            names = [each[0] for each in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()


_MORE = ("height", "width", "video_codec", "detail")
_CARDS = "SELECT {} FROM {} JOIN {} USING (n) JOIN cells USING (cell) LEFT JOIN {} USING (n)"
_BY_CELL = "SELECT cell, count(*) AS clips FROM clips WHERE {} GROUP BY cell"


def _edges(low: float, high: float, *, is_logarithmic: bool) -> list[float]:
    if is_logarithmic:
        step = (math.log(high) - math.log(low)) / N_BINS
        return [low, *(math.exp(math.log(low) + step * place) for place in range(1, N_BINS)), high]
    return [low + (high - low) * place / N_BINS for place in range(N_BINS)] + [high]


def _bin(axis: Axis) -> str:
    """The bin of a row as SQL; null where the number is not known."""
    low, high = axis.edges[0], axis.edges[-1]
    value, span = f'"{axis.name}"::DOUBLE', high - low
    if axis.is_logarithmic:
        value, low, span = f"ln({value})", math.log(low), math.log(high) - math.log(low)
    return f"greatest(0, least({N_BINS - 1}, floor(({value} - {low!r}) / {span!r} * {N_BINS})))::UTINYINT"
