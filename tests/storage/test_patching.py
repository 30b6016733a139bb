"""Tables of which only some ranges of keys are written anew: the same bytes as if all of them were."""

import random
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from video_assets.core.schema import CLIPS, DROPPED
from video_assets.storage import grouping
from video_assets.storage.changes import changes_of, patch_of
from video_assets.storage.durable import hash_file
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.patching import ReplacedError
from video_assets.storage.row_group_bytes import hashes_of, is_ours_and_sound
from video_assets.storage.stages import StageNote, read_stage, write_stage, write_stage_in_parts
from video_assets.storage.tables import read_table, write_table, write_table_in_parts
from video_assets.storage.thrift import list_bytes, number_at, number_bytes, spans_of, starts_of


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(grouping, "MEAN_ROWS", 8)


def rows_of(numbers, *, detail="x"):
    return DROPPED.frame([dict.fromkeys(DROPPED.names, detail) | {"clip_key": f"k{number:05d}"} for number in sorted(numbers)])


def patched(old, new, ranges, path, **options):
    """The table `old`, whose rows in `ranges` become those of `new` there."""
    parts = [part.of(new) for part in ranges]
    return write_table_in_parts(
        path, DROPPED, [part for part in parts if len(part)], patch=patch_of(old, DROPPED, tuple(ranges)), **options
    )


def key(number):
    return f"k{number:05d}"


@pytest.mark.parametrize("seed", range(15))
def test_a_patched_table_has_the_bytes_of_one_that_is_written_whole(tmp_path, seed):
    chance = random.Random(seed)
    before = set(chance.sample(range(200), 100))
    borders = sorted(chance.sample(range(-1, 201), 2 * chance.randint(1, 5)))
    ranges = [KeyRange(key(max(first, 0)), key(end)) for first, end in zip(borders[::2], borders[1::2], strict=True)]
    if chance.random() < 0.3:
        ranges[0], ranges[-1] = KeyRange("", ranges[0].end), KeyRange(ranges[-1].first, None)
        ranges = ranges if len(ranges) > 1 else [KeyRange("", None)]
    inside = {number for number in range(200) if any(part.has(key(number)) for part in ranges)}
    after = (before - inside) | {number for number in inside if chance.random() < chance.choice([0.0, 0.1, 0.9])}
    new = rows_of(after)
    new.loc[[any(part.has(each) for part in ranges) for each in new["clip_key"]], "detail"] = "new"
    write_table(tmp_path / "old.parquet", DROPPED, rows_of(before), note={"a": 1})
    write_table(tmp_path / "whole.parquet", DROPPED, new, note={"b": 2})
    content_hash = patched(tmp_path / "old.parquet", new, ranges, tmp_path / "patched.parquet", note={"b": 2})
    assert content_hash == hash_file(tmp_path / "whole.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "patched.parquet", DROPPED).rows, new)


def test_a_table_may_be_patched_in_its_own_place(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(path, DROPPED, rows_of(range(100)))
    patched(path, rows_of(range(101)), [KeyRange(key(100), None)], path)
    assert read_table(path, DROPPED).rows["clip_key"].tolist() == [key(number) for number in range(101)]


def test_a_row_outside_the_ranges_is_refused_and_the_old_table_stays(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(path, DROPPED, rows_of(range(100)))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="rows outside the ranges that are made anew"):
        write_table_in_parts(path, DROPPED, [rows_of([5])], patch=patch_of(path, DROPPED, (KeyRange(key(90), None),)))
    assert path.read_bytes() == before


def test_a_table_that_is_replaced_meanwhile_is_refused_and_stays(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(path, DROPPED, rows_of(range(100)))
    patch = patch_of(path, DROPPED, (KeyRange(key(90), None),))
    write_table(path, DROPPED, rows_of(range(95)))
    before = path.read_bytes()
    with pytest.raises(ReplacedError, match=r"a\.parquet was replaced while it was read: wait for the other run"):
        write_table_in_parts(path, DROPPED, [rows_of(range(90, 99))], patch=patch)
    assert path.read_bytes() == before


def test_a_row_that_comes_changes_one_row_group(tmp_path):
    write_table(tmp_path / "a.parquet", DROPPED, rows_of(range(0, 600, 2)))
    write_table(tmp_path / "b.parquet", DROPPED, rows_of([*range(0, 600, 2), 277]))
    before, after = hashes_of(tmp_path / "a.parquet"), hashes_of(tmp_path / "b.parquet")
    assert len(before) > 20
    assert len(set(after) - set(before)) <= 2, "one, or two where the new key begins a group"


def test_borders_of_row_groups_have_nothing_to_do_with_shards(monkeypatch):
    monkeypatch.setattr(grouping, "MEAN_ROWS", 24)
    keys = [key(number) for number in range(24_000)]
    starts = [each for each in keys if grouping.starts_group(each)]
    shards = {xxhash.xxh3_64_intdigest(each.encode()) % 24 for each in starts}
    assert 800 < len(starts) < 1200
    assert len(shards) == 24, "else the tables of some shards were never cut"


def test_rows_with_one_key_stay_in_one_row_group(tmp_path):
    rows = pd.concat([rows_of(range(200)), rows_of(range(200))]).sort_values("clip_key", kind="stable", ignore_index=True)
    write_table(tmp_path / "a.parquet", DROPPED, rows)
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    statistics = [metadata.row_group(index).column(0).statistics for index in range(metadata.num_row_groups)]
    assert all(one.max < after.min for one, after in pairwise(statistics))


def test_readers_know_a_table_put_together_of_row_groups(tmp_path):
    texts = {column.name: [f"{column.name} {number % 7}" for number in range(150)] for column in CLIPS.columns}
    numbers = {column.name: range(150) for column in CLIPS.columns if column.type in {"int64", "double"}}
    rows = CLIPS.frame(pd.DataFrame({**texts, **numbers, "clip_key": [key(number) for number in range(150)]}))
    rows["duration_s"] = pd.array([None] * 150, dtype=rows["duration_s"].dtype)
    write_table(tmp_path / "a.parquet", CLIPS, rows)
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups > 10
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet", dtype_backend="pyarrow")[CLIPS.names], rows)


def test_a_row_group_whose_bytes_have_changed_on_the_disk_is_noticed(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(path, DROPPED, rows_of(range(100)))
    assert is_ours_and_sound(path, DROPPED.arrow)
    place = pq.read_metadata(path).row_group(3).column(0).data_page_offset + 30
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert not is_ours_and_sound(path, DROPPED.arrow)


def test_a_file_of_another_program_or_of_other_columns_is_not_patched(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pandas(rows_of(range(100)), schema=DROPPED.arrow), path, compression="zstd")
    assert not is_ours_and_sound(path, DROPPED.arrow), "nobody says how it was cut"
    write_table(path, DROPPED, rows_of(range(100)))
    assert not is_ours_and_sound(path, CLIPS.arrow)


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 2**62, -(2**62)])
def test_a_number_in_a_footer_is_read_as_it_was_written(number):
    data = b"\x16" + number_bytes(number) + b"\x00"
    fields, end = spans_of(data, 0)
    assert (number_at(data, fields[1]), fields[1].end, end) == (number, len(data) - 1, len(data))


# True, false, a double, then by their numbers in full: a byte, and a list of booleans.
ODD = b"\x11\x12\x1712345678\x03\x50\x09\x09\x52\x21\x01\x02\x00"


@pytest.mark.parametrize("n_structs", [0, 1, 14, 15, 200])
def test_fields_of_a_footer_are_found_behind_any_others(n_structs):
    data = b"\x19" + list_bytes([ODD] * n_structs) + b"\x18\xac\x02" + b"x" * 300 + b"\x1c" + ODD + b"\x00"
    fields, end = spans_of(data, 0)
    assert (list(fields), end) == ([1, 2, 3], len(data))
    starts = starts_of(data, fields[1])
    assert [data[start : start + len(ODD)] for start in starts] == [ODD] * n_structs
    assert data[fields[2].start : fields[2].end] == b"\xac\x02" + b"x" * 300
    inner, _ = spans_of(data, fields[3].start)
    assert [data[span.start : span.end] for span in inner.values()] == [b"", b"", b"12345678", b"\x09", b"\x21\x01\x02"]
    assert list(inner) == [1, 2, 3, 40, 41]


@pytest.mark.parametrize("broken", [b"", ODD[:-1], b"\x18\x09short", b"\x1b\x00"])
def test_a_footer_that_breaks_off_or_has_foreign_types_is_refused(broken):
    with pytest.raises(ValueError, match=r"the struct breaks off|which Parquet does not use"):
        spans_of(broken, 0)


# --- what must be made anew ---------------------------------------------------------------------------------------------------


NOTE = StageNote(inputs={"source": "1"}, versions={"rules": "1"})


def stage_of(path, source, *, note=NOTE):
    """A stage that is its source, made where that has changed; returns the ranges."""
    tables = TablesByKey([source], DROPPED)
    changes = changes_of(path, DROPPED, note=note, units=tables.units())
    kept = [tables.rows(part) for part in changes.ranges]
    noted = StageNote(inputs=note.inputs, versions=note.versions, units=changes.units)
    write_stage_in_parts(path, DROPPED, kept=kept, dropped=changes.dropped_before(), note=noted, patch=changes.patch)
    return changes


@pytest.mark.parametrize("seed", range(2))
def test_a_stage_follows_its_source_and_makes_little_anew(tmp_path, seed):
    chance, there = random.Random(seed), set(range(0, 800, 2))
    source, path = tmp_path / "source.parquet", tmp_path / "stage.parquet"
    write_table(source, DROPPED, rows_of(there))
    assert stage_of(path, source).patch is None
    for _ in range(2):
        there ^= set(chance.sample(range(800), 2))
        rows = rows_of(there)
        rows.loc[chance.randrange(len(rows)), "detail"] = str(chance.random())
        write_table(source, DROPPED, rows)
        changes = stage_of(path, source)
        pd.testing.assert_frame_equal(read_stage(path, DROPPED).kept, rows)
        assert sum(len(TablesByKey([source], DROPPED).rows(part)) for part in changes.ranges) < 200
        whole = write_stage(
            tmp_path / "whole.parquet", DROPPED, kept=rows, dropped=DROPPED.frame(), note=read_stage(path, DROPPED).note
        )
        assert whole == hash_file(path)


def test_all_of_it_is_made_anew_when_rules_differ_or_the_table_is_torn(tmp_path):
    source, path = tmp_path / "source.parquet", tmp_path / "stage.parquet"
    write_table(source, DROPPED, rows_of(range(300)))
    assert stage_of(path, source).patch is None
    assert stage_of(path, source).ranges == ()
    assert stage_of(path, source, note=StageNote(inputs={"source": "2"}, versions={"rules": "1"})).ranges == ()
    assert stage_of(path, source, note=StageNote(versions={"rules": "2"})).patch is None
    assert stage_of(path, source, note=StageNote(versions={"rules": "2"})).ranges == ()
    path.with_suffix(".dropped.parquet").write_bytes(b"torn")
    assert stage_of(path, source, note=StageNote(versions={"rules": "2"})).patch is None


def test_keys_that_are_asked_for_are_made_anew(tmp_path):
    source, path = tmp_path / "source.parquet", tmp_path / "stage.parquet"
    write_table(source, DROPPED, rows_of(range(300)))
    stage_of(path, source)
    changes = changes_of(
        path, DROPPED, note=NOTE, units=TablesByKey([source], DROPPED).units(), again=[key(77), key(250), "a", "z"]
    )
    assert all(any(part.has(each) for part in changes.ranges) for each in (key(77), key(250), "a", "z"))
    standing = changes.standing(rows_of(range(300)))
    assert 100 < len(standing) < 290
    assert not {key(77), key(250), key(299)} & set(standing["clip_key"])


def test_a_border_that_goes_with_its_table_is_noticed(tmp_path):
    """Of two tables read together, one ends earlier now; the rows of the other are as they were."""
    first, second, path = tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "stage.parquet"
    write_table(first, DROPPED, rows_of(range(0, 150, 3)))
    write_table(second, DROPPED, rows_of(range(1, 150, 3)))
    for numbers in (range(1, 150, 3), [], range(1, 75, 3), [1]):
        write_table(second, DROPPED, rows_of(numbers))
        tables = TablesByKey([first, second], DROPPED)
        changes = changes_of(path, DROPPED, note=NOTE, units=tables.units())
        kept = [tables.rows(part).sort_values("clip_key", ignore_index=True) for part in changes.ranges]
        note = StageNote(versions=NOTE.versions, units=changes.units)
        write_stage_in_parts(path, DROPPED, kept=kept, dropped=DROPPED.frame(), note=note, patch=changes.patch)
        assert read_stage(path, DROPPED).kept["clip_key"].tolist() == [key(n) for n in sorted([*range(0, 150, 3), *numbers])]
