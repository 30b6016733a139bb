"""The clips that were found in a folder, as columns: name, size and time of each. A million findings as objects take 500 MB.

Belongs here: keeping them, and finding names among them. Does not belong here: walking (`sources.own_clips.scan`), what is no
clip (`sources.own_clips.judge_path`).
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from video_assets.core.chunks import Chunks
from video_assets.core.matching import places_among
from video_assets.sources.own_clips.statuses import Finding

_BATCH = 16_384
_FEW, _N_PASSES = 256, 8
Indexes = npt.NDArray[np.int64]


class FoundClips:
    """Clips by name, in the order in which they came. A place is the number of a clip in that order, from 0."""

    def __init__(self) -> None:
        self._new: dict[str, tuple[int, int]] = {}
        self._names: list[pa.Array] = []
        self._facts: list[Indexes] = []
        self._n_passes = 0

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._names)) + len(self._new)

    def __contains__(self, name: str) -> bool:
        """True when a clip is called so."""
        return self.get(name) is not None

    def add(self, name: str, file_size: int, mtime_ns: int) -> None:
        """Take one clip more."""
        self._new[name] = (file_size, mtime_ns)
        if len(self._new) >= _BATCH:
            self._gather()

    def add_below(self, folder: str, others: "FoundClips") -> None:
        """Take all clips of another folder, which is called `folder` here."""
        self._gather()
        for names in others.names.chunks:
            self._names.append(pc.call_function("binary_join_element_wise", [pa.scalar(folder), names, pa.scalar("/")]))
        self._facts.append(others.facts)
        self._forget()

    def only(self, is_wanted: Callable[[str], bool]) -> "FoundClips":
        """Those of them whose names are wanted."""
        chosen = FoundClips()
        for name, finding in self.items():
            if is_wanted(name):
                chosen.add(name, finding.file_size or 0, finding.mtime_ns or 0)
        return chosen

    def get(self, name: str) -> Finding | None:
        """What was found under this name."""
        self._gather()
        place = next((at for at in self._by_hash.candidates(name) if self.names[at].as_py() == name), None)
        return None if place is None else self.finding(place)

    def finding(self, place: int) -> Finding:
        """What was found at this place."""
        file_size, mtime_ns = self.facts[place].tolist()
        return Finding("", "", file_size, mtime_ns)

    def items(self, places: Sequence[int] | Indexes | None = None) -> Iterator[tuple[str, Finding]]:
        """Names and findings one by one, of all or at rising places."""
        chosen = np.arange(len(self)) if places is None else np.asarray(places, dtype=np.int64)
        for start in range(0, len(chosen), _BATCH):
            here = chosen[start : start + _BATCH]
            for name, (file_size, mtime_ns) in zip(self.names_at(here).to_pylist(), self.facts[here].tolist(), strict=True):
                yield name, Finding("", "", file_size, mtime_ns)

    @property
    def names(self) -> pa.ChunkedArray:
        """All names."""
        self._gather()
        return pa.chunked_array(self._names, pa.string())

    @property
    def facts(self) -> Indexes:
        """Bytes and modification time of each, two columns."""
        self._gather()
        return self._all_facts

    def names_at(self, places: Indexes) -> pa.Array:
        """The names at these places."""
        self._gather()
        taken = self._chunks.take(places).column(0)
        return pa.concat_arrays(taken.chunks) if taken.num_chunks else pa.array([], pa.string())

    def places_of(self, names: pa.Array | pa.ChunkedArray) -> Indexes:
        """Where each of these names is; -1 where none is called so."""
        self._gather()
        if len(names) > len(self) // 4:
            return places_among(names, self.names)
        if len(names) <= _FEW and self._n_passes < _N_PASSES and "_by_hash" not in vars(self):  # less than an order of all costs
            self._n_passes += 1
            return places_among(names, self.names)
        return self._by_hash.places(names, self)

    def update_digest(self, digest: xxhash.xxh3_128) -> None:
        """Make a hash depend on every name, size and time, and on their order."""
        for names in self.names.chunks:
            digest.update(pc.call_function("binary_length", [names]).to_numpy().tobytes())
            digest.update(names.buffers()[2] or b"")
        digest.update(self.facts.tobytes())

    def _gather(self) -> None:
        if self._new:
            numbers = itertools.chain.from_iterable(self._new.values())
            self._names.append(pa.array(list(self._new), pa.string()))
            self._facts.append(np.fromiter(numbers, np.int64, count=2 * len(self._new)).reshape(-1, 2))
            self._new = {}
            self._forget()

    def _forget(self) -> None:
        for name in ("_all_facts", "_by_hash", "_chunks"):
            vars(self).pop(name, None)

    @cached_property
    def _all_facts(self) -> Indexes:
        return np.concatenate([np.empty((0, 2), np.int64), *self._facts])

    @cached_property
    def _chunks(self) -> Chunks:
        return Chunks(pa.table([self.names], ["name"]))

    @cached_property
    def _by_hash(self) -> "_ByHash":
        return _ByHash(self.names)


class _ByHash:
    """Places in the order of a hash of the names: 16 bytes for each clip, where a dict takes 200."""

    def __init__(self, names: pa.ChunkedArray) -> None:
        hashes = np.concatenate([np.empty(0, np.uint64), *map(_hashes, names.chunks)])
        self._places = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._places]

    def candidates(self, name: str) -> list[int]:
        """Where names of the same hash are."""
        wanted = np.uint64(_hash(name))
        first, end = (np.searchsorted(self._hashes, wanted, side=side) for side in ("left", "right"))
        return self._places[first:end].tolist()

    def places(self, names: pa.Array | pa.ChunkedArray, among: FoundClips) -> Indexes:
        """Where each of many names is."""
        wanted = _hashes(names)
        at = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        found = np.where(self._hashes[at] == wanted, self._places[at], -1)
        hits = np.flatnonzero(found >= 0)
        is_same = pc.call_function("equal", [names.take(pa.array(hits)), among.names_at(found[hits])])
        for hit in hits[~is_same.to_numpy(zero_copy_only=False).astype(bool)]:  # another name of this hash
            name = names[hit].as_py()
            found[hit] = next((one for one in self.candidates(name) if among.names[one].as_py() == name), -1)
        return found


def _hashes(names: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    return np.fromiter(map(_hash, names.to_pylist()), np.uint64, count=len(names))


def _hash(name: str) -> int:
    return xxhash.xxh3_64_intdigest(name.encode())
