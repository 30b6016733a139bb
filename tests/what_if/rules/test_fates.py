"""Hashes as numbers: the same for the same bytes wherever they stand, and another for others."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from video_assets.what_if.rules.fates import Copies, hash_numbers

HASHES = st.lists(st.none() | st.sampled_from([f"{7:032x}", "a" * 32, "short", ""]) | st.text("0123456789abcdef", max_size=33))


@given(first=HASHES, second=HASHES, cut=st.integers(0, 3))
def test_the_same_hash_is_the_same_number_in_every_part_of_a_column(first, second, cut):
    found = [hash_numbers(pa.array(each, pa.string()).slice(cut)).tolist() for each in (first, second)]
    pairs = {*zip(first[cut:], found[0], strict=True), *zip(second[cut:], found[1], strict=True)}
    assert len({hash_ for hash_, _ in pairs}) == len({number for _, number in pairs}) == len(pairs)
    assert {number == 0 for hash_, number in pairs if hash_ is None} <= {True}


def test_the_copy_with_the_first_key_stays_and_what_is_not_known_is_nobodys_copy():
    keys, hashes = ["d", "c", "b", "a", "e", "f"], ["x", None, "y" * 32, "x", None, "y" * 32]
    copies = Copies(hash_numbers(pa.array(hashes, pa.string())), pa.chunked_array([keys[:4], keys[4:]]))
    there = [True] * 6
    assert sorted(copies.among(_mask(there)).tolist()) == [0, 5]
    assert copies.among(_mask([*there[:3], False, *there[4:]])).tolist() == [5]


def _mask(values):
    return pa.array(values).to_numpy(zero_copy_only=False)
