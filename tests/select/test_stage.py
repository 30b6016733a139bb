"""What is not wanted is dropped with a reason at publication; changing what is wanted decodes nothing."""

import pytest
from data_roots import Clip, fill, settings_of
from pydantic import ValidationError

from video_assets.core.schema import DROPPED
from video_assets.explain.why import explain
from video_assets.publish.audit import audit_training
from video_assets.publish.publish import publish
from video_assets.settings.model import Settings
from video_assets.settings.origins import list_settings
from video_assets.storage.tables import read_table

CLIPS = [
    Clip("a.mp4", num_frames=90, height=720, width=1280),
    Clip("b.mp4", num_frames=50, height=720, width=1280),
    Clip("c.mp4", num_frames=90, height=360, width=640),
    Clip("d.webm", text="None"),
    Clip("e.mp4", text="None"),
    Clip("f.mp4", text="a very long caption of seven words"),
]


def dropped(published) -> dict[str, tuple[str, str]]:
    rows = read_table(published.dropped_table, DROPPED).rows
    return {key.rpartition("/")[2]: (stage, reason) for key, stage, reason in rows[["clip_key", "stage", "reason"]].to_numpy()}


def published_with(root, **sections):
    layout, _ = fill(root, CLIPS)
    settings = settings_of(root, **sections)
    return layout, settings, publish(layout, settings)


def test_by_default_everything_is_wanted(tmp_path):
    *_, published = published_with(tmp_path)
    assert (published.n_kept, dropped(published)) == (6, {})


def test_limits_drop_with_a_reason_of_the_stage_and_nothing_is_lost(tmp_path):
    layout, settings, published = published_with(tmp_path, select={"min_frames": 51, "min_height": 480})
    assert dropped(published) == {"b.mp4": ("selected", "too_short"), "c.mp4": ("selected", "too_small")}
    assert published.n_kept + 2 == published.n_listed == 6
    assert not [
        finding for finding in audit_training(layout, settings) if not finding.is_passed and finding.name != "files_exist"
    ]
    (found,) = explain(layout, settings, "b.mp4")
    assert (found.steps[-1].stage, found.steps[-1].reason) == ("selected", "too_short")


def test_other_limits_make_another_version_and_decode_nothing(tmp_path):
    layout, _, first = published_with(tmp_path, select={"min_frames": 51})
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "decode").rglob("*") if path.is_file()}
    second = publish(layout, settings_of(tmp_path, select={"min_frames": 40}))
    again = publish(layout, settings_of(tmp_path, select={"min_frames": 40}))
    assert (first.n_kept, second.n_kept, first.version, second.version, again.version) == (5, 6, 1, 2, 2)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "decode").rglob("*") if path.is_file()}


def test_a_named_trainer_drops_what_it_cannot_take(tmp_path):
    *_, published = published_with(tmp_path, training={"for": ["open-sora-1.2"]})
    assert dropped(published) == {
        "d.webm": ("training_csv", "suffix_refused"),
        "e.mp4": ("training_csv", "caption_read_as_missing"),
    }


def test_of_two_copies_the_one_that_is_wanted_stays(tmp_path):
    clips = [Clip("a.mp4", text="short", content_hash="same"), Clip("b.mp4", text="long enough to stay", content_hash="same")]
    layout, _ = fill(tmp_path, clips)
    published = publish(layout, settings_of(tmp_path, select={"min_caption_words": 3}))
    assert dropped(published) == {"a.mp4": ("selected", "caption_not_wanted")}


def test_without_a_named_licence_a_clip_is_dropped(tmp_path):
    layout, _, published = published_with(
        tmp_path, own_clips={"folder": "/clips", "licence": "CC-BY-4.0"}, training={"licences": ["CC-BY-4.0"]}
    )
    assert published.n_kept == 6
    with pytest.raises(Exception, match=r"6 licence_not_allowed \(training_csv\)"):
        publish(layout, settings_of(tmp_path, training={"licences": ["CC-BY-4.0"]}))


def test_an_unknown_trainer_lists_those_there_are():
    with pytest.raises(ValidationError, match=r"no target 'wan'; there are: open-sora-1\.2"):
        Settings(data_root="x", training={"for": ["wan"]})


def test_the_setting_is_called_for_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEO_ASSETS_TRAINING__FOR", '["ltx"]')
    (found,) = list_settings(Settings(data_root=tmp_path), "training.for")
    assert (found.key, found.value, found.origin) == ("training.for", ["ltx"], "$VIDEO_ASSETS_TRAINING__FOR")
