"""Ranges of clip keys: every row is in one of them, however tables are cut, sorted or described."""

import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from video_assets.core.schema import DROPPED, LEDGER
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.stages import StageError
from video_assets.storage.tables import write_table


def put(path, keys, *, rows_per_group=3, **options):
    """A table of DROPPED rows with these keys, in this order."""
    words = dict.fromkeys(DROPPED.names, [path.stem] * len(keys)) | {"clip_key": keys}
    pq.write_table(pa.table(words, schema=DROPPED.arrow), path, row_group_size=rows_per_group, **options)
    return path


def keys_of(numbers):
    return [f"own_clips/{number:03d}.mp4" for number in numbers]


def found(tables, at_least):
    return [(part, tables.rows(part)["clip_key"].tolist()) for part in tables.ranges(at_least)]


def test_tables_of_interleaved_keys_are_read_together_in_the_order_of_the_key(tmp_path):
    paths = [put(tmp_path / "a.parquet", keys_of(range(0, 40, 2))), put(tmp_path / "b.parquet", keys_of(range(1, 40, 2)))]
    ranges = found(TablesByKey(paths, DROPPED), 10)
    assert len(ranges) == 4
    assert [key for _, keys in ranges for key in sorted(keys)] == keys_of(range(40))


@pytest.mark.parametrize("options", [{}, {"write_statistics": False}])
def test_each_row_is_in_one_range_also_when_nothing_is_sorted_or_told(tmp_path, options):
    numbers = list(range(50))
    random.Random(7).shuffle(numbers)
    paths = [put(tmp_path / "a.parquet", keys_of(numbers[:30]), **options), put(tmp_path / "b.parquet", keys_of(numbers[30:]))]
    ranges = found(TablesByKey(paths, DROPPED), 5)
    assert sorted(key for _, keys in ranges for key in keys) == keys_of(range(50))
    for part, keys in ranges:
        assert all(part.first <= key and (part.end is None or key < part.end) for key in keys)


def test_keys_outside_ascii_are_in_one_range_too(tmp_path):
    names = sorted(["own_clips/z.mp4", "own_clips/ä.mp4", "own_clips/\uffee.mp4", "own_clips/\U0001f600.mp4", "own_clips/a.mp4"])
    tables = TablesByKey([put(tmp_path / "a.parquet", names, rows_per_group=1)], DROPPED)
    assert [keys for _, keys in found(tables, 1)] == [[name] for name in names]


def test_no_table_and_an_empty_table_are_one_empty_range(tmp_path):
    write_table(tmp_path / "empty.parquet", DROPPED, DROPPED.frame())
    for paths in ([], [tmp_path / "empty.parquet"]):
        [(part, keys)] = found(TablesByKey(paths, DROPPED), 1)
        assert (part, keys) == (KeyRange("", None), [])


def test_a_table_that_is_replaced_meanwhile_is_refused(tmp_path):
    path = put(tmp_path / "a.parquet", keys_of(range(9)))
    tables = TablesByKey([path], DROPPED)
    put(tmp_path / "new.parquet", keys_of(range(9))).replace(path)
    with pytest.raises(StageError, match=r"a\.parquet was replaced while it was read"):
        tables.rows(KeyRange("", None))


def test_a_table_of_another_version_is_refused_by_name(tmp_path):
    pq.write_table(pa.table({"clip_key": ["a"]}), tmp_path / "old.parquet")
    with pytest.raises(StageError, match=r"old\.parquet: columns \['source'.* are missing"):
        TablesByKey([tmp_path / "old.parquet"], DROPPED)


def test_a_column_that_came_later_is_null_when_it_may_be(tmp_path):
    rows = LEDGER.frame([dict.fromkeys(LEDGER.names, "x") | {"file_size": 1, "mtime_ns": 2}])
    pq.write_table(pa.Table.from_pandas(rows.drop(columns="mtime_ns")), tmp_path / "old.parquet")
    found = TablesByKey([tmp_path / "old.parquet"], LEDGER).rows(KeyRange("", None))
    pd.testing.assert_frame_equal(found, LEDGER.frame(rows.drop(columns="mtime_ns")))


def test_long_captions_make_shorter_ranges(tmp_path):
    texts = ["word " * (1 if number < 20 else 10_000) + str(number) for number in range(40)]
    words = dict.fromkeys(DROPPED.names, [""] * 40) | {"clip_key": keys_of(range(40)), "detail": texts}
    pq.write_table(pa.table(words, schema=DROPPED.arrow), tmp_path / "a.parquet", row_group_size=2)
    tables = TablesByKey([tmp_path / "a.parquet"], DROPPED)
    n_rows = [len(tables.rows(part)) for part in tables.ranges(memory_bytes=2_000_000)]
    assert n_rows == [24, 4, 4, 4, 4], "four captions of 50 kB, eight times over, are within 2 MB; six are not"
    assert [len(tables.rows(part)) for part in tables.ranges(memory_bytes=1)] == [2] * 20, "a row group at least"
    assert len(tables.ranges()) == 1
