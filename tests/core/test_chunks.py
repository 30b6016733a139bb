"""Rows are taken by their numbers, wherever they lie and however often they are asked for."""

import numpy as np
import pyarrow as pa
import pytest

from video_assets.core.chunks import Chunks


@pytest.fixture
def table():
    whole = pa.table({"number": list(range(100)), "text": [f"text {number}" for number in range(100)]})
    parts = [whole.slice(0, 1), whole.slice(1, 0), whole.slice(1, 60), whole.slice(61, 39)]
    return pa.concat_tables(parts)


@pytest.mark.parametrize("rows", [[], [0], [99], [0, 1, 60, 61, 99], [61, 60, 0, 0, 99, 1, 61], list(range(99, -1, -1))])
def test_rows_come_in_the_order_in_which_they_are_asked_for(table, rows):
    taken = Chunks(table).take(np.array(rows, dtype=np.int64))
    assert taken.column("number").to_pylist() == rows
    assert taken.column("text").to_pylist() == [f"text {row}" for row in rows]


def test_an_empty_table_has_the_columns_of_its_table(table):
    assert Chunks(table.slice(0, 0)).take(np.array([], dtype=np.int64)).schema == table.schema
