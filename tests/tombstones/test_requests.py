"""Every line of a request is a name, a comment or refused with the reason; none is passed over."""

import json
import time
import unicodedata

import pytest

from video_assets.core.errors import SourceError
from video_assets.tombstones.requests import COLUMNS, Entry, entries_of, read_request

VIDEO = "---_iRTHryQ"


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        ("openvid/part000/a.mp4", "clip_key", "openvid/part000/a.mp4"),
        ("own_clips/a b/ü.mp4", "clip_key", "own_clips/a b/ü.mp4"),
        ("/nfs/clips/a.mp4", "path", "/nfs/clips/a.mp4"),
        ("folder/a.mp4", "member", "folder/a.mp4"),
        ("a.mp4", "file_name", "a.mp4"),
        (VIDEO, "source_id", VIDEO),
        (f"https://youtu.be/{VIDEO}?si=1", "url", f"youtube.com/watch?v={VIDEO}"),
        ("xxh3:" + "0" * 32, "content_hash", "0" * 32),
        ("shared:dog.mp4", "file_name", "shared:dog.mp4"),
    ],
)
def test_a_line_is_a_key_a_path_a_name_an_address_an_id_or_a_hash(line, kind, value):
    assert Entry(kind, value, line) in entries_of(line)


def test_a_list_may_have_comments_and_repeats_and_says_what_it_cannot_use():
    request = read_request("\ufeff# from the lawyer\na.mp4\n\n a.mp4 \nid\n")
    assert [entry.value for entry in request.entries] == ["a.mp4"]
    assert "shorter than 5" in request.refused["id"]
    assert request.comments == ("# from the lawyer",)


def test_a_csv_is_read_by_its_column():
    request = read_request('note,url\n"asked, twice",https://example.org/a\nno,\n')
    assert [entry.value for entry in request.entries] == ["example.org/a"]


@pytest.mark.parametrize(
    "line",
    [
        f"youtu.be/{VIDEO}",
        f"www.youtube.com/watch?v={VIDEO}",
        f"m.youtube.com/watch?t=1&v={VIDEO}",
        f"youtube.com/shorts/{VIDEO}",
        f"//youtu.be/{VIDEO}",
    ],
)
def test_an_address_needs_no_scheme(line):
    assert entries_of(line) == (Entry("url", f"youtube.com/watch?v={VIDEO}", line),)


def test_a_backslash_may_be_part_of_a_name():
    assert Entry("file_name", "caf\\xe9.mp4", "caf\\xe9.mp4") in entries_of("caf\\xe9.mp4")
    key = "own_clips/caf\\xe9.mp4#captions.csv:4"
    assert Entry("clip_key", key, key) in entries_of(key)
    assert Entry("path", "/nfs/caf\\xe9.mp4", "/nfs/caf\\xe9.mp4") in entries_of("/nfs/caf\\xe9.mp4")


def test_what_could_be_a_folder_or_a_host_counts_as_both():
    assert {entry.kind for entry in entries_of("cdn.example.org/a.mp4")} == {"member", "url"}
    assert {entry.kind for entry in entries_of("folder/a.mp4")} == {"member"}


def test_a_name_counts_in_every_spelling_of_other_systems():
    composed, apart = (unicodedata.normalize(form, "café.mp4") for form in ("NFC", "NFD"))
    assert {entry.value for entry in entries_of(apart)} == {composed, apart}
    assert Entry("file_name", "my dog.mp4", "my%20dog.mp4") in entries_of("my%20dog.mp4")
    assert Entry("member", "clips/a.mp4", "clips\\a.mp4") in entries_of("clips\\a.mp4")
    assert Entry("path", "/nfs/my dog.mp4", "file:///nfs/my%20dog.mp4") in entries_of("file:///nfs/my%20dog.mp4")


@pytest.mark.parametrize("line", ["1,https://youtu.be/---_iRTHryQ,mine", "C:\\clips\\a.mp4", "please remove all of mine", "#ab"])
def test_what_names_nothing_is_refused_with_its_reason(line):
    request = read_request(line)
    assert (request.entries, list(request.refused)) == ((), [line])
    assert request.refused[line]


def test_a_hash_before_a_word_is_a_name_and_before_a_blank_a_comment():
    request = read_request("#shorts dog.mp4\n# ticket 4711\n#\n")
    assert [entry.value for entry in request.entries] == ["#shorts dog.mp4"]
    assert request.comments == ("# ticket 4711", "#")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("column", [*COLUMNS, "Video URL", "FILE-NAME", " Link "])
def test_the_header_of_a_table_says_which_column_names_clips(column, delimiter):
    request = read_request(f"No{delimiter}{column}{delimiter}Reason\n1{delimiter}abcdef.mp4{delimiter}mine\n")
    assert [entry.value for entry in request.entries] == ["abcdef.mp4"]
    assert request.refused == {}


def test_of_a_row_the_first_column_with_a_value_counts_and_a_row_without_one_is_refused():
    request = read_request("id,url,clip_key\n1,https://example.org/a,\n2,,own_clips/b.mp4\n,,\n")
    assert [entry.value for entry in request.entries] == ["example.org/a", "own_clips/b.mp4"]
    assert list(request.refused) == ["row 3: ,,"]


@pytest.mark.parametrize(
    ("row", "fields"),
    [("d.mp4,a.mov,mine", "3 fields"), ("d.mp4", "1 field"), ("d.mp4,mine,", "3 fields"), ('"d,e.mp4",a,b', "3 fields")],
)
def test_a_row_with_more_or_fewer_fields_than_the_header_is_refused(row, fields):
    request = read_request(f"path,why\na.mp4,mine\n{row}\nb.mp4,\n")
    assert [entry.value for entry in request.entries] == ["a.mp4", "b.mp4"]
    (line,) = request.refused
    assert line.startswith("row 2: d")
    assert f"the row has {fields}, the header 2" in request.refused[line]


def test_a_table_of_one_column_has_no_second_name_in_a_row():
    request = read_request("path\nd.mp4,a.mov\nb.mp4\n")
    assert [entry.value for entry in request.entries] == ["b.mp4"]
    assert list(request.refused) == ["row 1: d.mp4,a.mov"]


@pytest.mark.parametrize(
    "line", ["xxh3:zz", "xxh3:d0ebc1", "xxh3:", "XXH3:" + "0" * 31, "sha256:" + "0" * 64, "xxh3-128:" + "0" * 32]
)
def test_what_is_called_a_hash_and_is_none_is_refused(line):
    request = read_request(f"{line}\npath.mp4")
    assert [entry.value for entry in request.entries] == ["path.mp4"]
    assert "xxh3: and 32 hex digits" in request.refused[line]


def test_a_hash_in_upper_case_is_that_hash():
    assert entries_of("XXH3:" + "AB" * 16) == (Entry("content_hash", "ab" * 16, "XXH3:" + "AB" * 16),)


@pytest.mark.parametrize("is_table", [True, False])
def test_a_table_of_unknown_columns_is_refused_with_their_names(is_table):
    text = "Nr,Titel,Grund\n1,a.mp4,mine\n2,b.mp4,mine\n"
    with pytest.raises(SourceError, match="'Nr', 'Titel', 'Grund'"):
        read_request(text, name="request.csv", is_table=is_table)


def test_a_table_of_one_column_without_a_header_is_a_list():
    assert read_request("https://youtu.be/---_iRTHryQ\na.mp4\n", is_table=True).lines == ("https://youtu.be/---_iRTHryQ", "a.mp4")


def test_lines_that_name_the_same_are_each_answered():
    request = read_request(f"https://youtu.be/{VIDEO}\nyoutube.com/watch?v={VIDEO}\n")
    assert request.lines == (f"https://youtu.be/{VIDEO}",)
    assert request.repeated == {f"youtube.com/watch?v={VIDEO}": f"https://youtu.be/{VIDEO}"}


def test_the_report_of_an_earlier_take_down_is_a_request():
    assert read_request(json.dumps({"id": "x", "lines": {"a.mp4": 1, VIDEO: 0}})).lines == ("a.mp4", VIDEO)
    with pytest.raises(SourceError, match="not the JSON report of a take-down"):
        read_request('{"a": 1}')


def test_fifty_thousand_lines_are_read_and_answered_in_seconds():
    names = [f"own_clips/{number}.mp4" for number in range(50_000)]
    begin = time.process_time()
    request = read_request("\n".join(names))
    assert list(request.lines) == names
    assert [request.keys_of(name) for name in names] == [f"clip_key {name}" for name in names]
    assert time.process_time() - begin < 20
