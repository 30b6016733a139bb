"""What was found in the captions of each row group of a published table, kept until the row group goes.

A version takes most row groups over from the one before. Looking at their captions again would cost more than drawing the report.
Belongs here: that memory, which may be deleted at any time. Does not belong here: what is found (`report.rules.caption_lint`).
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from video_assets.core.json_values import read_value
from video_assets.report.rules.caption_lint import Marks
from video_assets.storage.durable import durable_write

_COLUMNS = pa.schema([("key", pa.string()), ("words", pa.large_binary()), ("hashes", pa.large_binary()), ("marks", pa.string())])
_RECIPE = b"recipe"


@dataclass(frozen=True)
class Part:
    """A row group: words and hash of each caption, and what stands out."""

    words: npt.NDArray[np.float64]
    hashes: npt.NDArray[np.uint64]
    marks: Marks


class KnownParts:
    """Row groups that were looked at before, by the fingerprint of their rows.

    Args:
        memory: the file; None: nothing is known, nothing is kept.
        recipe: what was found holds only for the same one.
    """

    def __init__(self, memory: Path | None, recipe: str) -> None:
        self._memory, self._recipe = memory, recipe
        self._known = _read(memory, recipe) if memory else {}
        self._used: dict[str, Part] = {}

    def part(self, key: str, make: Callable[[], Part]) -> Part:
        """What is known of the row group, or what `make` finds; an empty key is that of no row group."""
        found = self._known.get(key) or make()
        if key:
            self._used[key] = found
        return found

    def keep(self) -> None:
        """Write down what was asked for, and forget the rest."""
        if self._memory is None or self._used.keys() == self._known.keys():
            return
        schema = _COLUMNS.with_metadata({_RECIPE: self._recipe.encode()})
        with durable_write(self._memory) as file, pa.ipc.new_file(file, schema) as out:
            for key, part in self._used.items():
                row = {"key": key, "words": part.words.astype(np.uint32).tobytes(), "hashes": part.hashes.tobytes()}
                out.write_batch(pa.RecordBatch.from_pylist([{**row, "marks": json.dumps(asdict(part.marks))}], schema))


def _read(memory: Path, recipe: str) -> dict[str, Part]:
    try:
        with pa.ipc.open_file(memory.read_bytes()) as file:
            if (file.schema.metadata or {}).get(_RECIPE) != recipe.encode():
                return {}
            return {row["key"]: _part(row) for row in file.read_all().to_pylist()}
    except (FileNotFoundError, pa.ArrowInvalid, ValueError, KeyError, TypeError):
        return {}  # nothing there, torn by the disk, or of another version: it is only a copy


def _part(row: dict[str, bytes]) -> Part:
    words = np.frombuffer(row["words"], np.uint32).astype(np.float64)
    return Part(words, np.frombuffer(row["hashes"], np.uint64), read_value(Marks, json.loads(row["marks"])))
