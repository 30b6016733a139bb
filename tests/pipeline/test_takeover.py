"""A data root of the version before: what the new rules cannot judge otherwise is not opened again."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from media_factory import damaged, flip_media, make_clip

from video_assets.core.schema import CHECKED, CLIPS, VERDICTS
from video_assets.core.sharding import shard_keys
from video_assets.media.making.encode import VideoTrack, shift_packets, write_clip
from video_assets.pipeline.currency import IncompleteInputError, current_inputs, shards_to_check
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage, write_stage
from video_assets.storage.tables import read_table, write_table

SHARDS = shard_keys(1)
OF_OLD = "0" * 32
# Columns since version 3, and since version 4.
ADDED_BY_4 = [
    "static_share",
    "black_share",
    "is_static",
    "is_black",
    "is_interlaced",
    "pixel_aspect",
    "color_transfer",
    "has_alpha",
]
ADDED = ["header_fps", "size_changes", "starts_at_s", "missing_s", *ADDED_BY_4]
VERDICTS_OF_2 = replace(VERDICTS, columns=tuple(column for column in VERDICTS.columns if column.name not in ADDED))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "clips"
    whole = make_clip(folder / "good.mp4", audio="aac")
    damaged(whole, folder / "flipped.mp4", flip_media)
    make_clip(folder / "late.mkv", muxer="matroska", edit=shift_packets(Fraction(30)))
    make_clip(folder / "crashed.mp4")
    (folder / "empty.mp4").touch()
    for clip in list(folder.iterdir()):
        clip.with_suffix(".txt").write_text("a dog runs")
    settings = Settings(
        data_root=tmp_path / "data", own_clips={"folder": folder, "settle_s": 0}, decode={"n_shards": 1, "workers": 1}
    )
    layout = Layout(settings.data_root)
    refresh_own_clips(layout, settings)
    prepare(layout, settings)
    check(layout, settings)
    make_old(layout)
    return layout, settings


def prepare(layout, settings):
    """Everything up to the shard lists; how many clips were probed."""
    n_new = enrich(layout, settings.sources, settings=settings.decode, progress=no_progress).n_new
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    list(write_shard_lists(layout, SHARDS, n_shards=1))
    return n_new


def check(layout, settings):
    [outcome] = check_shards(layout, list(SHARDS), settings=settings.decode, progress=no_progress)
    assert outcome.failure == ""
    return outcome


def make_old(layout):
    """What version 2 of the check and 1 of the probe left; the hash tells verdicts that were taken over from new ones."""
    path = layout.verdicts(SHARDS[0])
    rows = read_table(path, VERDICTS).rows.assign(checker_version="2", content_hash=OF_OLD)
    name = rows["clip_key"].str.rpartition("/")[2]
    rows.loc[name == "late.mkv", ["verdict", "reason", "duration_s"]] = ["bad", "fewer_frames", 31.2]
    rows.loc[name == "crashed.mp4", "verdict"] = "crashed"
    write_table(path, VERDICTS_OF_2, rows.drop(columns=ADDED))
    _relabel(layout.checked(SHARDS[0]), CHECKED, {"checker": "2"})
    _relabel(layout.enriched_metadata, CLIPS, {"prober": "1"})


def _relabel(path, spec, versions):
    stage = read_stage(path, spec)
    write_stage(path, spec, kept=stage.kept, dropped=stage.dropped, note=replace(stage.note, versions=versions))


def test_verdicts_that_cannot_change_are_taken_over_and_the_others_made_again_by_themselves(root):
    layout, settings = root
    assert shards_to_check(layout, settings) == list(SHARDS)
    with pytest.raises(IncompleteInputError):
        current_inputs(layout, settings)
    prepare(layout, settings)
    outcome = check(layout, settings)
    assert outcome.n_decoded == 3
    rows = read_table(layout.verdicts(SHARDS[0]), VERDICTS).rows
    old = dict(zip(rows["clip_key"].str.rpartition("/")[2], rows["content_hash"] == OF_OLD, strict=True))
    assert old == {"good.mp4": False, "flipped.mp4": True, "empty.mp4": True, "late.mkv": False, "crashed.mp4": False}
    kept = read_stage(layout.checked(SHARDS[0]), CHECKED).kept
    assert sorted(kept["clip_key"].str.rpartition("/")[2]) == ["crashed.mp4", "good.mp4", "late.mkv"]
    assert shards_to_check(layout, settings) == []
    current_inputs(layout, settings)
    assert check(layout, settings).n_decoded == 0


def test_of_version_3_nothing_is_decoded_until_a_setting_needs_what_it_did_not_look_for(root):
    layout, settings = root
    prepare(layout, settings)
    check(layout, settings)
    path = layout.verdicts(SHARDS[0])
    rows = read_table(path, VERDICTS).rows.assign(checker_version="3", content_hash=OF_OLD)
    write_table(path, replace(VERDICTS, columns=tuple(c for c in VERDICTS.columns if c.name not in ADDED_BY_4)), rows)
    _relabel(layout.checked(SHARDS[0]), CHECKED, {"checker": "3"})
    assert shards_to_check(layout, settings) == list(SHARDS)
    assert check(layout, settings).n_decoded == 0
    kept = read_stage(layout.checked(SHARDS[0]), CHECKED).kept
    assert kept["is_static"].isna().all()
    assert (kept["content_hash"] == OF_OLD).all()
    assert shards_to_check(layout, settings) == []
    refusing = Settings.model_validate(
        settings.model_dump() | {"decode": {**settings.decode.model_dump(), "refused_pictures": ["static"]}}
    )
    assert shards_to_check(layout, refusing) == list(SHARDS)
    assert check(layout, refusing).n_decoded == 4  # all that had frames; the empty file stands
    assert read_stage(layout.checked(SHARDS[0]), CHECKED).kept["is_static"].tolist() == [False] * 3
    assert check(layout, settings).n_decoded == 0


def test_clips_that_stand_still_are_dropped_where_that_is_demanded(tmp_path):
    folder = tmp_path / "clips"
    make_clip(folder / "moving.mp4")
    still = VideoTrack(
        "libx264", 64, 48, Fraction(25), [(np.full((48, 64), 90, np.uint8), *[np.full((24, 32), 128, np.uint8)] * 2)] * 50
    )
    write_clip(folder / "still.mp4", muxer="mp4", video=still)
    for clip in list(folder.iterdir()):
        clip.with_suffix(".txt").write_text("a dog runs")
    decode = {"n_shards": 1, "workers": 1, "refused_pictures": ["static"]}
    settings = Settings(data_root=tmp_path / "data", own_clips={"folder": folder, "settle_s": 0}, decode=decode)
    layout = Layout(settings.data_root)
    refresh_own_clips(layout, settings)
    prepare(layout, settings)
    assert check(layout, settings).dropped == {"static_video": 1}
    assert read_stage(layout.checked(SHARDS[0]), CHECKED).kept["clip_key"].tolist() == ["own_clips/moving.mp4"]


def test_probes_that_cannot_change_are_taken_over(root):
    layout, settings = root
    assert prepare(layout, settings) == 1
    assert prepare(layout, settings) == 0
