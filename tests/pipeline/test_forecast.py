"""A dry run says what fetched sources would bring, asks nobody for a clip, and writes nothing."""

import json
from pathlib import Path

import pytest
from command_line import command
from hub_server import FakeHub
from mira_tables import QUICK, v1_row, write_v1
from openvid_repo import REPO, make_repo, settings_for

from video_assets.core.errors import SourceError, UsageError
from video_assets.pipeline.forecast import forecast
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.hub_dataset.listing import refresh_hub
from video_assets.sources.miradata.listing import refresh_listing as list_miradata
from video_assets.sources.openvid.archive import Told
from video_assets.sources.openvid.captions import refresh_captions
from video_assets.sources.openvid.fetch import fetch_archives
from video_assets.sources.openvid.listing import refresh_listing
from video_assets.storage.layout import Layout

FOLDER = {
    "train/metadata.csv": b"file_name,text\na.mp4,a dog\nsub/b.mp4,a cat\n",
    "train/a.mp4": b"clip a",
    "train/sub/b.mp4": b"clip b",
    "test/c.mp4": b"clip c",
}


@pytest.fixture
def hub(monkeypatch):
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def files_in(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def dry(settings: Settings):
    before = files_in(settings.data_root)
    found = forecast(Layout(settings.data_root), settings)
    assert files_in(settings.data_root) == before
    return found


def test_openvid_is_estimated_before_and_after_it_is_listed_and_fetched(hub, tmp_path):
    repo = make_repo(tmp_path)
    hub.commit(REPO, repo.files)
    settings = settings_for(tmp_path / "data")
    layout = Layout(settings.data_root)
    (new,) = dry(settings).fetched
    archives = sum(len(data) for name, data in repo.files.items() if name.startswith("OpenVid_part"))
    assert (new.source, new.offered, new.there) == ("openvid", None, 0)
    assert new.n_transfer == new.n_bytes == archives
    assert new.notes[0].startswith("the table of captions (")
    assert "3 archives of 3 would be asked: openvid_part000 (new)" in new.notes[1]
    assert not layout.root.exists()

    listing = refresh_listing(layout, settings.openvid)
    refresh_captions(layout, settings.openvid, listing)
    (listed,) = dry(settings).fetched
    assert (listed.offered, listed.to_fetch) == (60, 60)
    (few,) = dry(settings_for(tmp_path / "data", archives=[0, 2], max_clips_per_archive=5, min_seconds=31)).fetched
    assert (few.offered, few.to_fetch) == (30, 10)
    assert few.n_bytes < listed.n_bytes

    told = Told(no_progress, lambda _: None, lambda _: None)
    assert not [each.failure for each in fetch_archives(layout, settings, list(listing.archives), told=told) if each.failure]
    found = dry(settings)
    (fetched,) = found.fetched
    assert (fetched.there, fetched.to_fetch, fetched.n_transfer) == (60, 0, 0)
    assert (found.listed, found.with_caption, found.to_decode, found.sampled) == (60, 60, 60, 8)
    assert found.decode_cpu_s > 0


def test_miradata_is_counted_from_a_table_of_this_disk(tmp_path):
    rows = [v1_row(f"{video}.{clip}", f"http://127.0.0.1/{video}.mp4", clip, clip + 1) for video in (1, 2) for clip in (1, 2)]
    rows += [
        v1_row("3.1", "http://127.0.0.1/3.mp4", 5, 1),
        v1_row("4.1", "http://127.0.0.1/4.mp4", 1, 2, dense_caption="", short_caption=""),
    ]
    csv = write_v1(tmp_path / "table.csv", rows)
    settings = Settings(data_root=tmp_path / "data", miradata={**QUICK, "csv": str(csv)})
    (before,) = dry(settings).fetched
    assert not settings.data_root.exists()
    list_miradata(Layout(settings.data_root), settings.miradata)
    (listed,) = dry(settings).fetched
    assert before == listed
    assert (before.offered, before.there, before.n_bytes) == (5, 0, None)
    assert before.to_fetch == 5, "nobody asks for rows of no use"
    assert "4 of its rows have a caption" in before.notes


def test_another_miradata_table_than_the_one_that_was_listed_is_what_counts(hub, tmp_path):
    rows = [v1_row(f"{video}.1", f"http://127.0.0.1/{video}.mp4", 0, 1) for video in (1, 2, 3)]
    csv = write_v1(tmp_path / "table.csv", rows)
    settings = Settings(data_root=tmp_path / "data", miradata={**QUICK, "csv": str(csv)})
    list_miradata(Layout(settings.data_root), settings.miradata)
    write_v1(csv, rows[:2])
    (shorter,) = dry(settings).fetched
    assert (shorter.offered, shorter.to_fetch) == (2, 2)
    on_hub = Settings(data_root=settings.data_root, miradata={**QUICK, "csv": "on the hub.csv", "repo": "me/mira"})
    (unknown,) = dry(on_hub).fetched
    assert (unknown.offered, "lies on the hub" in unknown.notes[0]) == (None, True)
    hub.commit("me/mira", {"on the hub.csv": csv.read_bytes()})
    list_miradata(Layout(settings.data_root), on_hub.miradata)
    assert dry(on_hub).fetched[0].offered == 2
    csv.unlink()
    with pytest.raises(SourceError, match="no such file"):
        dry(settings)


def test_a_miradata_table_on_the_hub_is_not_fetched_for_it(tmp_path):
    (found,) = dry(Settings(data_root=tmp_path, miradata=QUICK)).fetched
    assert (found.offered, found.to_fetch) == (None, None)
    assert "lies on the hub" in found.notes[0]


def test_files_of_a_data_set_on_the_hub_are_counted_exactly(hub, tmp_path):
    hub.commit("me/clips", FOLDER)
    settings = Settings(data_root=tmp_path / "data", hub={"is_enabled": True, "repo": "me/clips"})
    (new,) = dry(settings).fetched
    assert (new.offered, new.there, new.to_fetch, new.n_bytes) == (3, 0, 3, 18)
    assert new.n_transfer == sum(map(len, FOLDER.values()))
    refresh_hub(Layout(settings.data_root), settings, info=lambda _: None)
    (there,) = dry(settings).fetched
    assert (there.to_fetch, there.n_transfer) == (0, 0)


def test_the_command_shows_it_in_words_and_json(hub, tmp_path, monkeypatch):
    hub.commit("me/clips", FOLDER)
    monkeypatch.setenv("VIDEO_ASSETS_HUB__IS_ENABLED", "true")
    monkeypatch.setenv("VIDEO_ASSETS_HUB__REPO", "me/clips")
    root = tmp_path / "data"
    done = command("run", "--data-root", root, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "3 clips offered, 0 here; would be fetched: about 3 clips of 18 B" in done.stdout
    found = json.loads(command("run", "--data-root", root, "--dry-run", "--json").stdout)
    assert found["fetched"][0]["to_fetch"] == 3
    assert not root.exists()


def test_without_any_source_it_says_what_to_give(tmp_path):
    with pytest.raises(UsageError, match="no clips are set"):
        forecast(Layout(tmp_path), Settings(data_root=tmp_path))
