"""Words of captions, counted in their bytes: a list of its words for each of a million captions takes gigabytes.

Belongs here: counting. Does not belong here: what is too many (`select.rules.limits`, `report.captions`).
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_ROWS_AT_ONCE = 512
"""Their bytes stay in the processor's cache."""
_BLANK = 0x20
_FIRST_BEYOND_ASCII = 0x80
_IS_SPACE = np.array([chr(code).isspace() for code in range(0x1_0000)])
"""By code point; there is none beyond."""
# How UTF-8 begins the white space that is not ASCII.
_LEADS = np.zeros(256, dtype=bool)
_LEADS[[chr(code).encode()[0] for code in np.flatnonzero(_IS_SPACE) if code >= _FIRST_BEYOND_ASCII]] = True
_FIRST_OF_THREE = 0xE0


def word_counts(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    r"""Words of each text: what white space separates, as `str.split` does. A null has none.

    >>> word_counts(pa.array(["a dog\u3000runs", " one ", "", None])).tolist()
    [3, 1, 0, 0]
    """
    # A null may have bytes of its own.
    texts = pc.call_function("coalesce", [texts, pa.scalar("")]) if texts.null_count else texts
    parts = [_counts(texts.slice(start, _ROWS_AT_ONCE)) for start in range(0, len(texts), _ROWS_AT_ONCE)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _counts(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    _, offsets, values = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if ends[-1] == ends[0]:
        return np.zeros(len(texts), dtype=np.int64)
    data = np.frombuffer(values, dtype=np.uint8)[ends[0] : ends[-1]]
    ends = (ends - ends[0]).astype(np.uint64)
    return np.diff(_ones_before(_word_starts(_is_space(data), ends[:-1]), ends))


def _word_starts(is_space: npt.NDArray[np.bool_], begins: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A bit for each byte, 64 in a number: set where a word starts, in texts of which each begins at one of `begins`."""
    n_numbers = len(is_space) // 64 + 1
    spaces = np.zeros(n_numbers * 8, dtype=np.uint8)
    packed = np.packbits(is_space, bitorder="little")
    spaces[: len(packed)] = packed
    spaces = spaces.view(np.uint64)
    # A word starts behind a space, and where a text begins, whatever the one before ends with.
    before = spaces << np.uint64(1)
    before[1:] |= spaces[:-1] >> np.uint64(63)
    np.bitwise_or.at(before, begins >> np.uint64(6), np.uint64(1) << (begins & np.uint64(63)))
    return before & ~spaces


def _ones_before(bits: npt.NDArray[np.uint64], ends: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """How many bits are set before each of `ends`."""
    ones = np.zeros(len(bits) + 1, dtype=np.int64)
    np.cumsum(np.bitwise_count(bits), out=ones[1:])
    number, rest = (ends >> np.uint64(6)).astype(np.int64), ends & np.uint64(63)
    return ones[number] + np.bitwise_count(bits[number] & ((np.uint64(1) << rest) - np.uint64(1)))


def _is_space(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Of each byte, whether it is (of) a character that is white space. All but the blank is rare."""
    found = data == _BLANK
    if data.min() < _BLANK:
        at = np.flatnonzero(data < _BLANK)
        found[at] = _IS_SPACE[data[at]]
    if data.max() >= _FIRST_BEYOND_ASCII:
        at = np.flatnonzero(data >= _FIRST_BEYOND_ASCII)
        _mark(data, at[_LEADS[data[at]]], found)
    return found


def _mark(data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64], found: npt.NDArray[np.bool_]) -> None:
    """Mark the bytes of white space that begins at one of `at`."""
    is_long = data[at] >= _FIRST_OF_THREE
    for starts, n_bytes in ((at[~is_long], 2), (at[is_long], 3)):
        # The first byte gives the bits behind its mark, the others six each.
        code = data[starts].astype(np.int32) & 0x7F >> n_bytes
        for more in range(1, n_bytes):
            code = code << 6 | data[starts + more] & 0x3F
        spaces = starts[_IS_SPACE[code]]
        for more in range(n_bytes):
            found[spaces + more] = True
