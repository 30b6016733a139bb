"""The product's text: every reader gives back every value unchanged, and the order is that of the clip key."""

import csv
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from video_assets.core.schema import TRAINING
from video_assets.publish.rules.row_order import interleave, merge_order
from video_assets.publish.rules.rows import (
    counts_by_reason,
    counts_by_source,
    csv_header,
    csv_rows,
    training_rows,
)

HARD_CAPTIONS = [
    'he said "hi"',
    '"',
    '""',
    "two\nlines",
    "carriage\rreturn",
    "both\r\nof them\r\n",
    "\r",
    "a, b,, c",
    ",",
    "  blanks around  ",
    "\ttab\t",
    "None",
    "null",
    "NA",
    "nan",
    "N/A",
    "-1",
    "1e5",
    "# no comment",
    "'single'",
    "back\\slash\\",
    "=1+1",
    "日本語、テスト",
    "🐕 emoji é e\u0301",
    "\u2028 separators \x85",
    "\ufeffmark",
    "x" * 100_000,
]
# NUL is no text for any CSV reader; surrogates are not text at all.
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
_NUMBER = st.integers(1, 2**53)
_FLOAT = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)


def clips(texts, *, paths=None, ratios=None, frames=None, rates=None):
    n = len(texts)
    columns = {
        "clip_key": [f"own_clips/{i}" for i in range(n)],
        "path": paths or [f"/clips/{i}.mp4" for i in range(n)],
        "text": texts,
        "num_frames": frames or [90] * n,
        "height": [720] * n,
        "width": [1280] * n,
        "aspect_ratio": ratios or [0.5625] * n,
        "fps": rates or [30000 / 1001] * n,
        "resolution": [921600] * n,
        "file_size": [1000] * n,
    }
    types = {field.name: field.type for field in TRAINING.arrow}
    return pa.table({name: pa.array(values, type=types.get(name, pa.string())) for name, values in columns.items()})


def write(table):
    return csv_header() + csv_rows(training_rows(table, relative_to=None))


def read_with_pandas(data):
    options = {"keep_default_na": False, "dtype": {"path": "str", "text": "str"}}
    return pd.read_csv(io.BytesIO(data), **options).to_dict("list")


def read_with_python(data):
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    types = {c.name: {"string": str, "int64": int, "double": float}[c.type] for c in TRAINING.columns}
    return {name: [types[name](row[name]) for row in rows] for name in TRAINING.names}


def read_with_pyarrow(data):
    convert = pacsv.ConvertOptions(column_types=TRAINING.arrow, strings_can_be_null=False)
    parse = pacsv.ParseOptions(newlines_in_values=True)
    read = pacsv.ReadOptions(block_size=64 << 20)
    return pacsv.read_csv(io.BytesIO(data), read_options=read, parse_options=parse, convert_options=convert).to_pydict()


READERS = [read_with_pandas, read_with_python, read_with_pyarrow]


@pytest.mark.parametrize("read", READERS)
def test_every_reader_gives_back_hard_captions_unchanged(read):
    limit = csv.field_size_limit(1 << 20)  # of the whole process: other tests rely on the default
    try:
        assert read(write(clips(HARD_CAPTIONS)))["text"] == HARD_CAPTIONS
    finally:
        csv.field_size_limit(limit)


@given(st.lists(_TEXT, min_size=1))
@example(["\r"])
@example(["a\r", "\n"])
def test_any_caption_survives_python_and_pandas(texts):
    data = write(clips(texts))
    assert read_with_python(data)["text"] == texts
    assert read_with_pandas(data)["text"] == texts


@given(st.lists(st.tuples(_FLOAT, _FLOAT, _NUMBER), min_size=1))
def test_numbers_come_back_exactly(numbers):
    table = clips(
        ["a"] * len(numbers), ratios=[n[0] for n in numbers], rates=[n[1] for n in numbers], frames=[n[2] for n in numbers]
    )
    for read in READERS:
        rows = read(write(table))
        assert list(zip(rows["aspect_ratio"], rows["fps"], rows["num_frames"], strict=True)) == numbers


@pytest.mark.parametrize("read", READERS)
def test_hard_paths_come_back_unchanged(read):
    paths = ["/clips/a, b.mp4", '/clips/"c".mp4', "/clips/new\nline.mp4", "/clips/-x.MP4", "/clips/ é .mp4"]
    assert read(write(clips(["a"] * 5, paths=paths)))["path"] == paths


def test_only_fields_that_need_quotes_have_them():
    data = write(clips(["plain caption", "with, comma"], rates=[30.0, 0.1]))
    assert data.decode().splitlines() == [
        "path,text,num_frames,height,width,aspect_ratio,fps,resolution,file_size",
        "/clips/0.mp4,plain caption,90,720,1280,0.5625,30.0,921600,1000",
        '/clips/1.mp4,"with, comma",90,720,1280,0.5625,0.1,921600,1000',
    ]
    assert b"\r" not in data


def test_text_of_a_slice_is_the_text_of_its_rows_only():
    rows = training_rows(clips(["a", "b", "c"]), relative_to=None)
    parts = [csv_rows(rows.slice(start, 1)) for start in range(3)]
    assert b"".join(parts) == csv_rows(rows)
    assert csv_rows(rows.slice(0, 0)) == b""


@pytest.mark.parametrize("relative_to", ["/clips", "/clips/"])
def test_paths_can_be_relative_to_a_folder_above_all_clips(relative_to):
    rows = training_rows(clips(["a"], paths=["/clips/é/b.mp4"]), relative_to=relative_to)
    assert rows.column("path").to_pylist() == ["é/b.mp4"]


def test_a_clip_outside_that_folder_is_named():
    with pytest.raises(ValueError, match=r"clip 'own_clips/1' .*not below training.relative_to = '/clips'"):
        training_rows(clips(["a", "b"], paths=["/clips/a.mp4", "/clips2/b.mp4"]), relative_to="/clips")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("num_frames", [1, None]),
        ("height", [1, 0]),
        ("fps", [1.0, float("inf")]),
        ("fps", [1.0, float("nan")]),
        ("text", ["a", None]),
    ],
)
def test_a_row_that_nobody_can_train_on_is_named(column, values):
    table = clips(["a", "b"])
    table = table.set_column(table.column_names.index(column), column, pa.array(values, type=table.schema.field(column).type))
    with pytest.raises(ValueError, match=rf"clip 'own_clips/1' .*{column} is missing"):
        training_rows(table, relative_to=None)


_KEYS = st.sets(st.text(st.characters(exclude_categories=["Cs"])))


@given(st.lists(_KEYS, min_size=1, max_size=6), st.integers(1, 5))
def test_merging_sorted_tables_in_steps_gives_the_order_of_the_key(tables, step):
    taken: set[str] = set()
    sorted_tables = []
    for keys in tables:
        sorted_tables.append(sorted(keys - taken))
        taken |= keys
    order = merge_order([pd.Series(keys, dtype="str") for keys in sorted_tables])
    merged, at = [], [0] * len(tables)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        counts = np.bincount(part, minlength=len(tables))
        pieces = [
            pa.table({"k": pa.array(t[i : i + n], type=pa.string())}) for t, i, n in zip(sorted_tables, at, counts, strict=True)
        ]
        at = [i + n for i, n in zip(at, counts, strict=True)]
        merged += interleave(pieces, part).column("k").to_pylist()
    assert merged == sorted(taken)


def test_a_key_in_two_tables_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"1 clip keys occur more than once, first 'b'"):
        merge_order([pd.Series(["a", "b"]), pd.Series(["b", "c"])])


def test_an_unsorted_table_is_an_error():
    with pytest.raises(ValueError, match="not in the order"):
        merge_order([pd.Series(["b", "a"]), pd.Series(["c"])])


def test_counts_are_by_stage_and_reason_and_by_source():
    dropped = pd.DataFrame({"stage": ["y", "x", "x"], "reason": ["b", "a", "a"], "source": ["s", "s", "t"]})
    assert counts_by_reason(dropped) == {"x": {"a": 2}, "y": {"b": 1}}
    assert counts_by_source(pd.Series(["s"]), dropped["source"]) == {
        "s": {"listed": 3, "kept": 1, "dropped": 2},
        "t": {"listed": 1, "kept": 0, "dropped": 1},
    }
