"""Noticing new clips by looking at folders: what starts a run, what does not, and what it says."""

import os
import shutil
import time
from pathlib import Path

import pytest
from deep_folder import LONGEST, deep_folder

from video_assets.core.schema import LEDGER
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.watch import look_for_news
from video_assets.storage.layout import Layout
from video_assets.storage.tables import write_table

LONG_AGO = 1_700_000_000


class Folder:
    """A clips folder whose folders have been quiet for long, and looks at it in a row."""

    def __init__(self, base):
        self.path, self.layout = base / "clips", Layout(base / "data")
        self.settings = OwnClips(folder=self.path, settle_s=10)
        self.seen, self.clock = "", LONG_AGO
        self.add("a/one.mp4", "a/b/two.mp4", "three.mp4")

    def add(self, *names):
        for name in names:
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"clip")
        self.rest()

    def rest(self):
        """Let all changes so far lie in the past, each at a moment of its own."""
        for folder, _, _ in os.walk(self.path):
            if time.time() - Path(folder).stat().st_mtime < 1000:
                self.clock += 1
                os.utime(folder, (self.clock, self.clock))

    def look(self, **options):
        news = look_for_news(self.layout, self.settings, last=self.seen, **options)
        self.seen = news.seen
        return news

    def list(self, **status):
        row = {"clip_key": "own_clips/x.mp4", "source": "own_clips", "text": "x", "extras": "{}", "reason": "", "detail": ""}
        rows = [{**row, "path": str(self.path / "x.mp4"), "status": "ok", "origin": "x", **status}]
        write_table(self.layout.ledger("own_clips"), LEDGER, LEDGER.frame(rows))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_the_first_look_starts_a_run_and_the_next_says_that_nothing_is_new(folder):
    assert folder.look().run_key.startswith("own_clips-")
    news = folder.look()
    assert (news.run_key, news.reason) == ("", "nothing new: 3 folders looked at")


@pytest.mark.parametrize("name", ["new.mp4", "a/new.mp4", "a/b/new.mp4", "new/deep/er.mp4"])
def test_a_clip_that_came_starts_one_run(folder, name):
    folder.look()
    folder.add(name)
    assert folder.look().run_key
    assert not folder.look().run_key


def test_a_folder_that_is_deeper_than_the_system_allows_stops_no_look(folder):
    with deep_folder(folder.path, LONGEST - 10) as deep:
        os.mkdir("too-long-a-name", dir_fd=deep)
        folder.rest()
        assert folder.look().run_key
        assert folder.look().reason.startswith("nothing new")


def test_the_first_look_after_a_complete_run_starts_nothing(folder):
    finish(folder)
    assert "since the last listing" in folder.look().reason
    folder.add("a/new.mp4")
    assert folder.look().run_key


@pytest.mark.parametrize("after", ["clip", "settings", "killed"])
def test_the_first_look_after_a_run_starts_what_is_new_or_was_left(folder, after):
    finish(folder)
    if after == "clip":
        folder.add("a/new.mp4")
        later = time.time() - 100
        os.utime(folder.path / "a", (later, later))
    elif after == "settings":
        folder.layout.settings.write_text("")
    else:
        folder.layout.size_filtered.unlink()
    assert folder.look().run_key


def finish(folder):
    """A run that ended two minutes ago."""
    folder.list()
    for path in (folder.layout.enriched_metadata, folder.layout.size_filtered):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for path in (folder.layout.ledger("own_clips"), folder.layout.enriched_metadata, folder.layout.size_filtered):
        moment = time.time() - 120
        os.utime(path, (moment, moment))


def test_a_clip_or_a_folder_that_went_starts_a_run(folder):
    folder.look()
    shutil.rmtree(folder.path / "a" / "b")
    folder.rest()
    assert folder.look().run_key
    (folder.path / "three.mp4").unlink()
    folder.rest()
    assert folder.look().run_key


def test_the_same_state_gives_the_same_run_key_to_whoever_asks(folder):
    keys = {look_for_news(folder.layout, folder.settings, last="").run_key for _ in range(3)}
    folder.layout.own_clips_watch.unlink()
    keys.add(look_for_news(folder.layout, folder.settings, last="").run_key)
    assert len(keys) == 1


def test_while_files_come_it_waits_until_it_is_quiet(folder):
    folder.look()
    (folder.path / "new.mp4").touch()
    news = folder.look()
    assert not news.run_key
    assert news.reason.endswith("waiting until it is quiet for 10 s")
    folder.rest()
    assert folder.look().run_key


def test_clips_that_a_listing_left_waiting_are_asked_for_again_when_they_are_done(folder):
    folder.look()
    folder.add("x.mp4")
    folder.list(status="waiting", reason="still_being_copied")
    assert folder.look().run_key
    assert folder.look().reason == f"1 clips are still being copied, first {folder.path}/x.mp4; they are taken when done"
    os.utime(folder.path / "x.mp4", (LONG_AGO, LONG_AGO))
    assert folder.look().run_key
    assert not folder.look().run_key, "once, even when the run finds it waiting again"
    folder.list()
    folder.look()
    assert folder.look().reason.startswith("nothing new")


def test_a_mount_that_is_gone_is_said_plainly_and_starts_nothing(folder):
    folder.look()
    folder.list()
    folder.path.rename(folder.path.with_name("elsewhere"))
    assert "is its disk mounted?" in folder.look().reason
    folder.path.mkdir()
    assert "is empty now, though clips were listed there; is its disk mounted?" in folder.look().reason
    folder.path.rmdir()
    folder.path.with_name("elsewhere").rename(folder.path)
    assert not folder.look().run_key, "it came back as it was"


def test_a_look_ends_when_its_time_is_up_and_the_next_goes_on(folder):
    for number in range(50):
        folder.add(f"many/{number}/clip.mp4")
    assert not folder.look(budget_s=0).run_key
    looks = 1
    while "the next look goes on from there" in (news := folder.look(budget_s=0.0002)).reason:
        looks += 1
        assert looks < 1000
    assert news.run_key
    assert folder.look().reason == "nothing new: 54 folders looked at"


def test_links_to_folders_are_followed_once_and_never_in_circles(folder, tmp_path):
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (folder.path / "link").symlink_to(tmp_path / "other")
    (folder.path / "again").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "up").symlink_to(folder.path)
    folder.look()
    (tmp_path / "other" / "deep" / "new.mp4").touch()
    assert "waiting until it is quiet" in folder.look().reason


def test_tables_that_come_to_a_pattern_are_noticed_and_one_that_fits_none_is_told(folder, tmp_path):
    folder.settings = OwnClips(folder=folder.path, captions=tmp_path / "captions-*.csv")
    assert "no captions table fits this pattern" in folder.look().reason
    for number in range(2):
        table = tmp_path / f"captions-{number}.csv"
        table.write_text("path,text\n")
        os.utime(table, (LONG_AGO, LONG_AGO + number))
        assert folder.look().run_key
        assert not folder.look().run_key


def test_the_captions_table_and_the_clips_of_the_data_root_are_told_apart(tmp_path):
    folder = Folder(tmp_path)
    table = tmp_path / "captions.csv"
    table.write_text("path,text\n")
    os.utime(table, (LONG_AGO, LONG_AGO))
    folder.layout = Layout(folder.path / "results")
    folder.settings = OwnClips(folder=folder.path, captions=table)
    folder.look()
    folder.rest()
    folder.look()
    (folder.layout.root / "inside").mkdir()
    assert folder.look().reason.startswith("nothing new")
    os.utime(table, (LONG_AGO + 5, LONG_AGO + 5))
    assert folder.look().run_key
