"""A table whose bytes were changed on the disk is refused by name, wherever the byte is; nothing else comes out of it."""

import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from video_assets.core.schema import DROPPED
from video_assets.storage.changes import patch_of
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_note, read_table, write_table

KEYS = [f"own_clips/{number:04d}.mp4" for number in range(60)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "dropped.parquet"
    rows = [
        {"clip_key": key, "source": "own_clips", "path": f"/{key}", "stage": "decode_check", "reason": reason, "detail": key * 3}
        for key, reason in zip(KEYS, random.Random(0).choices(["truncated", "corrupt_video"], k=len(KEYS)), strict=True)
    ]
    write_table(path, DROPPED, pd.DataFrame(rows), note={"inputs": {"a": "b"}})
    return path


def whole(path: Path) -> pd.DataFrame:
    return read_table(path, DROPPED).rows


def by_key(path: Path) -> pd.DataFrame:
    return TablesByKey([path], DROPPED).rows(KeyRange("", None))


def note(path: Path) -> pd.DataFrame:
    return pd.DataFrame([read_note(path)])


@pytest.mark.parametrize(("read", "refusal"), [(whole, ValueError), (by_key, StageError), (note, ValueError)])
def test_a_changed_byte_never_gives_other_rows(
    read: Callable[[Path], pd.DataFrame], refusal: type[Exception], table: Path
) -> None:
    before, data = read(table), table.read_bytes()
    refused = []
    for place in range(0, len(data), 2):
        table.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 7]) + data[place + 1 :])
        try:
            assert read(table).equals(before), place
        except refusal as error:
            refused.append(str(error))
    assert len(refused) > len(data) // 4
    assert [why for why in refused if not why.startswith(f"{table}: not a readable table (")] == []


@pytest.mark.parametrize("n_bytes", [0, 3, 7, 11, 20, 500])
def test_what_is_left_of_a_table_is_refused(table: Path, n_bytes: int) -> None:
    table.write_bytes(table.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match="not a readable table"):
        read_table(table, DROPPED)


def test_a_table_that_does_not_read_is_not_patched(table: Path) -> None:
    data = bytearray(table.read_bytes())
    data[len(data) - 40] ^= 1
    assert patch_of(table, DROPPED, ()) is not None
    table.write_bytes(data)
    assert patch_of(table, DROPPED, ()) is None


def test_a_table_of_an_earlier_version_has_no_checksums_and_is_read(table: Path) -> None:
    rows = whole(table)
    pq.write_table(pq.read_table(table), table, compression="zstd")
    assert whole(table).equals(rows)
