"""What was appended to a captions table, and clips that came, went or changed, give the ledger that a whole listing gives."""

import os
import time

import pytest

from video_assets.core.errors import SourceError
from video_assets.settings.model import Settings
from video_assets.sources import ledgers
from video_assets.storage.layout import Layout

OLD_NS = 1_700_000_000 * 10**9
ROWS = [*(f'{name}.mp4,"a {name}, and ""more""\nof it",{name}' for name in "abcdef")]


def put(path, content="clip", *, mtime_ns=OLD_NS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))


class Source:
    """One folder of clips, listed into two data roots: step by step, and as a whole each time."""

    def __init__(self, folder):
        self.folder, self.clips, self.captions = folder, folder / "clips", folder / "captions.csv"
        self.options = {"folder": self.clips, "captions": self.captions}
        for name in "abcdefghij":
            put(self.clips / f"{name}.mp4")
        self.tell(ROWS)

    def tell(self, rows):
        put(self.captions, "path,text,mood\n" + "".join(f"{row}\n" for row in rows))

    def append(self, *rows):
        put(self.captions, self.captions.read_text() + "".join(f"{row}\n" for row in rows))

    def refresh(self, name):
        layout = Layout(self.folder / name)
        ledgers.refresh_own_clips(layout, Settings(data_root=layout.root, own_clips=self.options))
        return layout.ledger("own_clips").read_bytes(), ledgers.listing_notes(layout, "own_clips")

    def refresh_whole(self):
        Layout(self.folder / "whole").own_clips_origin.unlink(missing_ok=True)
        return self.refresh("whole")


@pytest.fixture
def source(tmp_path):
    source = Source(tmp_path)
    assert source.refresh("data") == source.refresh("whole")
    return source


def appended(source):
    put(source.clips / "new/k.mp4")
    source.append('g.mp4,"two\nlines",glad', "new/k.mp4,k,")


def twice_appended(source):
    appended(source)
    source.refresh("data")
    source.refresh("whole")
    source.append("h.mp4,h,")


def written_again(source):
    put(source.clips / "a.mp4", "another clip")
    put(source.clips / "j.mp4", "another clip")


def written_now(source):
    put(source.clips / "a.mp4", "a longer clip", mtime_ns=time.time_ns())


def waited(source):
    written_now(source)
    source.refresh("data")
    source.refresh("whole")
    put(source.clips / "a.mp4", "a longer clip")


def come_without_a_row(source):
    put(source.clips / "0.mp4")
    put(source.clips / "z.mp4.part")


def gone(source):
    (source.clips / "j.mp4").unlink()


def gone_and_back(source):
    gone(source)
    for _ in range(2):
        source.refresh("data")
        source.refresh("whole")
    put(source.clips / "j.mp4")


LITTLE = [appended, twice_appended, written_again, written_now, waited, come_without_a_row, gone, gone_and_back]


@pytest.mark.parametrize("change", LITTLE)
def test_little_that_is_new_gives_the_ledger_of_a_whole_listing_without_one(source, change, monkeypatch):
    change(source)
    whole = source.refresh_whole()
    monkeypatch.setattr(ledgers, "list_in_parts", None)  # it is not asked
    assert source.refresh("data") == whole


def other_caption(source):
    source.tell(["a.mp4,another,", *ROWS[1:]])


def row_removed(source):
    source.tell(ROWS[1:])


def clip_of_a_row_removed(source):
    (source.clips / "b.mp4").unlink()


def missing_file(source):
    source.append("nowhere.mp4,text,")


def repeated(source):
    source.append("a.mp4,again,", "g.mp4,g,", "g.mp4,again,")


def repeated_and_changed(source):
    put(source.clips / "a.mp4", "another clip")
    source.append("a.mp4,again,")


def spelled_otherwise(source):
    source.append("G.MP4,g,")


def not_quoted_well(source):
    source.append('g.mp4,a 5" screen,')


def more_is_in_the_folder_than_clips(source):
    put(source.clips / "cover.jpg")
    put(source.clips / "a.txt", "a caption")


def other_settings(source):
    source.options["settle_s"] = 1


def end_missing(source):
    source.captions.write_text(source.captions.read_text().rstrip("\n"))
    source.refresh("data")
    source.refresh("whole")
    source.captions.write_text(source.captions.read_text() + " more\n")


def in_another_encoding(source):
    source.captions.write_bytes(source.captions.read_bytes() + "g.mp4,café,\n".encode("cp1252"))
    os.utime(source.captions, ns=(OLD_NS, OLD_NS))


OTHERS = [
    other_caption,
    row_removed,
    clip_of_a_row_removed,
    missing_file,
    repeated,
    repeated_and_changed,
    spelled_otherwise,
    not_quoted_well,
    more_is_in_the_folder_than_clips,
    other_settings,
    end_missing,
    in_another_encoding,
]


@pytest.mark.parametrize("change", OTHERS)
def test_whatever_else_has_changed_the_ledger_is_that_of_a_whole_listing(source, change):
    change(source)
    whole = source.refresh_whole()
    assert source.refresh("data") == whole
    if change is not in_another_encoding:  # what text is appended now would be another one
        source.append("i.mp4,i,")
    assert source.refresh("data") == source.refresh_whole()


def test_a_table_that_is_gone_is_named_and_the_ledger_stays(source):
    before = source.refresh("data")
    source.captions.unlink()
    with pytest.raises(SourceError, match="no such captions table"):
        source.refresh("data")
    source.tell(ROWS)
    assert source.refresh("data") == before


@pytest.mark.parametrize(("row", "problem"), [(b"g.mp4,a\0b,\n", "NUL"), (b"g.mp4,\x81\x8d,\n", "0x81")])
def test_bytes_that_are_no_text_are_named_by_their_line_when_they_were_appended(source, row, problem):
    before = source.refresh("data")
    source.captions.write_bytes(source.captions.read_bytes() + row)
    with pytest.raises(SourceError, match=rf"captions.csv, line 14: .*{problem}"):
        source.refresh("data")
    source.tell(ROWS)
    assert source.refresh("data") == before
