"""Frames of a table, from records and from other frames: the same columns, types and values."""

import pandas as pd
import pytest

from video_assets.core.schema import Column, TableSpec

TABLE = TableSpec("numbers", (Column("name", "string", "a name"), Column("number", "int64", "a number", is_nullable=True)))
LARGE = 2**62 + 1  # a float would round it


@pytest.mark.parametrize("given", [list, pd.DataFrame])
def test_one_null_among_integers_does_not_round_the_others(given):
    records = [{"name": "None", "number": LARGE}, {"name": "b", "number": None}]
    frame = TABLE.frame(given(records) if given is list else given(records, dtype="object"))
    assert frame["number"].tolist() == [LARGE, pd.NA]
    assert frame["name"].tolist() == ["None", "b"]
    assert frame.dtypes.to_dict() == TABLE.dtypes


def test_a_frame_keeps_its_columns_in_order_and_loses_its_index_and_the_others():
    given = TABLE.frame([{"name": "a"}, {"name": "b", "number": 1}]).assign(other=0)[["other", "number", "name"]].iloc[::-1]
    expected = TABLE.frame([{"name": "b", "number": 1}, {"name": "a"}])
    pd.testing.assert_frame_equal(TABLE.frame(given), expected)
    assert expected.columns.tolist() == TABLE.names


def test_what_may_not_be_null_is_named_when_it_is_absent():
    for given in ([{"number": 1}], pd.DataFrame({"number": [1]})):
        with pytest.raises(ValueError, match=r"numbers: column 'name' may not be null \(1 null rows\)"):
            TABLE.frame(given)
