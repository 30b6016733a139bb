"""Tables read as columns say what they say when they are read row by row, and break off in the same place with the same words."""

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from video_assets.core.errors import SourceError
from video_assets.sources.own_clips import csv_columns
from video_assets.sources.own_clips.caption_tables import read_caption_blocks, read_captions
from video_assets.sources.own_clips.table_rows import CaptionBlock, TableOptions

PIECES = st.sampled_from(["a", "é", "日本", '"', '""', ",", "\n", "\r\n", "\r", " ", "\t", "\\", "\ufeff", "\x07", "b.mp4", ";"])
HEADER = "path,text,note\n"


def flat(blocks):
    """All rows of blocks, and how many of them came as columns."""
    rows, n_as_columns = [], 0
    for block in blocks:
        if isinstance(block, CaptionBlock):
            n_as_columns += len(block.lines)
            rows += block.rows(np.arange(len(block.lines)))
        else:
            rows += block
    return rows, n_as_columns


def both_ways(path, **options):
    """What both readers give: rows, or what they complain about."""
    told = []
    for read in (read_captions, lambda *given, **named: flat(read_caption_blocks(*given, **named))[0]):
        notes = []
        try:
            told.append((list(read(path, options=TableOptions(**options), notes=notes)), notes))
        except SourceError as error:
            told.append(str(error))
    return told


def as_columns(path):
    """How many rows come as columns."""
    return flat(read_caption_blocks(path, options=TableOptions(), notes=[]))[1]


@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=12), st.sampled_from(["", "\ufeff", "sep=,\n"]))
@example(['a.mp4,"x ""y"" z",1\n', 'b.mp4,"two\nlines",2\n', "\n", "c.mp4,,\n"], "\ufeff")
@example(["a.mp4,x,1\n", 'b.mp4,"y"z,1\n'], "")
@example(["a.mp4,x,1\r\n", 'b.mp4,5" tall,1\r\n'], "")
def test_any_bytes_say_the_same_both_ways(tmp_path_factory, rows, start):
    path = tmp_path_factory.mktemp("tables") / "captions.csv"
    path.write_bytes((start + HEADER + "".join(rows)).encode())
    by_row, by_column = both_ways(path)
    assert by_column == by_row


@given(st.lists(st.tuples(*[st.lists(PIECES, max_size=4).map("".join)] * 3), min_size=1, max_size=20), st.booleans())
def test_what_programs_write_says_the_same_both_ways(tmp_path_factory, rows, is_windows):
    path = tmp_path_factory.mktemp("tables") / "captions.csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n" if is_windows else "\n")
    writer.writerows([["path", "text", "note"], *rows])
    path.write_bytes(text.getvalue().encode())
    by_row, by_column = both_ways(path)
    assert by_column == by_row


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_of_programs_come_as_columns_and_the_first_odd_one_ends_that(tmp_path, monkeypatch, end):
    monkeypatch.setattr(csv_columns, "_BLOCK_BYTES", 1_000)
    path = tmp_path / "captions.csv"
    rows = [f'{number}.mp4,"clip ""{number}"", long",{number}' for number in range(500)]
    path.write_text(end.join(["path,text,note", *rows]), newline="")
    assert as_columns(path) == 500
    path.write_text(end.join(["path,text,note", *rows[:400], '400.mp4,5" tall,1', *rows[400:]]), newline="")
    assert 300 < as_columns(path) <= 400
    by_row, by_column = both_ways(path)
    assert by_column == by_row
    assert by_row[0][-1].line == 502


def test_a_row_of_another_width_is_named_with_its_line_after_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_columns, "_BLOCK_BYTES", 100)
    path = tmp_path / "captions.csv"
    path.write_text(HEADER + "a.mp4,x,1\n" * 300 + "b.mp4,x,y,1\n")
    by_row, by_column = both_ways(path)
    assert by_column == by_row
    assert "line 302: 4 fields" in by_row


def test_a_quote_that_swallows_rows_is_found_in_columns_too(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text(HEADER + 'a.mp4,"a dog,1\nb.mp4,a cat,2\nc.mp4",x\n')
    by_row, by_column = both_ways(path)
    assert by_column == by_row
    assert "looks like a row itself" in by_row


def test_a_caption_that_is_none_is_refused_in_columns_too(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text(HEADER + "a.mp4,x,1\n" + f"b.mp4,{'long ' * 30_000},2\n")
    by_row, by_column = both_ways(path)
    assert by_column == by_row
    assert "line 3: a field of more than" in by_row


def test_named_columns_and_headers_in_quotes(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text('"file","prompt","text"\n"a.mp4","a dog","no"\n')
    by_row, by_column = both_ways(path, path_column="file", text_columns=("prompt",))
    assert by_column == by_row
    assert by_row[0][0].extras == '{"text": "no"}'
