"""Listing and captions of an OpenVid-shaped data set on a real server: pinned, verified, nothing twice."""

import csv
import io
import json

import pytest
from hub_server import FakeHub

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import ChecksumError, NotOnHubError, UnreachableError
from video_assets.settings.sources import OpenVid
from video_assets.sources.openvid.captions import find_captions, read_scores, refresh_captions
from video_assets.sources.openvid.listing import head_commit, read_listing, refresh_listing
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError


def changed(before, after):
    """Archives of `after` that `before` has not, or has with other bytes."""
    known = {archive: before.data_version(archive) for archive in before.archives}
    return [archive for archive in after.archives if known.get(archive) != after.data_version(archive)]


HEADER = [
    "video",
    "caption",
    "aesthetic score",
    "motion score",
    "temporal consistency score",
    "camera motion",
    "frame",
    "fps",
    "seconds",
]
ROWS = [
    ["---_iRTHryQ_13_0to241.mp4", 'A man says "hi",\nthen leaves', "5.1", "2.25", "0.99", "static", "241", "29.97", "8.04"],
    ["celebv_-_Bdf9C0SAU_0.mp4", "NA", "4", "", "0.9", "pan left", "100.0", "25", "4"],
    ["0001_1.mp4", "", "4", "1", "0.9", "", "1", "25", "4"],
]


def table(rows=ROWS, header=HEADER):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def openvid_files(captions=None):
    files = {"README.md": b"# OpenVid", "OpenVid_part0.zip": b"0", "OpenVid_part2_partaa": b"2a", "OpenVid_part2_partab": b"2b"}
    files |= {"OpenVid_part3_partab": b"3b", "OpenVidHD/OpenVidHD_part_1.zip": b"hd", "data/train/OpenVidHD.csv": table(ROWS[:1])}
    return {**files, "data/train/OpenVid-1M.csv": table() if captions is None else captions}


@pytest.fixture(autouse=True)
def hub(monkeypatch):
    with FakeHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.commit("nkp37/OpenVid-1M", openvid_files())
        yield hub


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def captions_of(hub, layout, content, path="data/train/OpenVid-1M.csv", **options):
    hub.commit("nkp37/OpenVid-1M", {path: content})
    settings = OpenVid(**options)
    return refresh_captions(layout, settings, refresh_listing(layout, settings))


# --- listing --------------------------------------------------------------------------------------------------------------------


def test_the_listing_is_written_per_commit_and_made_the_current_one(layout):
    listing = refresh_listing(layout, OpenVid())
    assert list(listing.archives) == ["openvid_part000", "openvid_part002"]
    assert list(listing.unusable) == ["openvid_part003"]
    assert [file.size for file in listing.pieces("openvid_part002")] == [2, 2]
    assert read_listing(layout, OpenVid()) == listing == read_listing(layout, OpenVid(), head_commit(OpenVid()))
    written = json.loads((layout.root / "listings" / "openvid" / f"{listing.revision}.json").read_text())
    assert {file["path"] for file in written["files"]} == set(openvid_files())


def test_hd_is_a_source_of_its_own(layout):
    settings = OpenVid(family="hd")
    assert list(refresh_listing(layout, settings).archives) == ["openvidhd_part001"]
    assert read_listing(layout, settings).captions == ("data/train/OpenVidHD.csv",)
    with pytest.raises(StageError, match="materialize openvid_listing"):
        read_listing(layout, OpenVid())


def test_one_commit_is_listed_once_and_a_new_one_shows_what_changed(hub, layout):
    before = refresh_listing(layout, OpenVid())
    hub.reset_counts()
    assert refresh_listing(layout, OpenVid()) == before
    assert (hub.n_requests("info"), hub.n_requests("tree")) == (1, 0)
    hub.commit("nkp37/OpenVid-1M", {"OpenVid_part2_partab": b"2b, better", "OpenVid_part4.zip": b"4", "README.md": b"new words"})
    assert changed(before, refresh_listing(layout, OpenVid())) == ["openvid_part002", "openvid_part004"]


def test_a_pinned_commit_stays(hub, layout):
    old = head_commit(OpenVid())
    hub.commit("nkp37/OpenVid-1M", {"OpenVid_part9.zip": b"9"})
    listing = refresh_listing(layout, OpenVid(revision=old))
    assert (listing.revision, len(listing.archives)) == (old, 2)


def test_a_torn_listing_is_made_again(layout):
    listing = refresh_listing(layout, OpenVid())
    path = layout.listing("openvid", listing.revision)
    path.write_text(path.read_text()[:100])
    assert refresh_listing(layout, OpenVid()) == listing == read_listing(layout, OpenVid())


def test_any_data_set_of_this_shape_will_do(hub, layout):
    hub.commit("lab/clips", {"v1/set-7.zip": b"7", "captions.tsv": b"file_name\tprompt\na.mp4\tA cat\n"})
    settings = OpenVid(repo="lab/clips", archive_pattern="v1/set-{number}", captions="captions.tsv")
    listing = refresh_listing(layout, settings)
    assert list(listing.archives) == ["set007"]
    refresh_captions(layout, settings, listing)
    assert find_captions(layout.captions("openvid"), ["a.mp4"])["text"].tolist() == ["A cat"]


def test_a_data_set_without_archives_says_what_it_has(hub, layout):
    hub.commit("lab/other", {"clips.zip": b"", "a.csv": b""})
    with pytest.raises(NotOnHubError, match=r"its 2 files match no OpenVid_part\{number\}\.zip.*archive_pattern .*clips\.zip"):
        refresh_listing(layout, OpenVid(repo="lab/other"))


def test_when_the_hub_is_down_the_listing_stays(layout, monkeypatch):
    before = refresh_listing(layout, OpenVid())
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError):
        head_commit(OpenVid())
    assert read_listing(layout, OpenVid()) == before


def test_a_folder_on_this_disk_is_listed_like_the_hub(layout, tmp_path):
    folder = tmp_path / "downloads"
    for name, content in openvid_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    settings = OpenVid(mode="local", folder=folder)
    listing = refresh_listing(layout, settings)
    assert list(listing.archives) == ["openvid_part000", "openvid_part002"]
    assert head_commit(settings) == listing.revision == read_listing(layout, settings).revision
    refresh_captions(layout, settings, listing)
    assert (folder / "data/train/OpenVid-1M.csv").exists()
    (folder / "OpenVid_part0.zip").write_bytes(b"changed")
    assert changed(listing, refresh_listing(layout, settings)) == ["openvid_part000"]


# --- captions -------------------------------------------------------------------------------------------------------------------


def test_captions_come_unchanged_with_their_scores(layout):
    settings = OpenVid()
    report = refresh_captions(layout, settings, refresh_listing(layout, settings))
    assert (report.counts.rows, report.counts.used, report.notes) == (3, 3, [])
    rows = find_captions(report.path, [ROWS[0][0], "absent.mp4", ROWS[1][0]])
    assert rows["text"].tolist() == ['A man says "hi",\nthen leaves', "NA"]
    assert rows["frame"].tolist() == [241, 100]
    assert rows.loc[ROWS[1][0], "motion_score"] is not None
    assert read_scores(report.path)["line"].tolist() == [2, 4, 5]
    assert not list(layout.captions("openvid").parent.glob("*.csv")), "the downloaded table takes no space"


def test_the_same_captions_are_not_fetched_again(hub, layout):
    settings = OpenVid()
    before = refresh_captions(layout, settings, refresh_listing(layout, settings))
    hub.commit("nkp37/OpenVid-1M", {"OpenVid_part9.zip": b"9"})
    hub.reset_counts()
    again = refresh_captions(layout, settings, refresh_listing(layout, settings))
    assert again.n_bytes_fetched == hub.bytes_sent() == 0
    assert (again.content_hash, again.counts) == (before.content_hash, before.counts)


def test_captions_that_arrive_damaged_are_fetched_again_and_never_used(hub, layout):
    hub.fail("corrupt", at=100)
    assert captions_of(hub, layout, table()).counts.used == 3
    hub.fail("corrupt", at=100, times=2)
    with pytest.raises(ChecksumError):
        captions_of(hub, layout, table([*ROWS, ["new.mp4", "c", *ROWS[0][2:]]]))
    assert len(read_scores(layout.captions("openvid"))) == 3, "the older ones stay"


def test_rows_of_no_use_are_counted_with_their_lines(hub, layout):
    many = [[f"{n}.mp4", "words", *ROWS[0][2:]] for n in range(600)]
    bad = [["one field"], ["", *ROWS[0][1:]], ["two.mp4", "two\nlines", "high", *ROWS[0][3:]]]
    again = [ROWS[0], [ROWS[1][0], "other words", *ROWS[1][2:]]]
    report = captions_of(hub, layout, table([*ROWS, *bad, *many, *again]))
    counts = report.counts
    assert counts.left_out == {"wrong_number_of_fields": 1, "no_name": 1, "duplicate": 1, "conflicting_duplicate": 1}
    assert counts.lines["wrong_number_of_fields"] == [6]
    assert counts.lines["duplicate"] == [611]
    assert (counts.rows, counts.used, counts.bad_numbers) == (608, 604, 1)
    assert any("says something else; the earlier one is used (lines 613)" in note for note in report.notes)
    assert find_captions(report.path, [ROWS[1][0]])["text"].tolist() == ["NA"]


def test_a_trial_needs_only_the_first_part_of_the_table(hub, layout):
    many = [[f"{n}.mp4", 'ä "caption",\nof two lines', *ROWS[0][2:]] for n in range(60_000)]
    report = captions_of(hub, layout, table(many), captions_mib=1)
    assert report.n_bytes_fetched == hub.bytes_sent() == 1 << 20
    rows = read_scores(report.path)
    assert 10_000 < len(rows) < 30_000
    assert report.counts.left_out == {}, "a row that was cut is no broken row"
    assert find_captions(report.path, ["7.mp4"])["text"].tolist() == ['ä "caption",\nof two lines']
    assert "captions_mib" in report.notes[0]
    whole = refresh_captions(layout, OpenVid(), refresh_listing(layout, OpenVid()))
    assert whole.counts.used == 60_000


def test_a_quote_that_is_never_closed_costs_its_row_only(hub, layout):
    many = [[f"{n}.mp4", "words " * 50, *ROWS[0][2:]] for n in range(2000)]
    lines = table(many).splitlines(keepends=True)
    lines[5] = lines[5].replace(b"words", b'"words', 1)
    report = captions_of(hub, layout, b"".join(lines))
    assert report.counts.left_out == {"too_long": 1}
    assert report.counts.lines == {"too_long": [6]}
    assert report.counts.used == 1999


@pytest.mark.parametrize("words", ['"words', '"a "word" in quotes"'])
def test_a_row_with_a_stray_quote_takes_no_other_row_into_its_caption(hub, layout, words):
    lines = [f"{n}.mp4,one caption,{','.join(ROWS[0][2:])}\n".encode() for n in range(300)]
    lines[150] = lines[150].replace(b"one caption", words.encode())
    lines[151] = lines[151].replace(b"one caption", b'"another, with a comma"')
    report = captions_of(hub, layout, table([]) + b"".join(lines))
    assert report.counts.left_out == {"bad_quotes": 1}
    assert report.counts.lines == {"bad_quotes": [152]}
    rows = find_captions(report.path, [f"{n}.mp4" for n in range(300)])
    assert rows.loc["151.mp4", "text"] == "another, with a comma"
    assert (len(rows), set(rows["text"])) == (299, {"one caption", "another, with a comma"})


def test_a_quote_that_is_not_closed_before_the_end_costs_its_row_only(hub, layout):
    lines = table([[f"{n}.mp4", "words", *ROWS[0][2:]] for n in range(300)]).replace(b"290.mp4,", b'290.mp4,"')
    report = captions_of(hub, layout, lines)
    assert (report.counts.used, report.counts.left_out) == (299, {"bad_quotes": 1})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>an error page</html>\n", "no column with the path"),
        (b"video,caption\n", "no row that can be used"),
        (b"video,caption\n" + b"a.mp4,b,c\n" * 50 + b"b.mp4,c\n", "50 of 51 rows cannot be read"),
        (b"video,caption\na.mp4,\0\n", "a NUL byte"),
        (b'video,caption\na.mp4,"b\n', r"no row that can be used \(1 row; .*1 rows? left out, a quote .*lines 2\)"),
        (b'"video" name,caption\na.mp4,b\n', "the header is not readable"),
    ],
)
def test_a_table_of_another_format_is_refused(hub, layout, content, words):
    with pytest.raises(SourceError, match=words):
        captions_of(hub, layout, content)
    assert not layout.captions("openvid").exists()


def test_a_missing_table_is_named_with_what_is_there(hub, layout):
    with pytest.raises(NotOnHubError, match=r"captions\.csv: no such file .*OpenVid-1M\.csv"):
        captions_of(hub, layout, table(), captions="captions.csv")
    with pytest.raises(StageError, match="materialize openvid_captions"):
        find_captions(layout.captions("openvid"), ["a"])


def raw_files(layout):
    return sorted(path.name for path in layout.captions("openvid").parent.iterdir())


def test_tables_that_broken_off_runs_left_are_continued_or_removed(hub, layout):
    large = table([[f"{n}.mp4", "words " * 50, *ROWS[0][2:]] for n in range(9000)])
    hub.fail("cut_rst", path="OpenVid-1M.csv", after=2 << 20)
    hub.fail("status", path="OpenVid-1M.csv", status=404)
    with pytest.raises(NotOnHubError):
        captions_of(hub, layout, large)
    hub.commit("nkp37/OpenVid-1M", {"README.md": b"new words"})
    hub.reset_counts()
    report = refresh_captions(layout, OpenVid(), refresh_listing(layout, OpenVid()))
    assert report.n_bytes_fetched < len(large) - (1 << 20), "the same table of another commit goes on where it broke off"
    assert raw_files(layout) == ["openvid.captions.parquet"]
    with pytest.raises(SourceError):
        captions_of(hub, layout, b"<html>an error page</html>\n")
    hub.fail("status", path="OpenVid-1M.csv", status=404)
    with pytest.raises(NotOnHubError):
        captions_of(hub, layout, table(ROWS[:1]))
    (begun,) = set(raw_files(layout)) - {"openvid.captions.parquet"}
    assert begun.endswith(".part"), "a table that nobody wants any more makes room for the next"
    with pytest.raises(SourceError):
        captions_of(hub, layout, b"<html>an error page</html>\n")
    assert captions_of(hub, layout, large).n_bytes_fetched == 0
    assert raw_files(layout) == ["openvid.captions.parquet"]
