"""Rows that lie on disk while a table is cut: they come back as they were, and a full disk is told and leaves nothing."""

import pandas as pd
import pyarrow as pa
import pytest
from disks import small_disk

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.core.schema import DROPPED
from video_assets.storage.aside import mapped_table, rows_aside


def rows(numbers, *, detail=""):
    words = dict.fromkeys(DROPPED.names, "x") | {"detail": detail}
    return DROPPED.frame([words | {"clip_key": str(number)} for number in numbers])


def test_rows_come_back_by_group_in_the_order_in_which_they_were_put(tmp_path):
    with rows_aside(tmp_path / "t.parquet", DROPPED) as aside:
        aside.put(rows([3, 1, 2]), pd.Series(["b", "a", "b"]))
        aside.put(rows([9, 0]), pd.Series(["b", "a"]))
        aside.put(rows([]), pd.Series([], dtype="str"))
        pd.testing.assert_frame_equal(aside.take("b"), rows([3, 2, 9]))
        pd.testing.assert_frame_equal(aside.take("a"), rows([1, 0]))
        pd.testing.assert_frame_equal(aside.take("c"), DROPPED.frame())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_is_left_on_it(tmp_path):
    some = rows(range(20_000)).assign(detail=[f"{number:x}" * 20 for number in range(20_000)])
    with small_disk(tmp_path / "disk", 200_000):
        with pytest.raises(NoSpaceError, match=r"cutting t\.parquet: the disk is full"):
            put_all(tmp_path / "disk" / "t.parquet", some)
        with pytest.raises(NoSpaceError, match=r"writing t\.parquet: the disk is full"):
            put_mapped(tmp_path / "disk" / "t.parquet", pa.Table.from_pandas(some))
        assert list((tmp_path / "disk").iterdir()) == []


def put_all(path, some):
    with rows_aside(path, DROPPED) as aside:
        for _ in range(20):
            aside.put(some, pd.Series(["a"] * len(some)))


def put_mapped(path, table):
    mapped_table(table.to_batches(), table.schema, beside=path)


def test_a_mapped_table_has_no_name(tmp_path):
    table = pa.table({"a": list(range(1000))})
    mapped = mapped_table(table.to_batches(max_chunksize=100), table.schema, beside=tmp_path / "new" / "t.parquet")
    assert mapped.table.equals(table)
    assert list((tmp_path / "new").iterdir()) == []
    mapped.forget()
    assert mapped.table.equals(table)
