"""What is measured anew and what is looked up: probes join the listing, verdicts the shard list, by clip and fingerprint.

A measurement belongs to the bytes it was taken from: (clip_key, file_size, mtime_ns) must all agree, or it is nobody's. All is
done on whole columns: 20 new clips among 100,000 known ones cost what 20 clips cost.
Belongs here: those joins. Does not belong here: probing and decoding (`checking`), what is dropped (`core.filters`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.schema import CHECKED, CLIPS, Column, TableSpec

_FINGERPRINT = ("file_size", "mtime_ns")
_FROM_PROBE = tuple(
    column
    for column in CLIPS.columns
    if column.name not in {"clip_key", "source", "path", "text", "aspect_ratio", "resolution", "extras", *_FINGERPRINT}
)
# One record of `media.probe` with its clip; nothing is promised about a clip that could not be read.
PROBES = TableSpec(
    "probes",
    (
        Column("clip_key", "string", "the clip"),
        *(Column(name, "int64", "of the file that was probed", is_nullable=True) for name in _FINGERPRINT),
        *_FROM_PROBE,
    ),
)
# The decode counted these itself: when it has no number, there is none.
_DECODED_ONLY = ("num_frames", "height", "width")
_MEASURED = tuple(column.name for column in _FROM_PROBE if not column.name.startswith("probe_"))
_FEWER = 8  # times fewer keys are looked for the other way round
_OF_VERDICT = tuple(name for name in CHECKED.names if name not in CLIPS.names)


@dataclass(frozen=True)
class Merged:
    """The clips of a shard list that have a verdict (CHECKED), and those that have none (CLIPS), which are not good."""

    checked: pd.DataFrame
    unchecked: pd.DataFrame


def plan_probes(listed: pd.DataFrame, previous: pd.DataFrame | None, probes: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of `listed` that must be probed: new clips, changed fingerprints, clips that could not be read last time.

    Args:
        listed: LEDGER, rows with status ok.
        previous: CLIPS of the last run; None when there is none that holds.
        probes: records of probes that a killed run left behind.
    """
    known = _known(previous, probes)
    position = match_fingerprints(listed, known)
    is_known = position >= 0
    is_known[is_known] = (known["probe_status"].iloc[position[is_known]] != "unreadable_now").to_numpy(dtype=bool)
    return listed[~is_known].reset_index(drop=True)


def merge_probes(listed: pd.DataFrame, previous: pd.DataFrame | None, probes: pd.DataFrame) -> pd.DataFrame:
    """CLIPS in the order of the clip key: caption, path and extras from the listing, measurements from the latest matching probe.

    A clip without a matching probe stays, as `unreadable_now`, and is therefore planned again next time.
    """
    known = _known(previous, probes)
    position = match_fingerprints(listed, known)
    measured = _take(known, position, [column.name for column in _FROM_PROBE])
    is_missing = position < 0
    status = measured["probe_status"].mask(is_missing, "unreadable_now")
    detail = measured["probe_detail"].mask(is_missing, _why_missing(listed, known))
    base = listed[["clip_key", "source", "path", "text", "extras", *_FINGERPRINT]].reset_index(drop=True)
    clips = pd.concat([base, measured.assign(probe_status=status, probe_detail=detail)], axis=1)
    return CLIPS.frame(_by_key(_with_shape(clips)))


def merge_verdicts(shard_list: pd.DataFrame, verdicts: pd.DataFrame) -> Merged:
    """Join the verdicts that are about exactly the listed bytes; what the decode found out replaces what the probe said.

    Args:
        shard_list: CLIPS of one shard.
        verdicts: VERDICTS, of any clips and fingerprints; of several about the same bytes the last one counts.
    """
    position = match_fingerprints(shard_list, verdicts)
    has_verdict = position >= 0
    clips = shard_list[has_verdict].reset_index(drop=True)
    found = _take(verdicts, position[has_verdict], [*_MEASURED, *_OF_VERDICT])
    decoded = {name: found[name] if name in _DECODED_ONLY else found[name].fillna(clips[name]) for name in _MEASURED}
    checked = clips.assign(**decoded, **{name: found[name] for name in _OF_VERDICT})
    return Merged(
        checked=CHECKED.frame(_with_shape(checked)),
        unchecked=shard_list[~has_verdict].reset_index(drop=True),
    )


def without_verdict(shard_list: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The clips that `merge_verdicts` finds unchecked, without joining the others."""
    return shard_list[match_fingerprints(shard_list, verdicts) < 0].reset_index(drop=True)


def match_fingerprints(clips: pd.DataFrame, known: pd.DataFrame) -> npt.NDArray[np.int64]:
    """For each row of `clips` (unique keys) the last row of `known` with equal clip_key, file_size and mtime_ns; -1 for none."""
    owner = positions(known["clip_key"], clips["clip_key"])
    candidates = np.flatnonzero(owner >= 0)
    for name in _FINGERPRINT:
        of_clip = clips[name].iloc[owner[candidates]].reset_index(drop=True)
        of_known = known[name].iloc[candidates].reset_index(drop=True)
        is_same = (of_clip == of_known).fillna(value=False).to_numpy(dtype=bool)
        candidates = candidates[is_same]
    position = np.full(len(clips), -1, dtype=np.int64)
    # maximum.at, not plain assignment: with several candidates numpy leaves open which one is written last.
    np.maximum.at(position, owner[candidates], candidates)
    return position


def positions(keys: pd.Series, among: pd.Series) -> npt.NDArray[np.int64]:
    """Where each key is `among` unique keys; -1 where it is not."""
    return places_among(column_of(keys), column_of(among))


def places_among(keys: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """As `positions`. Of two columns, the shorter one is made into a table of hashes; none where both are the same."""
    if len(keys) == len(among) and _chunked(keys).equals(_chunked(among)):
        return np.arange(len(keys))
    if len(keys) * _FEWER > len(among):
        return _index_in(keys, among)
    wanted = keys.unique()
    found = _index_in(among, wanted)
    places = np.flatnonzero(found >= 0)[::-1]  # so that the first of several counts, as it does above
    place_of = np.full(len(wanted), -1, dtype=np.int64)
    place_of[found[places]] = places
    return place_of[_index_in(keys, wanted)]


def _chunked(keys: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return keys if isinstance(keys, pa.ChunkedArray) else pa.chunked_array([keys])


def _index_in(keys: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    found = pc.call_function("index_in", [keys], pc.SetLookupOptions(value_set=among))
    return np.asarray(found.fill_null(-1)).astype(np.int64)


def is_rising(keys: pd.Series) -> bool:
    """True when the keys are in order, and none occurs twice."""
    return _is_rising(column_of(keys))


def is_in_order(keys: pd.Series) -> bool:
    """True when no key comes before the one before it. pandas makes an object of every key to say so."""
    return _all_neighbours(column_of(keys), "less_equal")


def column_of(keys: pd.Series) -> pa.ChunkedArray:
    """The keys as an Arrow column, not copied where they are one."""
    return _chunked(pa.array(keys, type=pa.string()))


def _is_rising(column: pa.ChunkedArray) -> bool:
    return _all_neighbours(column, "less")


def _all_neighbours(column: pa.ChunkedArray, relation: str) -> bool:
    return len(column) < 2 or pc.call_function("all", [pc.call_function(relation, [column[:-1], column[1:]])]).as_py()


def repeated(keys: pd.Series) -> pd.Series:
    """The keys that occur again, behind their first place."""
    return keys[keys.duplicated()] if has_repeats(keys) else keys.iloc[:0]


def has_repeats(keys: pd.Series) -> bool:
    """True when a key occurs twice; cheaper than to ask which. A table of hashes would take eight times what the keys take."""
    return not is_rising(keys) and not _is_rising(_sorted(keys))


def shared(keys: pd.Series) -> npt.NDArray[np.bool_]:
    """Which rows have a key that another row has, too. Null is no key."""
    column = column_of(keys)
    order = pc.call_function("sort_indices", [column])
    in_order, places = column.take(order), order.to_numpy()
    is_same = pc.call_function("equal", [in_order[:-1], in_order[1:]])
    is_next_same = np.asarray(pc.call_function("coalesce", [is_same, pa.scalar(value=False)])).astype(bool)
    found = np.zeros(len(keys), dtype=bool)
    found[places[:-1][is_next_same]] = found[places[1:][is_next_same]] = True
    return found


def have_same_keys(some: pd.Series, others: pd.Series) -> bool:
    """True when both have the same keys, each of them once; in any order."""
    if len(some) != len(others):
        return False
    in_order = _sorted(some)
    return _is_rising(in_order) and in_order.equals(_sorted(others))


def _sorted(keys: pd.Series) -> pa.ChunkedArray:
    column = column_of(keys)
    if _all_neighbours(column, "less_equal"):
        return column
    return column.take(pc.call_function("sort_indices", [column]))


def _known(previous: pd.DataFrame | None, probes: pd.DataFrame | None) -> pd.DataFrame:
    tables = [PROBES.frame(table) for table in (previous, probes) if table is not None and len(table)]
    return pd.concat([PROBES.frame(), *tables], ignore_index=True)


def _take(known: pd.DataFrame, position: npt.NDArray[np.int64], names: list[str]) -> pd.DataFrame:
    """Columns of `known` by position; null where the position is -1."""
    return pd.DataFrame({name: known[name].array.take(position, allow_fill=True) for name in names})


def _by_key(clips: pd.DataFrame) -> pd.DataFrame:
    """In the order of the clip key; not copied when it is so already, since captions of a million clips are a gigabyte."""
    return clips if is_in_order(clips["clip_key"]) else clips.sort_values("clip_key")


def _why_missing(listed: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """For every listed clip the words of its last probe that could not read it, else that the file changed meanwhile."""
    failed = known[known["probe_status"] == "unreadable_now"].drop_duplicates("clip_key", keep="last")
    words = failed.set_index("clip_key")["probe_detail"].reindex(listed["clip_key"]).reset_index(drop=True)
    return words.fillna("the file changed between listing and probing")


def _with_shape(clips: pd.DataFrame) -> pd.DataFrame:
    height, width = clips["height"], clips["width"]
    is_known = ((height > 0) & (width > 0)).fillna(value=False)
    ratio = height.where(is_known).astype(pd.ArrowDtype(pa.float64())) / width.where(is_known)
    return clips.assign(aspect_ratio=ratio, resolution=(height * width).where(is_known))
