"""Captions tables, read from real files."""

import codecs
import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.core.errors import SourceError
from video_assets.sources.own_clips.caption_tables import TableOptions, read_captions


def read(path, **options):
    return list(read_captions(path, options=TableOptions(**options), notes=[]))


def captions(path, **options):
    return [(row.line, row.path, row.text) for row in read(path, **options)]


def table(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **options):
    with pytest.raises(SourceError) as raised:
        read(path, **options)
    assert str(path) in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_read_and_rows_know_their_line(tmp_path, end):
    assert captions(table(tmp_path, end.join(["path,text", "a.mp4,one", "", "b.mp4,two", ""]))) == [
        (2, "a.mp4", "one"),
        (4, "b.mp4", "two"),
    ]


def test_newlines_commas_and_quotes_inside_quoted_captions_stay(tmp_path):
    path = table(tmp_path, 'path,text\r\na.mp4,"one,\r\n\r\n""two"" \n"\r\n"b\n.mp4",x\r\nc.mp4,y')
    assert captions(path) == [(2, "a.mp4", 'one,\r\n\r\n"two" \n'), (6, "b\n.mp4", "x"), (8, "c.mp4", "y")]


def test_a_carriage_return_inside_a_quoted_caption_is_no_line(tmp_path):
    path = table(tmp_path, 'path,text\na.mp4,"x\ry"\nb.mp4,z\n')
    assert captions(path) == [(2, "a.mp4", "x\ry"), (3, "b.mp4", "z")]


@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
def test_a_byte_order_mark_does_not_hide_the_first_column(tmp_path, bom):
    assert captions(table(tmp_path, bom + b'"path",text\na.mp4,\xc3\xa9\n')) == [(2, "a.mp4", "é")]


def test_utf16_as_spreadsheets_write_it_is_read(tmp_path):
    assert captions(table(tmp_path, "path\ttext\r\na.mp4\té\r\n".encode("utf-16"))) == [(2, "a.mp4", "é")]


def test_windows_1252_is_read_only_when_utf8_does_not_fit_and_the_user_is_told(tmp_path):
    path = table(tmp_path, "path,text\na.mp4,caf\u00e9 \u201cx\u201d\n".encode("cp1252"))
    notes = []
    rows = list(read_captions(path, options=TableOptions(), notes=notes))
    assert rows[0].text == "caf\u00e9 \u201cx\u201d"
    assert notes == ["t.csv is not UTF-8; it was read as Windows-1252 (name another encoding in own_clips.encoding)"]


def test_bytes_of_no_known_encoding_are_refused_with_their_line(tmp_path):
    path = table(tmp_path, b"path,text\na.mp4,x\nb.mp4,\x9d\n")
    assert "line 3: byte 0x9d is not utf-8, nor is it Windows-1252" in refusal(path)
    assert "line 3: byte 0x9d is not ascii" in refusal(path, encoding="ascii")


def test_the_encoding_can_be_named(tmp_path):
    path = table(tmp_path, "path,text\na.mp4,шар\n".encode("koi8-r"))
    assert captions(path, encoding="koi8-r") == [(2, "a.mp4", "шар")]
    assert "own_clips.encoding is 'klingon'" in refusal(path, encoding="klingon")
    assert "own_clips.encoding is 'rot13', which is no encoding of text" in refusal(path, encoding="rot13")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_gives_a_path_and_a_caption(tmp_path, delimiter):
    path = table(tmp_path, f'path{delimiter}text{delimiter}"a,b;c\td"\na.mp4{delimiter}x{delimiter}y\n')
    assert captions(path) == [(2, "a.mp4", "x")]


def test_words_numbers_and_blanks_are_captions_as_written(tmp_path):
    words = ["None", "null", "NA", "nan", "", "007", "1e3", " x ", "1.50"]
    path = table(tmp_path, "path,text\n" + "".join(f"{n}.mp4,{word}\n" for n, word in enumerate(words)))
    assert [text for _, _, text in captions(path)] == words


def test_other_columns_are_kept_as_extras_even_without_a_name_or_with_a_name_twice(tmp_path):
    row = read(table(tmp_path, "path,score,text,score,\na.mp4,1.50,x,2,\n"))[0]
    assert json.loads(row.extras) == {"score": "1.50", "score.4": "2", "column_5": ""}


def test_a_column_is_never_called_as_another_one(tmp_path):
    row = read(table(tmp_path, "path,text,text.4,text,column_6,,text.4\na.mp4,x,y,z,1,2,3\n"))[0]
    assert (row.path, row.text) == ("a.mp4", "x")
    names = {"text.4": "y", "text.4.4": "z", "column_6": "1", "column_6.6": "2", "text.4.7": "3"}
    assert json.loads(row.extras) == names


def test_a_ragged_row_is_refused_with_its_line_and_both_counts(tmp_path):
    path = table(tmp_path, 'path,text\na.mp4,"x\ny\n"\nb.mp4,one, two\n')
    assert "line 5: 3 fields where the header has 2; put quotes around captions that hold commas" in refusal(path)
    assert "line 2: 1 fields where the header has 2; fill the row up" in refusal(table(tmp_path, "path,text\na.mp4\n"))


def test_a_quote_that_is_never_closed_is_refused_with_the_line_that_opens_it(tmp_path):
    path = table(tmp_path, 'path,text\na.mp4,x\nb.mp4,"one\nc.mp4,two\n')
    assert "line 3: a quote is opened in the row that begins here and not closed until the end of the file" in refusal(path)
    path = table(tmp_path, 'path,text\na.mp4,x\nb.mp4,"one\n' + "two " * 40_000 + '"\n')
    assert "line 3: a field of more than 131,072 characters; is a quote opened in line 3 and never closed?" in refusal(path)


def test_text_after_a_closing_quote_is_refused_rather_than_guessed_at(tmp_path):
    assert "line 2: a quoted field goes on after its closing quote" in refusal(table(tmp_path, 'path,text\na.mp4,"x" y\n'))


def test_nul_bytes_are_refused_with_their_line(tmp_path):
    assert "line 2: a NUL byte" in refusal(table(tmp_path, b"path,text\na.mp4,\0\n"))


def test_tables_that_are_missing_folders_or_of_no_known_format_are_refused(tmp_path):
    assert "no such captions table" in refusal(tmp_path / "no.csv")
    (tmp_path / "d.csv").mkdir()
    assert "a folder, not a captions table" in refusal(tmp_path / "d.csv")
    assert "a captions table ends in .csv" in refusal(table(tmp_path, "", "t.xlsx"))


@pytest.mark.parametrize("content", ["path,text\n", "path,text\n\n\n"])
def test_a_table_without_rows_is_refused(tmp_path, content):
    assert "the table has no rows" in refusal(table(tmp_path, content))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_an_empty_file_is_refused(tmp_path, name):
    assert "the table is empty" in refusal(table(tmp_path, b"", name))


def test_a_missing_column_is_named(tmp_path):
    assert "no column with the caption" in refusal(table(tmp_path, "path,words\na,b\n"))
    assert captions(table(tmp_path, "path,words\na,b\n"), text_columns=("words",)) == [(2, "a", "b")]


def test_a_table_that_is_rewritten_while_it_is_read_is_refused(tmp_path):
    path = table(tmp_path, "path,text\n" + "a.mp4,x\n" * 9)
    rows = read_captions(path, options=TableOptions(), notes=[])
    next(rows)
    with path.open("a") as file:
        file.write("b.mp4,y\n")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(rows)


def test_json_lines_know_their_line_and_keep_other_values(tmp_path):
    content = '{"path": "a.mp4", "text": "x\\ny", "n": 1.5, "deep": {"b": [1]}}\n\n{"file": 1, "path": "b.mp4", "text": 42}\n'
    rows = read(table(tmp_path, content, "t.jsonl"))
    assert [(row.line, row.path, row.text) for row in rows] == [(1, "a.mp4", "x\ny"), (3, "b.mp4", "42")]
    assert json.loads(rows[0].extras) == {"n": 1.5, "deep": {"b": [1]}}


def test_json_rows_without_caption_or_path_are_rows_all_the_same(tmp_path):
    rows = read(table(tmp_path, '{"path": "a.mp4"}\n{"path": null, "text": "x"}\n{"path": 7, "text": null}\n', "t.jsonl"))
    assert [(row.path, row.text) for row in rows] == [("a.mp4", ""), ("", "x"), ("7", "")]


def test_captions_that_json_allows_but_no_table_can_hold_are_a_problem_of_their_row(tmp_path):
    rows = read(
        table(tmp_path, '{"path":"a","text":[["x"]]}\n{"path":"b","text":"\\ud83d"}\n{"path":"c","text":"x"}\n', "t.jsonl")
    )
    assert [bool(row.problem) for row in rows] == [True, True, False]


def test_a_number_beyond_all_bounds_is_no_caption(tmp_path):
    rows = read(
        table(tmp_path, '{"path":"a","text":1e999,"n":-1e999}\n{"path":"b","text":NaN}\n{"path":"c","text":1e9}\n', "t.jsonl")
    )
    assert [(row.text, bool(row.problem)) for row in rows] == [("", True), ("", False), ("1000000000.0", False)]
    assert "number beyond all bounds" in rows[0].problem
    assert rows[0].extras == '{"n": null}'
    pq.write_table(pa.table({"path": ["a"], "text": [float("inf")]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")[0].problem == rows[0].problem


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2"])
def test_parquet_is_not_read_through_another_compression(tmp_path, ending):
    assert "Parquet is compressed inside" in refusal(table(tmp_path, b"x", f"t.parquet{ending}"))
    assert "unpack it to t.pq" in refusal(table(tmp_path, b"x", f"t.pq{ending}"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"path": "a", "text": "x"}\n{"path": "b", \n', "line 2: not JSON"),
        ('{"path": "a", "text": "x"}\n[1]\n', "line 2: list, not an object"),
        ("[" * 100_000, "JSON"),
        ('[{"path": "a", "text": "x"}, 3]', "item 2: int, not an object"),
        ('[{"path": "a",\n "text": }]', "line 2: not JSON"),
    ],
)
def test_json_that_is_none_is_refused_with_its_place(tmp_path, content, words):
    assert words in refusal(table(tmp_path, content, "t.json"))


REPEATED = (
    '{"path": "a.mp4", "text": "x", "fps": 1, "text": "y", "path": "b.mp4", "fps": 2, "fps.3": 3, "deep": {"n": 1, "n": 2}}'
)


@pytest.mark.parametrize("content", [REPEATED, f"[{REPEATED}]", REPEATED.replace(", ", ",\n ")])
def test_of_json_fields_with_one_name_the_first_counts_and_the_others_are_kept_as_in_csv(tmp_path, content):
    (row,) = read(table(tmp_path, content, "t.json"))
    assert (row.path, row.text) == ("a.mp4", "x")
    others = {"text.4": "y", "path.5": "b.mp4", "fps": 1, "fps.6": 2, "fps.3": 3, "deep": {"n": 1, "n.2": 2}}
    assert json.loads(row.extras) == others
    (of_csv,) = read(table(tmp_path, "path,text,fps,text,path,fps\na.mp4,x,1,y,b.mp4,2\n"))
    assert of_csv.extras == '{"fps": "1", "fps.6": "2", "path.5": "b.mp4", "text.4": "y"}'


def test_a_clip_that_an_object_names_twice_is_two_rows(tmp_path):
    content = '{"a.mp4": "x", "b.mp4": {"text": "q", "fps": 1, "text": "r"}, "a.mp4": "y"}'
    rows = read(table(tmp_path, content, "t.json"))
    assert [(row.line, row.path, row.text) for row in rows] == [(1, "a.mp4", "x"), (2, "b.mp4", "q"), (3, "a.mp4", "y")]
    assert json.loads(rows[1].extras) == {"fps": 1, "text.3": "r"}


def test_a_json_array_is_read(tmp_path):
    content = json.dumps([{"video": "a.mp4", "caption": "x"}, {"video": "b.mp4", "caption": float("nan")}], indent=1)
    assert captions(table(tmp_path, content, "t.json")) == [(1, "a.mp4", "x"), (2, "b.mp4", "")]


def test_parquet_is_read_with_nulls_and_other_columns(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {"caption": ["x", None], "video": ["a.mp4", "b.mp4"], "fps": [24.0, float("nan")], "bytes": [b"1", b"2"]}
    pq.write_table(pa.table(columns), path)
    rows = read(path)
    assert [(row.line, row.path, row.text) for row in rows] == [(1, "a.mp4", "x"), (2, "b.mp4", "")]
    assert [json.loads(row.extras) for row in rows] == [{"fps": 24.0}, {"fps": None}]


def parquet(path, names, *columns):
    pq.write_table(
        pa.Table.from_arrays([pa.array(column) if isinstance(column, list) else column for column in columns], names), path
    )
    return path


def test_parquet_columns_of_one_name_are_all_kept_and_the_first_counts(tmp_path):
    names = ["text", "e", "e", "path", "e.x", "e", "text"]
    path = parquet(tmp_path / "t.parquet", names, ["x"], ["1"], [b"2"], ["a.mp4"], ["3"], ["4"], ["y"])
    (row,) = read(path)
    assert (row.path, row.text) == ("a.mp4", "x")
    assert json.loads(row.extras) == {"e": "1", "e.x": "3", "e.6": "4", "text.7": "y"}


def test_parquet_fields_of_one_name_are_all_kept(tmp_path):
    deep = pa.StructArray.from_arrays([pa.array([1, 2]), pa.array([3, None])], names=["n", "n"])
    rows = read(parquet(tmp_path / "t.parquet", ["path", "text", "deep"], ["a.mp4", "b.mp4"], ["x", "y"], deep))
    assert [json.loads(row.extras)["deep"] for row in rows] == [{"n": 1, "n.2": 3}, {"n": 2, "n.2": None}]


def test_parquet_values_that_python_cannot_hold_are_told_as_text(tmp_path):
    others = {
        "day": pa.array([1, 10**7], pa.date32()),
        "moment": pa.array([0, 10**15], pa.timestamp("ms", "UTC")),
        "zone": pa.array([0, 1], pa.timestamp("ms", "Mars/Olympus")),
        "several": pa.array([[1], [10**7]], pa.list_(pa.date32())),
        "deep": pa.array([{"n": 1, "day": 1}, {"n": 2, "day": 10**7}], pa.struct([("n", pa.int64()), ("day", pa.date32())])),
        "same": pa.array([0, 1], pa.timestamp("ms")),
    }
    path = parquet(tmp_path / "t.parquet", ["path", "text", *others], ["a.mp4", "b.mp4"], ["x", "y"], *others.values())
    rows = read(path)
    assert [(row.path, row.text, row.problem) for row in rows] == [("a.mp4", "x", ""), ("b.mp4", "y", "")]
    first, second = (json.loads(row.extras) for row in rows)
    assert (first["day"], first["several"], first["moment"]) == ("1970-01-02", ["1970-01-02"], "1970-01-01 00:00:00+00:00")
    assert (second["day"], second["several"]) == ("29349-01-26", ["29349-01-26"])
    assert second["moment"] == "33658-09-27T01:46:40.000Z"
    assert [row["zone"] for row in (first, second)] == ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"]
    assert [row["deep"] for row in (first, second)] == [{"n": 1, "day": "1970-01-02"}, {"n": 2, "day": "29349-01-26"}]
    assert second["same"] == "1970-01-01 00:00:00.001000"


@pytest.mark.parametrize(
    "options",
    [{"text_columns": ("PATH",)}, {"text_columns": ("path", "short")}, {"path_column": "short", "text_columns": ("short",)}],
)
def test_a_column_is_not_both_path_and_caption(tmp_path, options):
    rows = {"path": ["a.mp4"], "short": ["x"]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    for path in (
        tmp_path / "t.parquet",
        table(tmp_path, "path,short\na.mp4,x\n"),
        table(tmp_path, "path;short\na.mp4;x\n", "semicolons.csv"),
        table(tmp_path, '{"path": "a.mp4", "short": "x"}', "t.json"),
    ):
        column = options.get("path_column", "path")
        assert f"column '{column}' would be both path and caption of a clip" in refusal(path, **options)


def test_parquet_text_that_is_not_utf8_is_a_fault_of_its_row(tmp_path):
    def text(*values):
        return pa.array(values, pa.binary()).view(pa.string())

    captions_of = pa.ListArray.from_arrays([0, 1, 2, 3], text(b"x", b"caf\xe9", b"z"))
    for captioned in (text(b"x", b"caf\xe9", b"z"), captions_of, text(b"x", b"caf\xe9", b"z").dictionary_encode()):
        path = parquet(
            tmp_path / "t.parquet", ["path", "text", "e"], text(b"a", b"b", b"\xe9"), captioned, text(b"1", b"\xe9", b"3")
        )
        rows = read(path)
        assert [(row.path, row.text) for row in rows] == [("a", "x"), ("b", ""), ("\udce9", "z")]
        assert [bool(row.problem) for row in rows] == [False, True, False]
        assert json.loads(rows[1].extras) == {"e": "\udce9"}


def test_a_parquet_value_that_cannot_be_told_is_named(tmp_path):
    days = pa.array([[("x", 1)], [("x", 10**7)]], pa.map_(pa.string(), pa.date32()))
    path = parquet(tmp_path / "t.parquet", ["path", "text", "days"], ["a.mp4", "b.mp4"], ["x", "y"], days)
    assert "column 'days', row 2: a value that cannot be told (date value out of range)" in refusal(path)


def test_parquet_that_is_none_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"path": ["a.mp4"] * 1000, "text": [f"{n}" * 50 for n in range(1000)]}), path)
    whole = path.read_bytes()
    for damaged in (b"path,text\n", whole[: len(whole) // 2], b""):
        path.write_bytes(damaged)
        assert "Parquet" in refusal(path)
    pq.write_table(pa.table({"path": [{"bytes": b"", "path": "a"}], "text": ["x"]}), path)
    assert "column 'path' is of type struct" in refusal(path)


# --- as tables lie around -----------------------------------------------------------------------------------------------------


def test_a_quote_that_swallows_the_rows_after_it_is_refused_with_the_line(tmp_path):
    path = table(tmp_path, 'path\ttext\n1.mp4\t"Stop the man\n2.mp4\ta cat\n3.mp4\tsays the sign"\n', "t.tsv")
    assert "line 2: the row that begins here goes on in line 3, which looks like a row itself (2.mp4)" in refusal(path)
    path = table(tmp_path, 'id,text,n\n1,"a,1\n2,b,2\n3,c",3\n')
    assert "line 3" in refusal(path, is_clip=lambda cell: cell == "2")
    assert len(read(path, is_clip=lambda cell: cell == "9")) == 1, "a caption of several lines"


def test_a_long_field_that_is_no_caption_is_carried_along(tmp_path):
    row = read(table(tmp_path, f"path,text,boxes\na.mp4,x,{'y' * 140_000}\n"))[0]
    assert len(json.loads(row.extras)["boxes"]) == 140_000


def test_a_carriage_return_in_a_caption_without_quotes_is_a_character_of_it(tmp_path):
    assert captions(table(tmp_path, "path,text\n1.mp4,a\rb\n2.mp4,c\r\n")) == [(2, "1.mp4", "a\rb"), (3, "2.mp4", "c")]


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_the_line_of_spreadsheets_that_names_the_delimiter_is_no_header(tmp_path, delimiter):
    path = table(tmp_path, f"sep={delimiter}\r\npath{delimiter}text\r\na.mp4{delimiter}x\r\n")
    assert captions(path) == [(3, "a.mp4", "x")]


@pytest.mark.parametrize(("codec", "ending"), [("gzip", ".gz"), ("bz2", ".bz2"), ("zstd", ".zst")])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_compressed_tables_are_read_and_damaged_ones_refused(tmp_path, name, codec, ending):
    content = b"path,text\n" + b"a.mp4,x\n" * 30_000 if name == "t.csv" else b'{"path": "a.mp4", "text": "x"}\n' * 30_000
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, codec) as stream:
        stream.write(content)
    packed = out.getvalue().to_pybytes()
    assert len(read(table(tmp_path, packed, name + ending))) == 30_000
    assert f"not readable as {codec}" in refusal(table(tmp_path, packed[: len(packed) // 2], name + ending))
    assert f"not readable as {codec}" in refusal(table(tmp_path, content, name + ending))


def test_several_captions_of_a_row_are_all_kept(tmp_path):
    content = '{"path": "a.mp4", "cap": ["one", "", "two"]}\n{"path": "b.mp4", "cap": ["only"]}\n{"path": "c.mp4", "cap": "x"}\n'
    rows = read(table(tmp_path, content, "t.jsonl"))
    assert [(row.text, row.captions) for row in rows] == [("one", ("one", "two")), ("only", ()), ("x", ())]
    assert json.loads(rows[0].extras) == {"captions": ["one", "two"]}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"path": ["a.mp4"], "caption": [["one", "two"]]}), path)
    assert read(path)[0].captions == ("one", "two")
    row = read(table(tmp_path, "path,long,short\na.mp4,a dog runs,a dog\n"), text_columns=("short", "long"))[0]
    assert row.captions == ("a dog", "a dog runs")


@pytest.mark.parametrize(
    "content",
    [
        '{"path": "a.mp4", "text": ["x", "y"], "captions": "mine", "captions.2": "too"}',
        '{"a.mp4": {"text": ["x", "y"], "captions": "mine", "captions.2": "too"}}',
    ],
)
def test_a_column_that_is_called_as_all_captions_is_kept_beside_them(tmp_path, content):
    (row,) = read(table(tmp_path, content, "t.json"))
    assert json.loads(row.extras) == {"captions": ["x", "y"], "captions.2": "too", "captions.2.2": "mine"}
    (row,) = read(table(tmp_path, "path,a,b,captions\na.mp4,x,y,mine\n"), text_columns=("a", "b"))
    assert json.loads(row.extras) == {"captions": ["x", "y"], "captions.2": "mine"}


def test_a_path_is_made_of_columns(tmp_path):
    path = table(tmp_path, "videoid,page_dir,name\nv1,p1,hello\n,p1,x\n")
    rows = read(path, path_template="{page_dir}/{VideoID}.mp4", text_columns=("name",))
    assert [(row.path, row.path_problem) for row in rows] == [("p1/v1.mp4", ""), ("", "videoid: empty")]
    assert "no column with the value of the template: looked for 'folder'" in refusal(
        path, path_template="{folder}/x", text_columns=("name",)
    )


def test_a_number_is_an_id_and_a_list_is_no_path(tmp_path):
    rows = read(table(tmp_path, '{"id": 7, "text": "x"}\n{"id": [1], "text": "x"}\n{"id": 1.5, "text": "x"}\n', "t.jsonl"))
    problems = ["", "the path is a list, not text", "the path is a number with a fraction, not text"]
    assert [row.path_problem for row in rows] == problems
    assert rows[0].path == "7"


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_may_be_pretty_printed(tmp_path, name):
    rows = [{"path": "a.mp4", "text": "x"}, {"path": "b.mp4", "text": "y"}]
    for text in (json.dumps(rows, indent=2), "\n".join(json.dumps(row, indent=2) for row in rows)):
        assert [(row.path, row.text) for row in read(table(tmp_path, text, name))] == [("a.mp4", "x"), ("b.mp4", "y")]
    assert "line 2: not JSON (Invalid control character at column 12)" in refusal(table(tmp_path, '{\n "path": "a\n"}', name))


def test_an_object_by_name_is_a_table(tmp_path):
    content = {"a": "x", "b.mp4": ["y", "z"], "c": {"Caption": "w", "n": 1}}
    rows = read(table(tmp_path, json.dumps(content), "captions.json"))
    assert [(row.path, row.text, row.captions) for row in rows] == [("a", "x", ()), ("b.mp4", "y", ("y", "z")), ("c", "w", ())]
    assert json.loads(rows[2].extras) == {"n": 1}


def test_two_lists_of_equal_length_are_a_table(tmp_path):
    videos = table(tmp_path, "a.mp4\n\nb.mp4\n", "videos.txt")
    table(tmp_path, "one\n\ntwo", "prompts.txt")
    assert captions(videos) == [(1, "a.mp4", "one"), (3, "b.mp4", "two")]
    table(tmp_path, "one\n", "prompts.txt")
    assert "line 3: prompts.txt has no such line" in refusal(videos)
    (tmp_path / "prompts.txt").unlink()
    assert "a text file is a captions table only when" in refusal(videos)


@pytest.mark.parametrize("encoding", ["gbk", "cp1251", "shift_jis"])
def test_text_that_does_not_look_western_is_refused_rather_than_read_as_windows_1252(tmp_path, encoding):
    caption = {"gbk": "一只狗在雪地里奔跑", "cp1251": "Собака бежит", "shift_jis": "犬が走っている"}[encoding]
    path = table(tmp_path, f"path,text\na.mp4,{caption}\n".encode(encoding))
    assert "own_clips.encoding" in refusal(path)
    assert captions(path, encoding=encoding) == [(2, "a.mp4", caption)]


def test_utf16_without_a_mark_is_read_and_said(tmp_path):
    notes = []
    path = table(tmp_path, "path,text\na.mp4,é\n".encode("utf-16-le"))
    assert [row.text for row in read_captions(path, options=TableOptions(), notes=notes)] == ["é"]
    assert notes == ["t.csv is UTF-16 without a byte order mark; save it as UTF-8"]


CELL = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)


@given(
    st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"])
)
def test_every_caption_that_a_csv_writer_writes_comes_back_unchanged(tmp_path_factory, cells, delimiter, end):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([("path", "text"), *cells])
    assert [(row.path, row.text) for row in read(path)] == cells
