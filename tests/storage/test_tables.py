"""Tables appear whole or not at all: killed writers, full disks, torn files."""

import os
import random
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from disks import small_disk

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.core.schema import DROPPED, LEDGER
from video_assets.storage.durable import durable_write, hash_file, write_text
from video_assets.storage.tables import count_rows, read_note, read_table, write_table, write_table_in_parts

# Rewrites one table again and again; every version has its number in all rows and in the note.
_WRITER = """
import sys
from pathlib import Path
import pandas as pd
from video_assets.core.schema import DROPPED
from video_assets.storage.tables import write_table
path, version = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
while True:
    version += 1
    keys = [f"own_clips/{number}" for number in range(20_000)]
    rows = pd.DataFrame({"clip_key": keys, "source": "s", "path": "p", "stage": "x", "reason": str(version), "detail": ""})
    write_table(path, DROPPED, rows, note={"version": version})
"""


def dropped(n=3, reason="truncated"):
    keys = [f"own_clips/{number}" for number in range(n)]
    words = {"source": "own_clips", "path": keys, "stage": "decode_check", "reason": reason, "detail": "None"}
    return DROPPED.frame(pd.DataFrame({"clip_key": keys} | words))


def test_a_table_comes_back_as_it_was_with_its_note_and_hash(tmp_path):
    path = tmp_path / "new" / "folder" / "t.parquet"
    content_hash = write_table(path, DROPPED, dropped(), note={"inputs": {"a": "ü"}})
    table = read_table(path, DROPPED)
    pd.testing.assert_frame_equal(table.rows, dropped())
    assert (table.note, table.content_hash) == ({"inputs": {"a": "ü"}}, content_hash)
    assert (read_note(path), count_rows(path), hash_file(path)) == ({"inputs": {"a": "ü"}}, 3, content_hash)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    write_table(tmp_path / "a.parquet", DROPPED, dropped(50_000), note={"b": 1, "a": 2})
    write_table(tmp_path / "b.parquet", DROPPED, dropped(50_000), note={"a": 2, "b": 1})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_rows_that_come_in_parts_give_the_same_bytes(tmp_path):
    whole = dropped(50_000)
    write_table(tmp_path / "whole.parquet", DROPPED, whole, note={"a": 1})
    for number, cuts in enumerate([[1], [16_384], [16_383, 16_385, 40_000], [0, 50_000]]):
        parts = [whole.iloc[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        write_table_in_parts(tmp_path / f"{number}.parquet", DROPPED, parts, note={"a": 1})
        assert (tmp_path / f"{number}.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_no_part_is_an_empty_table(tmp_path):
    write_table_in_parts(tmp_path / "none.parquet", DROPPED, [])
    write_table(tmp_path / "empty.parquet", DROPPED, DROPPED.frame())
    assert (tmp_path / "none.parquet").read_bytes() == (tmp_path / "empty.parquet").read_bytes()


def test_large_integers_beside_a_null_keep_every_digit(tmp_path):
    row = dict.fromkeys(LEDGER.names, "x") | {"file_size": None, "mtime_ns": None}
    rows = LEDGER.frame([row, row | {"file_size": 7, "mtime_ns": 1_700_000_000_123_456_789}])
    write_table(tmp_path / "t.parquet", LEDGER, rows)
    back = read_table(tmp_path / "t.parquet", LEDGER).rows
    assert back["mtime_ns"].tolist() == [pd.NA, 1_700_000_000_123_456_789]


def test_rows_that_break_the_contract_are_refused_and_the_old_table_stays(tmp_path):
    path = tmp_path / "t.parquet"
    before = write_table(path, DROPPED, dropped())
    with pytest.raises(ValueError, match=r"dropped: column 'reason' may not be null \(3 null rows\)"):
        write_table(path, DROPPED, dropped().drop(columns="reason"))
    assert hash_file(path) == before


@pytest.mark.parametrize("damage", [b"", b"not parquet", None])
def test_a_torn_file_is_an_error_that_names_it_and_says_what_to_do(tmp_path, damage):
    path = tmp_path / "t.parquet"
    write_table(path, DROPPED, dropped(1000))
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(ValueError, match=r"t\.parquet: not a readable table .*materialize its asset again"):
        read_table(path, DROPPED)
    with pytest.raises(ValueError, match=r"t\.parquet: not a readable table"):
        read_note(path)


def test_a_table_of_another_version_is_an_error_that_names_the_columns(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, DROPPED, dropped())
    with pytest.raises(ValueError, match=r"columns \['text', .*\] are missing; it was written by another version"):
        read_table(path, LEDGER)


def test_a_block_that_fails_leaves_the_old_file_and_no_draft(tmp_path):
    write_text(tmp_path / "x", "old")

    def fail():
        with durable_write(tmp_path / "x") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_writer_killed_at_any_moment_leaves_a_whole_table(tmp_path):
    path = tmp_path / "t.parquet"
    seen = 0
    for _ in range(4):
        command = [sys.executable, "-c", _WRITER, str(path), str(seen)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            while not path.exists():
                time.sleep(0.01)
            time.sleep(random.uniform(0.02, 0.25))
            os.kill(writer.pid, signal.SIGKILL)
        table = read_table(path, DROPPED)
        version = table.note["version"]
        assert version >= seen
        assert len(table.rows) == 20_000
        assert set(table.rows["reason"]) == {str(version)}
        seen = version
    assert seen > 0
    # What a killed writer was at is hidden and never taken for a table.
    assert [found.name for found in tmp_path.glob("*.parquet") if not found.name.startswith(".")] == ["t.parquet"]


def incompressible(n):
    rows = dropped(n)
    rows["detail"] = [random.randbytes(64).hex() for _ in range(n)]
    return rows


def test_a_full_disk_is_an_error_and_the_old_table_stays(tmp_path):
    folder = tmp_path / "disk"
    with small_disk(folder, 256 * 1024):
        path = folder / "t.parquet"
        before = write_table(path, DROPPED, dropped())
        with pytest.raises((NoSpaceError, OSError), match=r"writing t\.parquet: the disk is full|File too large"):
            write_table(path, DROPPED, incompressible(20_000))
        assert hash_file(path) == before
        assert [found.name for found in folder.iterdir()] == ["t.parquet"]
