"""A stage is two files of one run, or it is refused."""

import pandas as pd
import pytest

from video_assets.core.schema import CLIPS, DROPPED
from video_assets.storage.stages import StageError, StageNote, dropped_path, read_stage, stage_hash, stage_note, write_stage
from video_assets.storage.tables import write_table


def clips(*names):
    row = {
        "source": "own_clips",
        "text": "a dog",
        "file_size": 1,
        "mtime_ns": 1,
        "probe_status": "ok",
        "probe_detail": "",
        "extras": "{}",
    }
    return CLIPS.frame([row | {"clip_key": f"own_clips/{name}", "path": f"/clips/{name}"} for name in names])


def dropped(*names):
    row = {"source": "own_clips", "stage": "size_filtered", "reason": "file_too_large", "detail": ""}
    return DROPPED.frame([row | {"clip_key": f"own_clips/{name}", "path": f"/clips/{name}"} for name in names])


def test_both_halves_and_the_note_come_back(tmp_path):
    path = tmp_path / "size_filtered.parquet"
    content_hash = write_stage(path, CLIPS, kept=clips("a"), dropped=dropped("b"), note=StageNote(inputs={"x": "1"}))
    stage = read_stage(path, CLIPS)
    pd.testing.assert_frame_equal(stage.kept, clips("a"))
    pd.testing.assert_frame_equal(stage.dropped, dropped("b"))
    assert stage.note.inputs == {"x": "1"} == stage_note(path).inputs
    assert stage.content_hash == content_hash == stage_hash(path)


def test_only_the_wanted_columns_are_read(tmp_path):
    path = tmp_path / "size_filtered.parquet"
    write_stage(path, CLIPS, kept=clips("a"), dropped=dropped("b"), note=StageNote())
    assert list(read_stage(path, CLIPS, columns=["text", "clip_key"]).kept.columns) == ["text", "clip_key"]


def test_other_dropped_clips_are_another_stage_even_when_the_kept_ones_are_the_same(tmp_path):
    path = tmp_path / "size_filtered.parquet"
    first = write_stage(path, CLIPS, kept=clips("a"), dropped=dropped(), note=StageNote())
    assert write_stage(path, CLIPS, kept=clips("a"), dropped=dropped("b"), note=StageNote()) != first
    assert write_stage(path, CLIPS, kept=clips("a"), dropped=dropped(), note=StageNote()) == first


def test_a_kill_between_the_two_files_is_noticed(tmp_path):
    path = tmp_path / "size_filtered.parquet"
    write_stage(path, CLIPS, kept=clips("a"), dropped=dropped("b"), note=StageNote())
    write_table(dropped_path(path), DROPPED, dropped("b", "c"))
    with pytest.raises(StageError, match=r"not of the same run .*materialize size_filtered again"):
        read_stage(path, CLIPS)


@pytest.mark.parametrize("is_dropped_missing", [False, True])
def test_a_missing_file_says_what_to_materialize(tmp_path, is_dropped_missing):
    path = tmp_path / "checked" / "00001-of-00003.parquet"
    write_stage(path, CLIPS, kept=clips("a"), dropped=dropped(), note=StageNote())
    (dropped_path(path) if is_dropped_missing else path).unlink()
    with pytest.raises(StageError, match=r"is missing: materialize decode_check, partition 00001-of-00003"):
        read_stage(path, CLIPS)


def test_hash_and_note_of_a_missing_stage_say_what_to_materialize(tmp_path):
    for ask in (stage_hash, stage_note):
        with pytest.raises(StageError, match="materialize size_filtered"):
            ask(tmp_path / "size_filtered.parquet")


def test_a_torn_table_is_refused(tmp_path):
    path = tmp_path / "size_filtered.parquet"
    write_stage(path, CLIPS, kept=clips("a"), dropped=dropped(), note=StageNote())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StageError, match="not a readable table"):
        read_stage(path, CLIPS)
    with pytest.raises(StageError, match="not a readable table"):
        stage_note(path)
