"""What was taken down stays out at every door: listing, enrich, publication; also clips and bytes that nobody knew yet."""

import pytest
from data_roots import Clip, fill, settings_of

from video_assets.core.schema import DROPPED, LEDGER
from video_assets.pipeline.currency import IncompleteInputError
from video_assets.pipeline.enrich import enrich
from video_assets.progress import no_progress
from video_assets.publish.publish import publish
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_table
from video_assets.tombstones.table import add_tombstones, read_rows, read_tombstones

CLIPS = [Clip(f"{number}.mp4", text=f"dog {number}") for number in range(6)]


def bury_entry(layout, kind, value):
    add_tombstones(layout, [{"kind": kind, "value": value, "request": "r1", "cause": value}])


def dropped_of(published):
    rows = read_table(published.dropped_table, DROPPED).rows
    return rows[["clip_key", "stage", "reason"]].to_numpy().tolist()


def test_without_a_table_nothing_is_taken_down(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    assert len(read_tombstones(layout)) == 0


def test_tombstones_are_added_once_and_never_changed(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    bury_entry(layout, "file_name", "1.mp4")
    before = layout.tombstones.read_bytes()
    add_tombstones(layout, [{"kind": "file_name", "value": "1.mp4", "request": "r2", "cause": "again"}])
    assert layout.tombstones.read_bytes() == before
    bury_entry(layout, "source_id", "abcdefgh")
    assert read_rows(layout)["value"].tolist() == ["1.mp4", "abcdefgh"]


def test_an_unreadable_table_stops_everything(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    layout.takedowns.mkdir()
    layout.tombstones.write_bytes(b"PAR1")
    with pytest.raises(StageError, match="nothing may be fetched or published") as told:
        enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    assert "delete it and" not in str(told.value)
    assert "Do not delete it" in str(told.value)
    with pytest.raises(StageError, match="after enriched_metadata was made"):
        publish(layout, settings)


def test_a_take_down_makes_the_product_stale_until_the_clip_is_out(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    bury_entry(layout, "clip_key", "own_clips/3.mp4")
    with pytest.raises(IncompleteInputError, match="taken down after enriched_metadata was made"):
        publish(layout, settings)
    published = publish(*fill(tmp_path, CLIPS))
    assert published.n_kept == 5
    assert dropped_of(published) == [["own_clips/3.mp4", "enriched_metadata", "taken_down"]]
    assert published.changes.examples.first_dropped == ("/clips/own_clips/3.mp4",)


def test_a_clip_that_nobody_knew_yet_never_comes_in(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    bury_entry(layout, "source_id", "abcdefghijk")
    new = [Clip("abcdefghijk_3_0to90.mp4"), Clip("abcdefghijkl_3_0to90.mp4")]
    published = publish(*fill(tmp_path, [*CLIPS, *new]))
    assert dropped_of(published) == [["own_clips/abcdefghijk_3_0to90.mp4", "enriched_metadata", "taken_down"]]
    assert layout.tombstones.exists()


def test_the_same_bytes_under_another_name_stay_out_and_no_copy_moves_up(tmp_path):
    layout, _ = fill(tmp_path, CLIPS, upto="own_clips")
    bury_entry(layout, "content_hash", "0" * 32)
    copies = [Clip("a copy.mp4", content_hash="0" * 32), Clip("another.mp4", content_hash="0" * 32)]
    published = publish(*fill(tmp_path, [*CLIPS, *copies]))
    assert published.n_kept == 6
    assert {tuple(row[1:]) for row in dropped_of(published)} == {("training_csv", "taken_down")}


def test_own_clips_that_were_taken_down_are_listed_as_such_without_their_words(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.mp4").write_bytes(b"video")
        (folder / f"{name}.txt").write_text(f"a dog named {name}")
    settings = settings_of(tmp_path / "root").model_copy(
        update={"own_clips": settings_of(tmp_path).own_clips.model_copy(update={"folder": folder, "settle_s": 0})}
    )
    layout, _ = fill(tmp_path / "root", [], upto="own_clips")
    bury_entry(layout, "file_name", "a.mp4")
    for _ in range(2):
        refresh_own_clips(layout, settings)
        rows = read_table(layout.ledger("own_clips"), LEDGER).rows
        assert rows[["status", "reason", "text"]].to_numpy().tolist() == [
            ["failed", "taken_down", ""],
            ["ok", "", "a dog named b"],
        ]
        (folder / "a.mp4").unlink(missing_ok=True)
