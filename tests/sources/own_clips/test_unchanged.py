"""A listing that would come out the same is not made again; whatever could change a line is noticed."""

import os

import pandas as pd
import pytest

from video_assets.core.schema import LEDGER
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import is_own_clips_current, refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table
from video_assets.tombstones.table import add_tombstones

OLD_NS = 1_700_000_000 * 10**9
TOMBSTONE = pd.DataFrame([{"kind": "clip_key", "value": "own_clips/b.mp4", "cause": "b", "request": "1"}])


def put(path, content="clip", *, mtime_ns=OLD_NS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


class Source:
    def __init__(self, folder):
        self.clips, self.root = folder / "clips", folder / "data"
        self.captions = folder / "captions.csv"
        for name in ("a", "b"):
            put(self.clips / f"{name}.mp4")
        self.tell(a="a dog", b="a cat")
        self.options = {}

    @property
    def layout(self):
        return Layout(self.root)

    def tell(self, **texts):
        put(self.captions, "path,text\n" + "".join(f"{name}.mp4,{text}\n" for name, text in texts.items()))

    def refresh(self):
        own = {"folder": self.clips, "captions": self.captions, **self.options}
        return refresh_own_clips(self.layout, Settings(data_root=self.root, own_clips=own))

    def rows(self):
        return read_table(self.layout.ledger("own_clips"), LEDGER).rows.set_index("clip_key")

    def origin(self):
        """What the ledger was made from; empty when it must be made again anyway."""
        path = self.layout.own_clips_origin
        return path.read_text() if path.exists() else ""

    def files(self):
        """Number and time of every file below the data root."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def source(tmp_path):
    source = Source(tmp_path)
    source.refresh()
    return source


def test_nothing_new_writes_nothing(source):
    before = source.files()
    again = source.refresh()
    assert source.files() == before
    assert again.n_rows == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda source: source.tell(a="a dog", b="a cow"),  # as many bytes, the same time
        lambda source: put(source.clips / "b.mp4", "another clip"),
        lambda source: put(source.clips / "b.mp4", mtime_ns=OLD_NS + 1),
        lambda source: (source.clips / "b.mp4").unlink(),
        lambda source: put(source.clips / "c.mp4"),
        lambda source: source.options.update(suffixes=[".mp4", ".mkv"], text_column="text"),
        lambda source: add_tombstones(source.layout, TOMBSTONE),
    ],
    ids=["bytes of the table", "size", "time", "gone", "new", "settings", "take-down"],
)
def test_whatever_changes_a_line_is_listed_anew(source, change):
    state = source.origin()
    change(source)
    source.refresh()
    assert source.origin() != state


def test_a_file_that_appears_where_only_the_table_looks_is_noticed(tmp_path):
    source = Source(tmp_path)
    source.options = {"root": tmp_path}
    put(source.captions, f"path,text\na.mp4,a dog\n{tmp_path}/elsewhere/c.mp4,a cow\n")
    source.refresh()
    assert source.rows()["reason"]["own_clips/elsewhere/c.mp4"] == "missing_file"
    put(tmp_path / "elsewhere" / "c.mp4")
    source.refresh()
    assert source.rows()["status"]["own_clips/elsewhere/c.mp4"] == "ok"


def test_a_clip_that_waits_is_looked_at_again(source):
    put(source.clips / "c.mp4", mtime_ns=4_000_000_000 * 10**9)
    source.refresh()
    assert source.rows()["status"]["own_clips/c.mp4"] == "waiting"
    source.refresh()
    assert source.rows()["status"]["own_clips/c.mp4"] == "ok"


def test_a_ledger_that_somebody_replaced_is_made_again(source):
    ledger = source.layout.ledger("own_clips")
    whole = ledger.read_bytes()
    ledger.unlink()
    source.refresh()
    assert ledger.read_bytes() == whole


def test_videos_of_other_endings_are_told_each_time_and_noticed_when_they_come(source):
    put(source.clips / "x.3gp")
    (note,) = (note for note in source.refresh().notes if "NOT taken" in note)
    assert '.3gp: 1), first x.3gp; to take them, add ".3gp"' in note
    before = source.files()
    assert note in source.refresh().notes
    assert source.files() == before
    put(source.clips / "y.3gp")
    assert any(".3gp: 2), first x.3gp" in told for told in source.refresh().notes)


def test_a_clip_that_is_gone_keeps_its_caption_and_extras(source):
    put(source.captions, "path,text,colour\na.mp4,a dog,red\nb.mp4,a cat,blue\n")
    source.refresh()
    (source.clips / "b.mp4").unlink()
    source.tell(a="a dog")
    source.refresh()
    gone = source.rows().loc["own_clips/b.mp4"]
    assert (gone["reason"], gone["text"], gone["extras"]) == ("gone", "a cat", '{"colour": "blue"}')


def test_a_table_of_another_size_is_news_before_the_folder_is_walked(tmp_path):
    source = Source(tmp_path)
    source.refresh()
    settings = Settings(data_root=source.root, own_clips={"folder": source.clips, "captions": source.captions})
    assert is_own_clips_current(source.layout, settings)
    source.tell(a="a dog", b="a cat that sleeps")
    source.clips.rename(tmp_path / "away")  # whoever walks it says that it is not there
    assert not is_own_clips_current(source.layout, settings)


@pytest.mark.parametrize("torn", [b"", b'["a', b'{"a": 1}', b"[1]", b"\xf0[]"])
def test_notes_that_the_disk_has_torn_stop_nothing(tmp_path, torn):
    source = Source(tmp_path)
    source.refresh()
    notes = source.layout.notes("own_clips")
    notes.write_bytes(torn)
    (told,) = source.refresh().notes
    assert told.startswith(f"{notes} cannot be read")
    source.tell(a="another dog", b="a cat")
    assert source.refresh().notes == []
