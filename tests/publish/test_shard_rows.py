"""All shards as one stream: the same rows whether they wait in memory or on disk, and few of them at a time."""

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_roots import Clip, fill

from video_assets.core.sharding import shard_keys
from video_assets.publish.publish import publish
from video_assets.publish.rules.row_order import merge_order, rows_at_a_time
from video_assets.publish.shard_rows import read_merged
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

N_SHARDS = 7
COLUMNS = ["clip_key", "text"]


@pytest.fixture
def shards(tmp_path):
    """Files of several row groups, one of them empty, and the order of their rows."""
    dice = random.Random(3)
    rows = [(f"{number:05}", "a dog " * dice.randrange(60)) for number in range(3_000)]
    cut = [[] for _ in range(N_SHARDS)]
    for row in rows:
        cut[dice.randrange(N_SHARDS - 1)].append(row)
    paths = [tmp_path / f"{number}.parquet" for number in range(N_SHARDS)]
    for path, mine in zip(paths, cut, strict=True):
        columns = {"other": pa.array([1] * len(mine), pa.int64()), **_columns(mine)}
        pq.write_table(pa.table(columns), path, row_group_size=100)
    order = merge_order([pd.Series([key for key, _ in mine], dtype="str") for mine in cut])
    return paths, order, pa.table(_columns(rows))


WHOLE = [(0, 1_000), (1_000, 3_000)]


def _columns(rows):
    return {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(COLUMNS)}


def test_rows_come_in_order_and_are_the_same_through_a_file(shards, tmp_path):
    paths, order, expected = shards
    scratch = tmp_path / "scratch"
    in_memory = pa.concat_tables(read_merged(paths, order, ranges=WHOLE, columns=COLUMNS, scratch=scratch))
    assert in_memory.equals(expected)
    parts = read_merged(paths, order, ranges=WHOLE, columns=COLUMNS, scratch=scratch, memory_bytes=20_000)
    first = next(parts)
    with pa.OSFile(str(scratch)) as source, pa.ipc.open_file(source) as file:
        sizes = [file.get_batch(number).num_rows for number in range(file.num_record_batches)]
    assert (sum(sizes), max(sizes)) == (3_000, 16)
    assert pa.concat_tables([first, *parts]).equals(expected)
    assert not scratch.exists()


def test_the_file_is_gone_also_when_nobody_reads_to_the_end(shards, tmp_path):
    paths, order, _ = shards
    parts = read_merged(paths, order, ranges=WHOLE, columns=COLUMNS, scratch=tmp_path / "scratch", memory_bytes=1)
    next(parts)
    parts.close()
    assert not (tmp_path / "scratch").exists()


def test_a_shard_that_is_replaced_meanwhile_is_refused(shards, tmp_path):
    paths, order, _ = shards
    parts = read_merged(paths, order, ranges=[(0, 100), (100, 3_000)], columns=COLUMNS, scratch=tmp_path / "scratch")
    next(parts)
    pq.write_table(pq.read_table(paths[-2]).slice(0, 10), paths[-2])
    with pytest.raises(StageError, match=r"5\.parquet was replaced while it was read: wait for the other run"):
        list(parts)


@pytest.mark.parametrize(
    ("n_shards", "memory_mib", "n_rows"), [(24, 1024, 16_384), (24, 512, 11_184), (240, 512, 1_118), (10_000, 64, 16)]
)
def test_the_more_shards_the_fewer_rows_of_each_at_a_time(n_shards, memory_mib, n_rows):
    assert rows_at_a_time(n_shards * 1_000, 16_384, memory_mib << 20) == n_rows
    assert rows_at_a_time(n_shards * 1_000, 16_384, None) == 16_384


def test_nothing_is_put_aside_where_all_shards_fit(shards, tmp_path):
    paths, order, expected = shards
    parts = read_merged(paths, order, ranges=WHOLE, columns=COLUMNS, scratch=tmp_path / "scratch", memory_bytes=1 << 20)
    assert next(parts).equals(expected.slice(0, 1_000))
    assert not (tmp_path / "scratch").exists()
    assert np.array_equal(np.bincount(order, minlength=N_SHARDS)[-1:], [0])


def test_a_publication_through_a_file_has_the_same_bytes(tmp_path):
    clips = [Clip(f"{number:03}.mp4", text=f"{number} " * 150_000) for number in range(100)]
    products = []
    for memory_mib in (64, 4096):
        layout, settings = fill(tmp_path / str(memory_mib), clips, tables={"memory_mib": memory_mib})
        assert is_put_aside(layout, settings) == (memory_mib == 64)
        publish(layout, settings)
        products.append([(layout.training / name).read_bytes() for name in ("training.csv", "training.parquet")])
    assert products[0] == products[1]


def is_put_aside(layout: Layout, settings: Settings) -> bool:
    """Whether a row group of every shard takes more than the setting allows."""
    shards = [layout.checked(shard) for shard in shard_keys(settings.decode.n_shards)]
    groups = [pq.read_metadata(shard).row_group(0) for shard in shards]
    row_bytes, largest = sum(group.total_byte_size / group.num_rows for group in groups), max(group.num_rows for group in groups)
    return rows_at_a_time(row_bytes, largest, settings.tables.memory_mib << 20) < largest


@pytest.mark.parametrize("memory_bytes", [None, 20_000])
def test_rows_that_are_not_wanted_are_passed_over(shards, tmp_path, memory_bytes):
    paths, order, expected = shards
    ranges = [(0, 0), (7, 8), (8, 500), (2_000, 2_900)]
    tables = read_merged(paths, order, columns=COLUMNS, scratch=tmp_path / "scratch", ranges=ranges, memory_bytes=memory_bytes)
    for (start, end), table in zip(ranges, tables, strict=True):
        assert table.equals(expected.slice(start, end - start))


def test_row_groups_of_which_no_row_is_wanted_are_not_read(shards, tmp_path):
    paths, order, expected = shards
    for path in paths[:-1]:
        group = pq.read_metadata(path).row_group(1)
        content = bytearray(path.read_bytes())
        first, size = group.column(2).data_page_offset, group.column(2).total_compressed_size
        content[first : first + size] = bytes(size)
        path.write_bytes(content)
    options = {"columns": COLUMNS, "scratch": tmp_path / "scratch"}
    last = read_merged(paths, order, ranges=[(2_000, 3_000)], **options)
    assert next(last).equals(expected.slice(2_000))
    with pytest.raises(StageError, match="not a readable table"):
        list(read_merged(paths, order, ranges=[(0, 3_000)], **options))
