"""Where row groups of a table end: at keys, by their hash, so that a row that comes or goes changes its own group only.

Counted by rows, one new row would move every border behind it, and no group would keep its bytes.
Belongs here: cutting. Does not belong here: bytes (`storage.row_group_bytes`), the ranges in which stages work
(`storage.key_ranges`).
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import xxhash

from video_assets.core.schema import KEY

MEAN_ROWS = 4_096
"""Of row groups cut by key. One in a million has fourteen times as many."""
_SEED = 1  # not the hash by which clips go into shards: of some shards no key would be a border


def starts_group(key: str) -> bool:
    """True when a row group begins with this key, where it is in a table."""
    return xxhash.xxh3_64_intdigest(key.encode(), _SEED) % MEAN_ROWS == 0


def by_key(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Rows that come in parts, sorted by clip key, as row groups; how the parts are cut makes no difference."""
    rest: list[pa.Table] = []
    last: str | None = None
    for part in parts:
        if not part.num_rows:
            continue
        keys = part.column(KEY.name).to_pylist()
        borders = _borders(keys, last)
        for start, end in zip([0, *borders], [*borders, len(keys)], strict=True):
            if start in borders and rest:
                yield pa.concat_tables(rest).combine_chunks()
                rest = []
            if end > start:
                rest.append(part.slice(start, end - start))
        last = keys[-1]
    if rest:
        yield pa.concat_tables(rest).combine_chunks()


def by_number(parts: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Rows that come in parts, without clip keys, as row groups of `n_rows`."""
    rest: pa.Table | None = None
    for part in parts:
        rest = part if rest is None else pa.concat_tables([rest, part])
        while rest.num_rows >= n_rows:
            yield rest.slice(0, n_rows).combine_chunks()
            rest = rest.slice(n_rows)
    if rest is not None and rest.num_rows:
        yield rest.combine_chunks()


def _borders(keys: list[str], last: str | None) -> list[int]:
    """Rows that begin a group; of several rows with one key, only the first can."""
    before = [last, *keys[:-1]]
    return [row for row, key in enumerate(keys) if starts_group(key) and key != before[row]]
